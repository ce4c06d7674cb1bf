"""Drills in the zones: copies, raw files, mounts. Each is brought back by following its procedure alone."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.procedures_shipped.drilling import new_version, whole
from tests.engine.procedures_shipped.following import follow
from tests.faults import checker
from tests.faults.checker import BACKUPS, RAW, STATE, VALIDATED, sha256_of, tree
from tests.faults.conftest import Mounts
from tests.faults.damage import flip, snapshot
from tests.faults.scenario import SPOILT, Scenario, first_name, make_fresh, migrate, run
from tests.support import SMALL_SCHEMA, valid_record, write_raw
from tests.support.workspace import encode

soak = pytest.mark.soak
SCHEMA = "config/schemas/small.json"


# ── what lies in the zones ───────────────────────────────────────────────────────────────────────────────────────


def test_corrupted_copies_are_replaced_and_nothing_else(done: Scenario) -> None:
    before = snapshot(done.root)
    names = [name for name in sorted(before) if name.startswith(VALIDATED) and not name.endswith("_metadata.json")]
    names = [name for name in names if not name.endswith(SPOILT)][:3]
    for name in names:
        flip(done.root / name, random.Random(name))
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "look", "verify", "what", "device", "repair", "rest", "again", "allow"]
    after = snapshot(done.root)
    zones = [name for name in before if name.startswith((VALIDATED, RAW))]
    assert {name: after[name].sha256 for name in zones} == {name: before[name].sha256 for name in zones}
    assert {name for name in zones if after[name].mtime_ns != before[name].mtime_ns} <= set(names)
    whole(done, followed)


@soak
def test_where_nothing_is_damaged_nothing_is_done(done: Scenario) -> None:
    before = snapshot(done.root)
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "look", "verify", "what", "allow"]
    assert snapshot(done.root) == before
    whole(done, followed)


@soak
def test_a_corrupted_raw_file_gets_its_bytes_back(done: Scenario, tmp_path: Path) -> None:
    path = f"{RAW}/{first_name(4)}"
    before = sha256_of(done.root / path)
    flip(done.root / path, random.Random(1))
    (tmp_path / "kept").mkdir()
    answers = {"which": path, "folder": str(tmp_path / "kept")}
    followed = follow(done.root, "raw-data-corrupted", answers)
    assert "repair" in followed.way
    assert sha256_of(done.root / path) == before
    assert len(list((tmp_path / "kept").iterdir())) == 1
    done.remember()
    whole(done, followed)


@soak
def test_a_raw_file_without_a_copy_comes_again_from_its_source(done: Scenario, tmp_path: Path) -> None:
    """Raw and published copy are damaged, alike; a new version takes their place, and readers see it whole."""
    path = first_name(4)
    for zone in (RAW, VALIDATED):
        flip(done.root / zone / path, random.Random(1))
    (tmp_path / "kept").mkdir()
    content = [valid_record(99)]
    answers: dict[str, Any] = {
        "which": f"{RAW}/{path}",
        "folder": str(tmp_path / "kept"),
        "how": "No",
        "import": lambda root: write_raw(root, path, content),
    }
    followed = follow(done.root, "raw-data-corrupted", answers)
    new = encode(path, content)
    assert (done.root / VALIDATED / path).read_bytes() == new
    done.known[f"{VALIDATED}/{path}"] |= {sha256_of(done.root / VALIDATED / path)}
    done.remember()
    kept = [sha256_of(file) for file in checker.walk_files(done.root / BACKUPS) if file.name == Path(path).name]
    done.known[f"{VALIDATED}/{path}"] |= set(kept)  # the damaged copy lies in the run's backup
    whole(done, followed)


@soak
def test_an_emptied_zone_comes_back_as_it_was_published(done: Scenario) -> None:
    """Also what today's schema would refuse: nothing is judged again."""
    new_version(done)
    before = tree(done.root)
    strict = json.loads(json.dumps(SMALL_SCHEMA))
    strict["properties"]["amount"]["minimum"] = 10_000_000
    schema = (done.root / SCHEMA).read_bytes()
    (done.root / SCHEMA).write_text(json.dumps(strict))
    for name in os.listdir(done.root / VALIDATED):
        shutil.rmtree(done.root / VALIDATED / name)
    refused = migrate(done.root)
    assert refused.status == 4 and "missing" in refused.text
    followed = follow(done.root, "validated-lost", {"what": "Yes"})
    assert followed.way[:6] == ["stop", "look", "what", "verify", "rest", "repair"]
    assert tree(done.root) == before
    (done.root / SCHEMA).write_bytes(schema)
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
def test_a_zone_that_is_not_mounted_is_mounted_and_nothing_is_copied(done: Scenario) -> None:
    aside = done.root.parent / "aside"
    (done.root / VALIDATED).rename(aside)
    (done.root / VALIDATED).mkdir()
    before = {path: path.stat().st_ino for path in checker.walk_files(aside)}

    def mount(root: Path) -> None:
        (root / VALIDATED).rmdir()
        aside.rename(root / VALIDATED)

    followed = follow(done.root, "validated-lost", {"what": "No", "mount": mount})
    assert "repair" not in followed.way
    assert sorted(path.stat().st_ino for path in checker.walk_files(done.root / VALIDATED)) == sorted(before.values())
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


@soak
def test_raw_files_that_are_back_are_found_whole(done: Scenario) -> None:
    aside = done.root.parent / "aside"
    (done.root / RAW).rename(aside)
    (done.root / RAW).mkdir()
    assert migrate(done.root).status == 4

    def mount(root: Path) -> None:
        (root / RAW).rmdir()
        aside.rename(root / RAW)

    whole(done, follow(done.root, "raw-not-mounted", {"what": "No", "mount": mount}))


@soak
@pytest.mark.parametrize("state", [False, True])
def test_an_old_backup_copied_over_is_taken_back(done: Scenario, state: bool) -> None:
    before = tree(done.root)
    backup = next(path for path in sorted((done.root / BACKUPS).iterdir()))
    subprocess.run(f"cp -r {backup}/* {done.root / VALIDATED}/", shell=True, check=True)
    if state:  # the runbook's next line
        shutil.copy(done.root / f"{STATE}.bak", done.root / STATE)
    assert tree(done.root) != before
    followed = follow(done.root, "stale-backup-copied", {"flat": "No"})
    assert tree(done.root) == before
    whole(done, followed)


@soak
def test_a_foreign_backup_copied_over_is_taken_back(done: Scenario) -> None:
    """Of another workspace: other versions of our names, files in folders of ours, and one at the top."""
    before = tree(done.root)
    names = [name for name in before if name.endswith("data.json") and name != SPOILT][:2]
    for name in (*names, "alpha/dumps/extra/data.json", "data.json"):
        path = done.root / VALIDATED / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode("x.json", [valid_record(5)]))

    def move(root: Path) -> None:
        shutil.move(root / VALIDATED / "data.json", root.parent)
        shutil.move(root / VALIDATED / "alpha/dumps/extra", root.parent)

    followed = follow(done.root, "stale-backup-copied", {"flat": "Yes", "move": move})
    assert tree(done.root) == before
    for path in checker.walk_files(done.root / BACKUPS):  # what was copied over is kept
        name = f"{VALIDATED}/" + path.relative_to(done.root / BACKUPS).as_posix().partition("/")[2]
        done.known[name] = done.known.get(name, frozenset()) | {sha256_of(path)}
    whole(done, followed)
