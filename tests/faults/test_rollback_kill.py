"""A rollback killed, or refused by the system, anywhere: the next run settles it, and taking back again finishes it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from console.engine.actions.rollback.model import RollbackParams
from console.engine.environment import FAILPOINTS
from console.engine.model import MigrateParams
from tests.faults import checker
from tests.faults.checker import Expected, Standing, differences, examine, picture
from tests.faults.inside import Inside
from tests.faults.scenario import Scenario, make_waiting

CHANGES = [name for name in FAILPOINTS if name.startswith("change.") and name not in ("change.copied", "change.mode")]
RUNS = ["run.locked", "run.registered", "run.planned", "run.recorded", "log.written", "report.written"]
MIRROR = [name for name in FAILPOINTS if name.startswith("mirror.")]
PLACES = [(name, 1) for name in (*CHANGES, *RUNS, *MIRROR)]
PLACES += [("change.put", 4), ("change.taken", 5)]
LATER = [(name, n) for name in ("change.put", "change.taken", "log.written") for n in range(2, 26)]


class Template(NamedTuple):
    """A workspace whose second run can be taken back: the pictures before and after it, its id, every version."""

    scenario: Scenario
    before: dict[str, Standing | str]
    after: dict[str, Standing | str]
    run: str
    bytes: set[str]


def lists(root: Path) -> set[str]:
    """What the archive says of itself: written again whenever it changes, and no data."""
    names = ("SHA256SUMS", "ARCHIVE_LOG.txt")
    return {checker.sha256_of(path) for name in names for path in (root / checker.ARCHIVE).rglob(name)}


def template(folder: Path, operation: str) -> Template:
    scenario = make_waiting(folder / "ws", 12, {"workers": 1})
    inside = Inside(scenario.root)
    before = picture(scenario.root)
    done = inside.migrate(operation=operation)
    assert done.counts["processed"] == 8, done.text
    for reserve in ("reserve", "reserve.inodes"):  # nothing here fills the disk, and copies are quicker without
        path = scenario.root / ".opsconsole" / reserve
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    known = checker.everything(scenario.root) - lists(scenario.root)
    return Template(scenario, before, picture(scenario.root), done.id, known)


@pytest.fixture(scope="module", params=["move", pytest.param("copy", marks=pytest.mark.soak)])
def done(request: pytest.FixtureRequest, ground: Path) -> Iterator[Template]:
    folder = ground / f"kill-{request.param}"
    yield template(folder, request.param)
    shutil.rmtree(folder)


@pytest.fixture
def inside(done: Template, place: Path) -> Inside:
    shutil.copytree(done.scenario.root, place / "ws", symlinks=True)
    return Inside(place / "ws")


def whole(inside: Inside, done: Template, why: str, *, settled: bool = True) -> None:
    """Nothing torn, nothing lost, and once it is settled nothing left over."""
    known = done.scenario.known
    expected = Expected(known, checker.snapshot_raw(inside.root), done.scenario.folders, restored=True)
    found = [str(finding) for finding in examine(inside.root, expected, settled=settled)]
    assert found == [], why
    assert done.bytes <= checker.everything(inside.root), f"bytes are lost {why}"


def comes_back(inside: Inside, done: Template, why: str) -> None:
    """Taking it back once more comes to the end of an undisturbed rollback, and doing it again to that of the run."""
    again = inside.rollback(done.run)
    if again.status == 4:  # the one before had come to its end
        assert "rolled back already" in again.text, why
    else:
        assert again.status == 0, f"{why}: {again.text}"
    whole(inside, done, why)
    assert differences(done.before, picture(inside.root)) == [], why
    migrated = inside.migrate()
    assert migrated.counts.get("held") == 8 and "processed" not in migrated.counts, f"{why}: {migrated.counts}"


@pytest.mark.parametrize(("name", "n"), PLACES)
def test_kill_at_a_failpoint(inside: Inside, done: Template, name: str, n: int) -> None:
    why = f"kill -9 at {name}:{n}"
    assert inside.killed("rollback", RollbackParams(done.run), f"{name}:{n}"), f"no rollback comes past {name}:{n}"
    whole(inside, done, f"right after {why}", settled=False)
    comes_back(inside, done, why)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "n"), LATER)
@pytest.mark.parametrize("then", ["rollback", "migrate", "reprocess"])
def test_kill_at_later_turns(inside: Inside, done: Template, name: str, n: int, then: str) -> None:
    """Whatever the next run is, it settles first."""
    why = f"kill -9 at {name}:{n}, then {then}"
    inside.killed("rollback", RollbackParams(done.run), f"{name}:{n}")
    whole(inside, done, f"right after {why}", settled=False)
    if then == "migrate":
        assert inside.migrate().status == 1, why
    elif then == "reprocess":
        assert inside.reprocess(all=True).status == 1, why
    whole(inside, done, why, settled=then != "rollback")
    again = inside.rollback(done.run)
    assert again.status in (0, 4), f"{why}: {again.text}"
    whole(inside, done, why)
    assert differences(done.before, picture(inside.root)) == [], why


@pytest.mark.parametrize("name", ["recover.item", "recover.recorded"])
@pytest.mark.parametrize("first", ["change.intended:1", "change.put:3", "change.taken:4", "change.done:1"])
def test_kill_while_settling(inside: Inside, done: Template, first: str, name: str) -> None:
    """A crash of the recovery of a crash."""
    assert inside.killed("rollback", RollbackParams(done.run), first)
    assert inside.killed("migrate", MigrateParams(), f"{name}:1")
    why = f"kill -9 at {first}, then at {name}"
    whole(inside, done, f"right after {why}", settled=False)
    comes_back(inside, done, why)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize(("name", "n"), [(name, 1) for name in CHANGES] + [("change.taken", 3), ("change.put", 2)])
def test_an_error_of_the_system(inside: Inside, done: Template, name: str, n: int, number: int) -> None:
    """The batch in hand is undone (or settled by the next run where nothing can be believed); nothing is half done."""
    why = f"{errno.errorcode[number]} at {name}:{n}"
    ran = inside.rollback(done.run, f"{name}:{n}:{number}")
    assert ran.status == 1, f"{why}: {ran.text}"
    whole(inside, done, f"right after {why}", settled=False)
    if number == errno.ENOSPC and name != "change.recorded":
        assert differences(done.after, picture(inside.root)) == [], why
        assert ran.counts.get("not_tried"), f"{why}: {ran.counts}"
    comes_back(inside, done, why)


@pytest.mark.needs_root
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("zone", [checker.BACKUPS, checker.ARCHIVE])
def test_kill_between_copy_and_removal(place: Path, mounts: object, zone: str, n: int) -> None:
    """Where a zone lies on another file system a file is in both for a moment."""
    from tests.faults.conftest import Mounts

    assert isinstance(mounts, Mounts)
    mounts.tmpfs(place / "ws" / zone, "size=64m")
    done = template(place, "move")
    inside = Inside(done.scenario.root)
    assert inside.killed("rollback", RollbackParams(done.run), f"change.copied:{n}")
    whole(inside, done, "right after the kill", settled=False)
    comes_back(inside, done, f"kill -9 at change.copied:{n}")
