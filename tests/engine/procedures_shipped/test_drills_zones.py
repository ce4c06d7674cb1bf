"""More of the zones, in-process: real mounts, a zone that was moved, nothing damaged, nothing left to mend with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.drills.ruin import new_version
from tests.engine.procedures_shipped.drilling import whole
from tests.engine.procedures_shipped.following import follow
from tests.faults import checker
from tests.faults.checker import RAW, VALIDATED, tree
from tests.faults.conftest import Mounts
from tests.faults.damage import snapshot
from tests.faults.scenario import SPOILT, Scenario, make_fresh, migrate, run
from tests.support import write_raw

soak = pytest.mark.soak


@soak
def test_where_nothing_is_damaged_nothing_is_done(done: Scenario) -> None:
    before = snapshot(done.root)
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "look", "verify", "what", "allow"]
    assert snapshot(done.root) == before
    whole(done, followed)


@soak
def test_a_copy_of_which_nothing_is_left_comes_again_from_its_owner(done: Scenario) -> None:
    """Raw has other bytes by now, which fail: of the first version only the published copy was left."""
    before = tree(done.root)
    for name in os.listdir(done.root / VALIDATED):
        shutil.rmtree(done.root / VALIDATED / name)
    followed = follow(done.root, "validated-lost", {"what": "Yes", "owner": lambda root: write_raw(root, SPOILT, "[]")})
    assert "owner" in followed.way
    gone = {name for name, digest in before.items() if tree(done.root).get(name) != digest and digest != "folder"}
    assert gone == {SPOILT}
    new_version(done)
    whole(done, followed)


@soak
@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("zone", "procedure", "brake"),
    [(VALIDATED, "validated-lost", "zone-filesystem"), (RAW, "raw-not-mounted", "zone-filesystem")],
)
def test_a_mount_that_is_missing_is_mounted(
    tmp_path: Path, place: Path, mounts: Mounts, zone: str, procedure: str, brake: str
) -> None:
    """The zone lies on another file system, whose mount went: what is below it is an empty folder."""
    fresh = make_fresh(tmp_path / "ws")
    real = place / "zone"
    shutil.move(fresh.root / zone, real)
    (fresh.root / zone).mkdir()
    mounts.bind(real, fresh.root / zone)
    assert migrate(fresh.root).status == 1
    scenario = fresh.remember()
    before = sorted(path.stat().st_ino for path in checker.walk_files(fresh.root / zone))
    mounts.off(fresh.root / zone)
    refused = migrate(fresh.root)
    assert refused.status == 4 and brake in refused.text
    followed = follow(fresh.root, procedure, {"mount": lambda root: mounts.bind(real, root / zone), "what": "No"})
    assert "repair" not in followed.way
    assert sorted(path.stat().st_ino for path in checker.walk_files(fresh.root / zone)) == before
    whole(scenario, followed)


@soak
@pytest.mark.needs_root
@pytest.mark.parametrize(("zone", "procedure"), [(VALIDATED, "validated-lost"), (RAW, "raw-not-mounted")])
def test_a_zone_that_was_moved_on_purpose_belongs_there(
    tmp_path: Path, place: Path, mounts: Mounts, zone: str, procedure: str
) -> None:
    scenario = make_fresh(tmp_path / "ws")
    assert migrate(scenario.root).status == 1
    shutil.copytree(scenario.root / zone, place / "zone")
    mounts.bind(place / "zone", scenario.root / zone)
    assert migrate(scenario.root).status == 4

    def say(root: Path) -> None:
        told = run(root, "migrate", "--yes", "--override", "zone-filesystem", "--reason", "a larger disk")
        assert told.status == 1, told.text

    followed = follow(scenario.root, procedure, {"what": "It was moved", "moved": say})
    scenario.restored = True
    scenario.remember()
    whole(scenario, followed)
