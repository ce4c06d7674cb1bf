"""Backups: listed with what they are good for, verified, and pruned without losing what somebody still needs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import BACKUPS, LEDGER, VALIDATED, tree
from tests.faults.conftest import Mounts
from tests.faults.scenario import Done, Scenario, first_name, make_waiting, migrate, run, versions
from tests.faults.test_full_disk import fill_bytes, fill_inodes
from tests.support import valid_record, write_raw

NAME = first_name(0)


def prune(root: Path, *args: str, yes: bool = True, **more: Any) -> Done:
    consent = ("--yes", "--confirm", root.name) if yes else ()
    return run(root, "backups", "prune", *args, *consent, "--json", **more)


def listed(root: Path) -> list[dict[str, Any]]:
    done = run(root, "backups", "list", "--json")
    assert done.status == 0, done.text
    return done.events


def ours(root: Path) -> list[str]:
    """Runs with a backup, newest first."""
    return [row["run"] for row in listed(root) if "run" in row]


def next_version(root: Path, number: int) -> str:
    """One file gets another version; the run's id."""
    write_raw(root, NAME, [valid_record(9000 + number)])
    done = migrate(root)
    assert done.summary["counts"]["processed"] == 1, done.text
    return str(done.summary["run"])


def in_backup(root: Path, run_id: str) -> dict[str, str]:
    found = tree(root, f"{BACKUPS}/{run_id}").items()
    return {f"{BACKUPS}/{run_id}/{name}": digest for name, digest in found if digest != "folder"}


@contextmanager
def ledger(root: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(root / LEDGER)) as connection, connection:
        yield connection


@pytest.fixture(scope="module")
def three_template(ground: Path) -> Scenario:
    scenario = make_waiting(ground / "three" / "ws")
    migrate(scenario.root)
    for number in range(2):
        next_version(scenario.root, number)
    later = [versions({NAME: [valid_record(9000 + number)]}) for number in range(2)]
    known = dict(scenario.known)
    for dest, digests in ((dest, digests) for each in later for dest, digests in each.items()):
        known[dest] = known[dest] | digests
    return Scenario(scenario.root, known).remember()


@pytest.fixture
def three(three_template: Scenario, place: Path) -> Scenario:
    """Three runs with a backup each: one replaced much, the two after it the same file again."""
    return three_template.copy(place / "ws")


# --- looking -----------------------------------------------------------------------------------------------


def test_the_list_says_what_each_backup_is_good_for(three: Scenario) -> None:
    newest, middle, oldest = listed(three.root)
    assert (newest["files"], newest["restores"], newest["superseded"]) == (1, 1, False)
    assert (middle["restores"], middle["changed_since"], middle["superseded"]) == (0, 1, True)
    assert oldest["files"] == len(in_backup(three.root, oldest["run"])) > 1
    assert oldest["changed_since"] == 1
    plan = run(three.root, "rollback", oldest["run"], "--dry-run", "--json").summary["counts"]
    assert (oldest["restores"], oldest["removes"]) == (plan["restored"], plan["removed"])
    done = run(three.root, "rollback", newest["run"], "--yes", "--confirm", "ws", "--json")
    assert done.status == 0, done.text
    taken = next(row for row in listed(three.root) if row["run"] == newest["run"])
    assert (taken["undone_by"], taken["restores"]) == (done.summary["run"], 0)


def test_what_pruning_frees_counts_names_of_one_inode_once(three: Scenario) -> None:
    """A second name elsewhere keeps the bytes; the runbook's `cp -l` makes such."""
    row = listed(three.root)[-1]
    paths = [three.root / name for name in in_backup(three.root, row["run"])]
    assert row["frees"] == sum(path.stat().st_blocks * 512 for path in paths)
    os.link(paths[0], three.root / "kept-elsewhere")
    assert listed(three.root)[-1]["frees"] == row["frees"] - paths[0].stat().st_blocks * 512
    freed = prune(three.root, "--keep-last", "2")
    assert freed.status == 0, freed.text
    assert (three.root / "kept-elsewhere").stat().st_nlink == 1


def test_verify_finds_a_flipped_bit_and_a_missing_file(three: Scenario) -> None:
    whole = run(three.root, "backups", "verify", "--json")
    assert whole.status == 0 and whole.summary["damaged"] == 0, whole.text
    run_id = ours(three.root)[-1]
    flipped, missing = (three.root / name for name in list(in_backup(three.root, run_id))[:2])
    data = bytearray(flipped.read_bytes())
    data[3] ^= 1
    flipped.write_bytes(data)
    missing.unlink()
    done = run(three.root, "backups", "verify", run_id[-4:], "--json")
    assert done.status == 1, done.text
    found = {event["path"]: event["reason"] for event in done.events if event["event"] == "damaged"}
    assert set(found) == {str(path.relative_to(three.root)) for path in (flipped, missing)}
    assert "missing" in found[str(missing.relative_to(three.root))]
    assert run(three.root, "backups", "verify", ours(three.root)[0], "--json").status == 0


# --- pruning -----------------------------------------------------------------------------------------------


def test_without_yes_nothing_goes_and_every_backup_has_its_reason(three: Scenario) -> None:
    before = tree(three.root, BACKUPS)
    done = prune(three.root, "--keep-last", "2", yes=False)
    assert done.status == 0, done.text
    assert tree(three.root, BACKUPS) == before
    newest, middle, oldest = ours(three.root)
    said = {event["path"].rsplit("/", 1)[1]: event for event in done.events if event["event"] in ("plan", "kept")}
    assert said[oldest]["what"] == "prune" and "policy" in said[oldest]["detail"]
    assert "last 2" in said[middle]["reason"] and "newest" in said[newest]["reason"]


@pytest.mark.parametrize(
    "words",
    [
        ("--yes",),
        ("--yes", "--confirm", "other"),
    ],
)
def test_without_the_typed_word_nothing_goes(three: Scenario, words: tuple[str, ...]) -> None:
    before = tree(three.root, BACKUPS)
    done = run(three.root, "backups", "prune", "--keep-last", "1", *words)
    assert done.status == 2, done.text
    assert tree(three.root, BACKUPS) == before


@pytest.mark.parametrize("words", [(), ("--keep-last", "0"), ("--keep-within", "soon")])
def test_an_empty_or_unclear_policy_is_refused(three: Scenario, words: tuple[str, ...]) -> None:
    done = prune(three.root, *words)
    assert done.status == 2, done.text
    assert len(ours(three.root)) == 3


def test_pruned_is_gone_and_a_rollback_says_by_whom(three: Scenario) -> None:
    newest, middle, oldest = ours(three.root)
    published = tree(three.root)
    done = prune(three.root, "--keep-last", "1")
    assert done.status == 0, done.text
    assert done.summary["counts"]["pruned"] == 2
    assert ours(three.root) == [newest]
    assert sorted(path.name for path in (three.root / BACKUPS).iterdir()) == [newest]
    assert tree(three.root) == published
    assert three.examine() == []
    refused = run(three.root, "rollback", oldest, "--dry-run", "--json")
    reasons = {event["reason"] for event in refused.events if event["event"] == "left"}
    assert any("its backup was pruned on" in reason and done.summary["run"] in reason for reason in reasons), reasons
    assert run(three.root, "rollback", newest, "--yes", "--confirm", "ws", "--json").status == 0
    report = run(three.root, "runs", "report", done.summary["run"]).out
    assert middle in report and "Backups pruned" in report


def test_what_no_run_made_stays_and_is_said(three: Scenario) -> None:
    """Of others beside ours, in ours, and a link in the place of a folder of ours: never followed."""
    oldest = ours(three.root)[-1]
    mine = three.root / BACKUPS / oldest
    (three.root / BACKUPS / "2025-10-30").mkdir()
    (three.root / BACKUPS / "2025-10-30" / "data.json").write_text("theirs")
    (mine / "note.txt").write_text("do not lose me")
    elsewhere = three.root / "elsewhere"
    folder = next(path for path in mine.iterdir() if path.is_dir())
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    safe = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    assert safe
    listing = run(three.root, "backups", "list").text
    assert f"{BACKUPS}/2025-10-30" in listing
    plan = run(three.root, "backups", "prune", "--keep-last", "2").text
    assert "never pruned" in plan and "no run made" in plan
    done = prune(three.root, "--keep-last", "2")
    assert done.status == 1, done.text
    assert "could not be removed" in done.summary["message"]
    assert {path: path.read_bytes() for path in safe} == safe
    assert (mine / "note.txt").read_text() == "do not lose me"
    assert (three.root / BACKUPS / "2025-10-30" / "data.json").read_text() == "theirs"


def test_what_a_redo_needs_is_kept(three: Scenario) -> None:
    """A rollback is live: its own backup and that of the run it took back stay; redone, the policy has its way."""
    _, middle, _ = ours(three.root)
    newest = ours(three.root)[0]
    back = run(three.root, "rollback", newest, "--yes", "--confirm", "ws", "--json")
    assert back.status == 0, back.text
    next_version(three.root, 7)  # of another kind of run: the newest backup is not the rollback's
    write_raw(three.root, first_name(3), [valid_record(77)])
    assert migrate(three.root).summary["counts"]["processed"] == 1
    taker = back.summary["run"]
    kept = {e["path"].rsplit("/", 1)[1] for e in prune(three.root, "--keep-last", "1", yes=False).events[:-1]
            if e["event"] == "kept"}  # fmt: skip
    assert taker not in kept and newest not in kept, "a later run has changed the file: nothing is left to redo"
    assert middle not in kept


def test_a_live_rollback_keeps_two_backups(three: Scenario) -> None:
    newest, middle, _ = ours(three.root)
    back = run(three.root, "rollback", newest, "--yes", "--confirm", "ws", "--json").summary["run"]
    write_raw(three.root, first_name(3), [valid_record(77)])
    assert migrate(three.root).summary["counts"]["processed"] == 1
    assert prune(three.root, "--keep-last", "1").status == 0
    left = ours(three.root)
    assert {back, newest} < set(left) and middle not in left
    assert run(three.root, "rollback", back, "--yes", "--confirm", "ws", "--json").status == 0
    assert run(three.root, "rollback", newest, "--yes", "--confirm", "ws", "--json").status == 0


def test_the_only_good_copy_of_a_damaged_file_is_kept(three: Scenario) -> None:
    oldest = ours(three.root)[-1]
    backup, digest = next(iter(in_backup(three.root, oldest).items()))
    dest = VALIDATED + backup.removeprefix(f"{BACKUPS}/{oldest}")
    with ledger(three.root) as connection:
        connection.execute(
            "INSERT INTO verified (path, subject, zone, state, at, run, expected, found, good, since)"
            " VALUES (?, ?, 'validated', 'damaged', '2026-01-01T00:00:00Z', 1, ?, 'x', '', '2026-01-01')",
            [dest, dest, digest],
        )
    done = prune(three.root, "--keep-last", "1")
    assert done.status == 0, done.text
    assert oldest in ours(three.root)
    with ledger(three.root) as connection:
        connection.execute("UPDATE verified SET good = 'data/raw/funding_sources/somewhere'")
    assert prune(three.root, "--keep-last", "1").status == 0
    assert oldest not in ours(three.root)


def test_backups_that_nobody_asked_for_go_first(three: Scenario) -> None:
    config = three.root / "config/console.toml"
    config.write_text(f"create_backups = false\n{config.read_text()}")
    for number in (21, 22):
        next_version(three.root, number)
    unwanted = ours(three.root)[1]
    done = prune(three.root, "--keep-last", "10", yes=False)
    gone = {event["path"].rsplit("/", 1)[1] for event in done.events if event["event"] == "plan"}
    assert gone == {unwanted}, done.text  # not the newest of all, and not those made while backups were wanted


# --- faults ------------------------------------------------------------------------------------------------


_KILLED = ("prune.intended:1", "prune.unlinked:4")
_SELDOM = ("prune.unlinked:1", "prune.recorded:1", "prune.intended:2")


@pytest.mark.parametrize("failpoint", [*_KILLED, *(pytest.param(each, marks=pytest.mark.soak) for each in _SELDOM)])
def test_kill_during_prune(three: Scenario, failpoint: str) -> None:
    newest, _, oldest = ours(three.root)
    published = tree(three.root)
    killed = prune(three.root, "--keep-last", "1", "--foreground", failpoint=failpoint)
    assert killed.status == -signal.SIGKILL, killed.text
    assert three.examine(settled=False) == []
    assert tree(three.root) == published
    half = run(three.root, "rollback", oldest, "--dry-run", "--json")
    reasons = {event["reason"] for event in half.events if event["event"] == "left"}
    assert not any("is gone" in reason for reason in reasons), reasons  # it was pruned, and that is what is said
    assert prune(three.root, "--keep-last", "1").status == 0
    assert ours(three.root) == [newest]
    assert [path.name for path in (three.root / BACKUPS).iterdir()] == [newest]
    assert three.examine() == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_an_error_during_prune_is_said(three: Scenario, number: int) -> None:
    done = prune(three.root, "--keep-last", "1", failpoint=f"prune.recorded:1:{number}")
    assert done.status == 1, done.text
    assert "Traceback" not in done.text
    assert prune(three.root, "--keep-last", "1").status == 0
    assert len(ours(three.root)) == 1


@pytest.mark.needs_root
@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_prune_on_a_full_disk(three_template: Scenario, place: Path, mounts: Mounts, what: str) -> None:
    """0 bytes, or 0 inodes, free on the one file system that has everything: prune makes the room."""
    root = mounts.tmpfs(place / "ws", "size=400m,nr_inodes=2000")
    shutil.copytree(three_template.root, root, symlinks=True, dirs_exist_ok=True)
    write_raw(root, NAME, [valid_record(9005)])  # a run makes the reserve where there is room
    assert migrate(root, "--override", "zone-filesystem", "--reason", "moved").summary["counts"]["processed"] == 1
    assert (root / ".opsconsole/reserve").exists()
    newest = ours(root)[0]
    published = tree(root)
    free = (fill_bytes if what == "bytes" else fill_inodes)(root)
    try:
        facts = os.statvfs(root)
        assert 0 in (facts.f_bavail, facts.f_favail)
        done = prune(root, "--keep-last", "1")
        assert done.status == 0, done.text
        assert [path.name for path in (root / BACKUPS).iterdir()] == [newest]
    finally:
        free()
    assert ours(root) == [newest]
    assert tree(root) == published
    with ledger(root) as connection:
        said = connection.execute("SELECT status, counts FROM runs ORDER BY seq DESC").fetchone()
    assert (said[0], json.loads(said[1])["pruned"]) == ("done", 3)
