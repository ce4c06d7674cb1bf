"""Stories that the state machines found, each as short as it goes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from console.engine.actions.archive.model import ArchiveParams
from console.engine.actions.migrate import execute
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.verify.model import VerifyParams
from tests.faults.checker import ARCHIVE, BACKUPS, sha256_of, walk_files
from tests.faults.damage import flip
from tests.faults.inside import Inside
from tests.support import make_workspace, valid_record

ALL = ArchiveParams(match="**", label="old", reason="a test")


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Two published files."""
    monkeypatch.setattr(execute, "make_reserve", lambda ctx: None)
    files = {"alpha/a.json": [valid_record(1)], "beta/c.csv": [valid_record(2)]}
    found = Inside(make_workspace(tmp_path / "ws", files, {"workers": 1}))
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
