"""Permissions: found with what they block, repaired without a write bit in raw, given back by rollback."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import People
from tests.faults.people import PIPELINE, everything, share
from tests.faults.scenario import RAW, VALIDATED, Done, Scenario, make_waiting, run

NEWLINE = "new\nline \x1b[31m.json"


def modes(root: Path) -> dict[str, tuple[int, int]]:
    """Mode and group of everything in data and logs but the logs themselves, which every run writes."""
    found = {}
    for top in ("data", "logs"):
        for path in everything(root / top):
            facts = path.lstat()
            if not path.name.startswith("migration."):
                found[str(path.relative_to(root))] = (stat.S_IMODE(facts.st_mode), facts.st_gid)
    return found


def check(root: Path, **more: object) -> tuple[Done, dict[str, dict[str, str]]]:
    done = run(root, "permissions", "check", "--json", **more)  # type: ignore[arg-type]
    return done, {event["path"]: event for event in done.events if event["event"] == "finding"}


def repair(root: Path, *words: str, **more: object) -> Done:
    return run(root, "permissions", "repair", "--yes", "--json", *words, **more)  # type: ignore[arg-type]


def last_run(root: Path) -> str:
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        return str(connection.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()[0])


def rollback(root: Path, **more: object) -> Done:
    words = ("rollback", last_run(root), "--yes", "--json", "--confirm", root.name)
    return run(root, *words, **more)  # type: ignore[arg-type]


@pytest.fixture
def broken(place: Path) -> Scenario:
    """What `chmod -R u+rw` and its like leave: closed folders, runnable and unreadable data, a link that leads out."""
    scenario = make_waiting(place / "ws")
    root = scenario.root
    (root / RAW / "alpha" / NEWLINE).write_text("[]")
    secret = place / "secret"
    secret.write_text("not ours")
    secret.chmod(0o600)
    (root / VALIDATED / "alpha/link.json").symlink_to(secret)
    (root / VALIDATED / "linked").symlink_to(place)
    os.chmod(root / RAW / "alpha" / NEWLINE, 0o200)
    os.chmod(root / RAW / "beta/dumps", 0o600)
    os.chmod(root / VALIDATED / "beta", 0o600)
    for path in sorted((root / VALIDATED / "alpha").rglob("*.json"))[:2]:
        os.chmod(path, 0o777, follow_symlinks=False) if not path.is_symlink() else None
    os.chmod(root / "logs/migration/.migration_state.json", 0o400)
    return scenario


def test_everything_is_found_with_what_it_blocks_and_nothing_is_changed(broken: Scenario) -> None:
    before = modes(broken.root)
    done, found = check(broken.root)
    assert done.status == 1, done.text
    assert "migrate does not see" in found[f"{RAW}/beta/dumps"]["blocks"]
    assert "without x" in found[f"{RAW}/beta/dumps"]["problem"]
    assert "not readable" in found[f"{RAW}/alpha/{NEWLINE}"]["problem"]
    assert "published" in found[f"{VALIDATED}/beta"]["blocks"]
    assert sum("data file with x" in finding["problem"] for finding in found.values()) >= 1
    assert "not writable" in found["logs/migration/.migration_state.json"]["problem"]
    assert not any("link" in Path(path).name for path in found)
    assert done.events[-1]["counts"]["links"] == 2
    text = run(broken.root, "permissions", "check").text
    assert "\x1b" not in text and "new\nline" not in text
    assert modes(broken.root) == before


def test_repair_adds_no_write_bit_in_raw_follows_no_link_and_is_undone(broken: Scenario, place: Path) -> None:
    root = broken.root
    before = modes(root)
    raw = {path: mode for path, (mode, _) in before.items() if path.startswith(RAW)}
    plan = run(root, "permissions", "repair", "--dry-run")
    assert "no write bit" in plan.out and modes(root) == before
    done = repair(root)
    assert done.status == 0, done.text
    assert stat.S_IMODE((place / "secret").stat().st_mode) == 0o600
    after = modes(root)
    for path, mode in raw.items():
        assert not after[path][0] & ~mode & 0o222, f"{path} became writable"
    assert check(root)[0].status == 0, check(root)[0].text
    files = [p for p in (root / "data").rglob("*.json") if not p.is_symlink()]
    assert not any(path.stat().st_mode & 0o111 for path in files)
    assert repair(root).summary["counts"].get("permissions", 0) == 0, "a second repair has nothing left to do"
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        name = connection.execute("SELECT id FROM runs WHERE counts LIKE '%\"permissions\":%' ORDER BY seq").fetchall()
    first = next(each[0] for each in name if "permissions-repair" in each[0])
    back = run(root, "rollback", first, "--yes", "--json", "--confirm", root.name)
    assert back.status == 0, back.text
    assert modes(root) == before
    again = rollback(root)  # taken back, and taken back again
    assert again.status == 0, again.text
    assert modes(root) == after


def test_what_somebody_changed_since_is_left_by_the_rollback(broken: Scenario) -> None:
    root = broken.root
    assert repair(root).status == 0
    os.chmod(root / VALIDATED / "beta", 0o711)
    back = rollback(root)
    assert back.status == 1, back.text
    assert back.summary["counts"]["left_alone"] == 1
    assert stat.S_IMODE((root / VALIDATED / "beta").stat().st_mode) == 0o711


POINTS = ("change.staged", "change.intended", "change.mode", "change.done", "change.recorded")


LATER = [("change.mode", 3), *((point, 1) for point in POINTS[:2])]


@pytest.mark.parametrize(
    ("point", "n"),
    [
        *((point, 1) for point in POINTS[2:]),
        *(pytest.param(point, n, marks=pytest.mark.soak) for point, n in LATER),
    ],
)
def test_kill_at_a_failpoint_of_a_repair(broken: Scenario, point: str, n: int) -> None:
    root = broken.root
    before = modes(root)
    died = repair(root, "--foreground", failpoint=f"{point}:{n}")
    assert died.status == -signal.SIGKILL, f"no run comes past {point}"
    done = repair(root)
    assert done.status == 0, done.text
    assert check(root)[0].status == 0
    for name in _repairs(root):
        assert run(root, "rollback", name, "--yes", "--confirm", root.name).status == 0, name
    assert modes(root) == before, "both runs together are taken back whole"


def _repairs(root: Path) -> list[str]:
    """Those that changed something, newest first."""
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        sql = "SELECT DISTINCT r.id, r.seq FROM runs r JOIN outcomes o ON o.run = r.seq WHERE o.outcome = 'mode'"
        return [row[0] for row in connection.execute(f"{sql} ORDER BY r.seq DESC")]


@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_kill_while_it_is_rolled_back(broken: Scenario, n: int) -> None:
    root = broken.root
    before = modes(root)
    assert repair(root).status == 0
    words = ("rollback", last_run(root), "--yes", "--confirm", root.name)
    died = run(root, *words, "--foreground", failpoint=f"change.mode:{n}")
    assert died.status == -signal.SIGKILL
    done = run(root, *words)
    assert done.status == 0, done.text
    assert modes(root) == before


def test_an_error_in_between_takes_the_batch_back(broken: Scenario) -> None:
    before = modes(broken.root)
    done = repair(broken.root, failpoint="change.mode:3:5")
    assert done.status == 1, done.text
    assert modes(broken.root) == before


def test_the_owner_opens_closed_folders_and_goes_on_in_them(people: People, place: Path) -> None:
    """Without root's rights nothing in a closed folder can be seen before it is open."""
    scenario = make_waiting(place / "ws")
    root = scenario.root
    for path in everything(root):
        os.chown(path, people.ann.uid, PIPELINE, follow_symlinks=False)
    inner = root / VALIDATED / "alpha/dumps"
    file = next(path for path in inner.rglob("*.csv"))
    os.chmod(file, 0o000)
    os.chmod(inner, 0o600)
    os.chmod(root / VALIDATED / "alpha", 0o600)
    before = modes(root)
    done = repair(root, who=people.ann)
    assert done.status == 0, done.text
    assert stat.S_IMODE(file.stat().st_mode) & 0o600 == 0o600
    assert check(root, who=people.ann)[0].status == 0
    assert rollback(root, who=people.ann).status == 0
    assert modes(root) == before


def test_what_another_owner_blocks_is_said_and_left(people: People, place: Path) -> None:
    scenario = make_waiting(place / "ws")
    root = scenario.root
    share(root)
    file = next(path for path in (root / VALIDATED).rglob("*.csv"))
    os.chown(file, people.ann.uid, people.ann.gid)
    os.chmod(file, 0o600)
    done, found = check(root, who=people.ben)
    assert "wrong group" in found[str(file.relative_to(root))]["problem"]
    done = repair(root, who=people.ben)
    assert done.status == 1, done.text
    left = [event for event in done.events if event.get("outcome") == "left-alone"]
    assert any("61001" in event["reason"] or "ann" in event["reason"] for event in left)
    assert file.stat().st_gid == people.ann.gid
    repair(root, who=people.ann)
    assert file.stat().st_gid == PIPELINE
    assert file.stat().st_mode & 0o060 == 0o060


def test_the_immutable_flag_is_found_and_said(broken: Scenario, tmp_path: Path) -> None:
    root = broken.root
    file = next(path for path in (root / VALIDATED / "alpha").rglob("*.csv"))
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", str(file)], check=False).returncode != 0:
        pytest.skip("not shown here: no chattr, or this file system has no immutable flag")
    try:
        os.listdir(root)
        _, found = check(root)
        finding = found[str(file.relative_to(root))]
        assert "immutable flag" in finding["problem"] and "chattr -i" in finding["hindrance"]
        assert "replaced or removed" in finding["blocks"]
        done = repair(root)
        assert done.status == 1
        assert any("chattr -i" in event.get("reason", "") for event in done.events)
    finally:
        subprocess.run(["chattr", "-i", str(file)], check=True)
