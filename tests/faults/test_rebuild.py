"""Ledger and state file lost or destroyed, one and both: made anew from the disk, with no byte of data touched."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import BACKUPS, LEDGER, RAW, STATE, snapshot_raw, tree
from tests.faults.scenario import SPOILT, Done, Scenario, first_name, make_waiting, migrate, run
from tests.support import valid_record, write_raw

COPY = ".opsconsole/ledger.backup.sqlite"


@pytest.fixture(scope="module")
def template(ground: Path) -> Scenario:
    """Both versions are published by two runs; three files fail."""
    scenario = make_waiting(ground / "rebuild" / "ws")
    assert migrate(scenario.root).status == 1
    return scenario.remember()


@pytest.fixture
def done(template: Scenario, place: Path) -> Scenario:
    return template.copy(place / "ws")


def rebuild(root: Path, *args: str, **more: Any) -> Done:
    return run(root, "state", "rebuild", "--yes", "--json", *args, **more)


def drop(*names: str) -> Callable[[Path], None]:
    return lambda root: [(root / name).unlink() for name in names] and None


def garbage(root: Path) -> None:
    (root / LEDGER).write_bytes(b"no ledger at all" * 500)


def flipped(root: Path) -> None:
    data = bytearray((root / LEDGER).read_bytes())
    data[4096:12288] = bytes(8192)
    (root / LEDGER).write_bytes(data)


def empty(root: Path) -> None:
    (root / LEDGER).write_bytes(b"")


def half(root: Path) -> None:
    (root / STATE).write_bytes((root / STATE).read_bytes()[:-700])


def both(*hows: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda root: [how(root) for how in hows] and None


def entries(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / STATE).read_bytes())["processed_files"]
    return found


CASES = {
    "state file gone": drop(STATE),
    "state file half written": half,
    "ledger gone": drop(LEDGER),
    "ledger garbage": garbage,
    "ledger damaged": flipped,
    "ledger empty": empty,
    "ledger and copy gone": drop(LEDGER, COPY),
    "ledger and copy destroyed": both(garbage, lambda root: shutil.copy(root / LEDGER, root / COPY) and None),
    "both gone, copy there": drop(LEDGER, STATE),
    "all gone": drop(LEDGER, COPY, STATE),
    "ledger destroyed, state file half written, no copy": both(garbage, half, drop(COPY)),
}


_SELDOM = ("ledger gone", "ledger empty", "ledger and copy destroyed", "both gone, copy there", "ledger damaged")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.soak] if case in _SELDOM else []) for case in CASES]
)
def test_what_was_lost_is_made_anew(done: Scenario, case: str) -> None:
    """The plan changes nothing; afterwards nothing is judged or published again, and what was destroyed is kept."""
    before, published, raw, backups = (
        entries(done.root),
        tree(done.root),
        snapshot_raw(done.root),
        tree(done.root, BACKUPS),
    )
    CASES[case](done.root)
    ruined = {name: (done.root / name).read_bytes() for name in (LEDGER, STATE) if (done.root / name).exists()}
    planned = run(done.root, "state", "rebuild", "--dry-run", "--json")
    assert planned.status == 0, planned.text
    assert {name: (done.root / name).read_bytes() for name in ruined} == ruined
    made = rebuild(done.root)
    assert made.status == 0, made.text
    assert "Traceback" not in made.text
    assert (tree(done.root), snapshot_raw(done.root), tree(done.root, BACKUPS)) == (published, raw, backups)
    kept = [path for top in (".opsconsole", "logs/migration") for path in (done.root / top).glob("*.lost-*")]
    destroyed = [LEDGER] if any(word in case for word in ("garbage", "damaged", "destroyed", "empty")) else []
    destroyed += [STATE] if "half" in case else []
    assert {path.read_bytes() for path in kept if "-wal" not in path.name and "-shm" not in path.name} == {
        ruined[name] for name in destroyed
    }
    now = entries(done.root)
    alone = {f"{RAW}/{SPOILT}"} if "all gone" in case or "no copy" in case else set()
    assert set(now) == set(before) - alone  # published, and its source has other bytes: nothing proves it
    assert all(now[path]["checksum"] == before[path]["checksum"] for path in now)
    again = run(done.root, "state", "rebuild", "--dry-run").text
    assert "nothing is lost" in again
    after = migrate(done.root)
    assert after.status == 1, after.text
    counts = after.summary["counts"]
    assert (counts["processed"], counts["revalidated"]) == (0, 0), after.text
    assert tree(done.root) == published


@pytest.mark.parametrize("case", ["all gone", "ledger and copy gone"])
def test_what_history_is_gone_is_said(done: Scenario, case: str) -> None:
    runs = [line.split("\t")[0] for line in run(done.root, "runs", "list").out.splitlines()]
    CASES[case](done.root)
    made = rebuild(done.root)
    assert all(name in made.summary["message"] for name in runs), made.text
    assert "history of 2 runs is gone" in made.summary["message"]
    assert "Not made by a run of ours" in run(done.root, "backups", "list").out
    nothing = run(done.root, "backups", "prune", "--keep-last", "1", "--yes", "--confirm", "ws")
    assert nothing.status == 0 and tree(done.root, BACKUPS), nothing.text


def test_runs_after_the_copy_are_made_good_from_the_state_file(done: Scenario) -> None:
    """The copy is older than what was published since: the new versions are taken over, not the old believed."""
    old = (done.root / COPY).read_bytes()
    write_raw(done.root, first_name(3), [valid_record(4711)])
    write_raw(done.root, "delta/later.json", [valid_record(4712)])
    lost = migrate(done.root).summary["run"]
    published, before = tree(done.root), entries(done.root)
    (done.root / COPY).write_bytes(old)
    garbage(done.root)
    made = rebuild(done.root)
    assert made.status == 0 and lost in made.summary["message"], made.text
    assert made.summary["counts"]["adopted"] == 2
    assert {path: entry["checksum"] for path, entry in entries(done.root).items()} == {
        path: entry["checksum"] for path, entry in before.items()
    }
    assert migrate(done.root).summary["counts"]["processed"] == 0
    assert tree(done.root) == published


def test_archived_files_come_from_their_manifests(done: Scenario) -> None:
    root = done.root
    path = f"{RAW}/{first_name(0)}"
    place = f"data/raw/_archive/old/{path.removeprefix('data/raw/')}"
    (root / place).parent.mkdir(parents=True)
    (root / path).rename(root / place)
    digest = entries(root)[path]["checksum"]
    (root / "data/raw/_archive/old/SHA256SUMS").write_text(
        f"{digest}  {place.removeprefix('data/raw/')}\n{digest}  _archive/old/not/there.json\n"
        f"{digest}  ../../etc/passwd\n"
    )
    drop(LEDGER, COPY, STATE)(root)
    assert rebuild(root).status == 0
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        rows = connection.execute("SELECT path, place, label, sha256 FROM archived").fetchall()
        known = connection.execute("SELECT sha256 FROM files WHERE path = ?", [path]).fetchone()
    assert rows == [(path, place, "old", digest)]
    assert known == (digest,)


_KILLED = [("ledger garbage", "rebuild.moved"), ("all gone", "rebuild.copied"), ("all gone", "mirror.staged")]
_PLACES = ("rebuild.moved", "rebuild.copied", "run.registered", "mirror.staged", "adopt.recorded", "run.recorded")
_MORE = [
    (case, place)
    for case in ("ledger garbage", "all gone", "both gone, copy there", "ledger and copy gone")
    for place in _PLACES
    if (case, place) not in _KILLED
]


@pytest.mark.parametrize(
    ("case", "failpoint"), [*_KILLED, *(pytest.param(*each, marks=pytest.mark.soak) for each in _MORE)]
)
def test_kill_during_rebuild(done: Scenario, case: str, failpoint: str) -> None:
    """The next rebuild goes on; a migrate in between waits for it and publishes nothing."""
    before, published = entries(done.root), tree(done.root)
    CASES[case](done.root)
    killed = rebuild(done.root, "--foreground", failpoint=f"{failpoint}:1")
    if killed.status == 0:
        assert failpoint in ("mirror.staged", "adopt.recorded"), "the place was not reached"
        return
    assert killed.status == -signal.SIGKILL, killed.text
    assert tree(done.root) == published
    if failpoint in ("rebuild.copied", "run.registered"):
        refused = migrate(done.root)
        assert refused.status == 4 and "state rebuild" in refused.text, refused.text
    again = rebuild(done.root)
    assert again.status in (0, 4) and "Traceback" not in again.text, again.text
    assert again.status == 0 or failpoint == "run.recorded"
    assert {path for path in before if path != f"{RAW}/{SPOILT}"} <= set(entries(done.root)) <= set(before)
    assert migrate(done.root).summary["counts"]["processed"] == 0
    assert tree(done.root) == published


def test_a_ledger_that_is_whole_is_left_alone(done: Scenario) -> None:
    before = (done.root / LEDGER).read_bytes()
    again = rebuild(done.root)
    assert again.status == 0 and "Nothing is lost" in again.text
    assert (done.root / LEDGER).read_bytes() == before


def test_doctor_and_every_command_lead_there(done: Scenario) -> None:
    garbage(done.root)
    assert "state rebuild" in run(done.root, "doctor").text
    assert "doctor" in migrate(done.root).text
