"""Stories that the state machines found, each as short as it goes."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from console.engine.actions.archive.model import ArchiveParams, RestoreParams
from console.engine.actions.migrate import execute
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.state.model import ClearParams
from console.engine.actions.verify.model import VerifyParams
from tests.faults.checker import ARCHIVE, BACKUPS, RAW, STATE, sha256_of, walk_files
from tests.faults.damage import flip
from tests.faults.inside import Inside
from tests.support import make_workspace, valid_record
from tests.support.workspace import encode

ALL = ArchiveParams(match="**", label="old", reason="a test")


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Two published files."""
    monkeypatch.setattr(execute, "make_reserve", lambda ctx: None)
    files = {"alpha/a.json": [valid_record(1)], "beta/c.csv": [valid_record(2)]}
    found = Inside(make_workspace(tmp_path / "ws", files, {"workers": 1}))
    for name in files:  # what was written a moment ago is read again each time
        os.utime(found.root / RAW / name, (1_700_000_000, 1_700_000_000))
    assert found.migrate().status == 0
    return found


def test_a_damaged_backup_is_mended_from_the_raw_file_that_waits(inside: Inside) -> None:
    """After a rollback no row has the checksum of what lies in the raw zone, held."""
    taken = inside.rollback(inside.runs()[-1].id)
    kept = inside.root / BACKUPS / taken.id / "alpha/a.json"
    whole = sha256_of(kept)
    flip(kept, random.Random(1))
    assert inside.run("verify", VerifyParams()).status == 1
    assert inside.run("repair", RepairParams()).status == 0
    assert sha256_of(kept) == whole


def test_a_rollback_that_died_leaves_no_empty_folders(inside: Inside) -> None:
    """Settled, it has taken the files out of the archive; the folders that were made for them go as well."""
    archived = inside.run("archive", ALL)
    assert inside.killed("rollback", RollbackParams(archived.id), "change.intended:1")
    inside.migrate()
    assert not list(walk_files(inside.root / ARCHIVE / "old"))
    assert not os.path.exists(inside.root / ARCHIVE / "old")


def test_two_runs_filled_a_folder_and_both_are_taken_back(inside: Inside) -> None:
    """The first made it, and could not remove it while the other's file lay in it."""
    several = [inside.run("archive", replace(ALL, match=match)) for match in ("**/alpha/*", "**/beta/*")]
    for archived in several:
        assert inside.rollback(archived.id).status == 0
    assert not os.path.exists(inside.root / ARCHIVE / "old")
    assert inside.rollback(inside.runs()[-1].id).status == 0  # again as the second had left it
    assert [path.name for path in (inside.root / ARCHIVE / "old/funding_sources").iterdir()] == ["beta"]


def test_a_folder_whose_files_stay_away_does_not_come_back(inside: Inside) -> None:
    """Of an archive restore, one of whose files was deleted since: its folder in the archive had been removed."""
    inside.run("archive", ALL)
    restored = inside.run("archive restore", RestoreParams("old"))
    (inside.root / RAW / "beta/c.csv").unlink()
    assert inside.rollback(restored.id).status == 1
    assert [path.name for path in (inside.root / ARCHIVE / "old/funding_sources").iterdir()] == ["alpha"]


def test_state_file_and_bak_are_two_files_after_a_kill_between_them(inside: Inside) -> None:
    """What follows leaves the state file as it is, and so has no reason to write it."""
    assert inside.killed("state clear", ClearParams(all=True, reason="a test"), "mirror.backed-up:1")
    inside.rollback(inside.runs()[-1].id)
    state, backup = (inside.root / f"{STATE}{suffix}" for suffix in ("", ".bak"))
    assert json.loads(backup.read_bytes())["processed_files"].keys() and not state.samefile(backup)


@pytest.mark.parametrize("whole", [False, True])
def test_a_cleared_entry_comes_and_goes_whoever_judged_the_file_since(inside: Inside, whole: bool) -> None:
    """The undo of a clear, and the undo of that: the machine had a later judgement between them. All or nothing: each
    file is looked at before the first is touched, as in a plan that is shown.
    """
    cleared = inside.run("state clear", ClearParams(source="beta", reason="a test"))
    inside.ledger("UPDATE files SET judged_run = judged_run + 1 WHERE mirrored = 0")
    mirrored = "SELECT mirrored FROM files WHERE source = 'beta'"
    for expected in (1, 0, 1):
        done = inside.run("rollback", RollbackParams(cleared.id, whole))
        assert done.status == 0 and inside.ledger(mirrored) == [(expected,)], done.text
        assert (
            any("beta" in key for key in json.loads((inside.root / STATE).read_bytes())["processed_files"]) == expected
        )
        cleared = inside.runs()[-1]


def test_a_damaged_file_that_nobody_moved_does_not_stop_what_follows_a_crash(inside: Inside) -> None:
    """An archive that comes to its end leaves it alone too."""
    flip(inside.root / RAW / "alpha/a.json", random.Random(1))
    assert inside.killed("archive", ALL, "change.staged:1")
    assert inside.migrate().status in (0, 1)
    assert (inside.root / RAW / "alpha/a.json").exists() and not (inside.root / RAW / "beta/c.csv").exists()


def test_a_verdict_that_goes_back_knows_the_copies_that_stand_there_now(inside: Inside) -> None:
    """They were withdrawn and put back since: other inodes."""
    judged = inside.reprocess(all=True)
    withdrawn = inside.run("archive", replace(ALL, withdraw=True))
    inside.rollback(withdrawn.id)
    inside.rollback(judged.id)
    for dest, inode in inside.ledger("SELECT dest, dest_inode FROM files"):
        assert inode == (inside.root / dest).stat().st_ino, dest


@pytest.mark.parametrize("name", ["alpha/b.json", "alpha/b.jsonl", "alpha/b.csv"])
def test_a_byte_that_is_no_utf8_fails_its_file_and_no_other(inside: Inside, name: str) -> None:
    """One flipped bit where a number begins; what is said of it was too much for the ledger."""
    good, bad = encode(name, [valid_record(4)]), encode(name, [valid_record(3), valid_record(5)])
    (inside.root / RAW / "beta" / name.replace("alpha/", "")).write_bytes(good)
    (inside.root / RAW / name).write_bytes(bad.replace(b"1005", b"\xb1005"))
    ran = inside.migrate()
    assert (ran.status, ran.counts.get("failed"), ran.counts.get("processed")) == (1, 1, 1), ran.text
    assert inside.ledger("SELECT count(*) FROM intents") == [(0,)]


def test_a_file_that_was_delivered_again_mends_its_old_copies(inside: Inside) -> None:
    """No row has its checksum: it waits in the raw zone and nobody has judged it yet."""
    raw = inside.root / RAW / "beta/c.csv"
    first = raw.read_bytes()
    raw.write_bytes(encode("beta/c.csv", [valid_record(7)]))
    replaced = inside.migrate()
    kept = inside.root / BACKUPS / replaced.id / "beta/c.csv"
    assert kept.read_bytes() == first
    raw.write_bytes(encode("beta/c.csv", [valid_record(8)]))
    inside.migrate()
    flip(kept, random.Random(1))
    raw.write_bytes(first)
    assert inside.run("verify", VerifyParams()).status == 1
    assert inside.run("repair", RepairParams()).status == 0
    assert kept.read_bytes() == first
