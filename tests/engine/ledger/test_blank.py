"""A ledger in which nothing was ever recorded is none yet; one that was emptied is an error, and stays as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.checks.maintenance import turn_on
from console.engine.checks.probes.traces import traces_of_runs
from console.engine.context import open_context
from console.engine.errors import EmptiedLedgerError, LedgerError, UsageError
from console.engine.ledger.checkpoint import make_checkpoint
from console.engine.ledger.store import is_made, open_reader, open_writer, reading, version_of
from console.engine.observe.here import arrive
from console.engine.observe.visits import record_visit
from tests.support import make_workspace

RUN = "20260101T000000Z-migrate-0001"


def one_page(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA journal_mode=WAL")


def live(path: Path, *, rows: bool) -> None:
    """The files of a ledger whose writer was killed: with its tables in the log, or before they were."""
    place = path.parent / "place"
    place.mkdir()
    with closing(sqlite3.connect(place / path.name, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA journal_mode=WAL")
        if rows:
            connection.executescript("BEGIN; CREATE TABLE t (x); INSERT INTO t VALUES (1); COMMIT")
        else:
            connection.execute("SELECT * FROM sqlite_master").fetchall()
        for name in os.listdir(place):
            shutil.copyfile(place / name, path.parent / name)
    shutil.rmtree(place)


def log_of(path: Path) -> Path:
    return Path(f"{path}-wal")


def nothing(path: Path) -> None:
    path.touch()


def nothing_and_a_journal(path: Path) -> None:
    path.touch()
    Path(f"{path}-journal").write_bytes(b"\0" * 512)


def a_page_and_a_log(path: Path) -> None:
    live(path, rows=False)
    assert (path.stat().st_size, log_of(path).stat().st_size) == (8192, 0)


def a_page_and_the_head_of_a_log(path: Path) -> None:
    live(path, rows=True)
    os.truncate(log_of(path), 32)


def a_page_and_a_log_cut_before_its_commit(path: Path) -> None:
    live(path, rows=True)
    os.truncate(log_of(path), log_of(path).stat().st_size - 1)


def the_same_without_the_index(path: Path) -> None:
    a_page_and_a_log_cut_before_its_commit(path)
    Path(f"{path}-shm").unlink()


BLANK = [
    nothing,
    nothing_and_a_journal,
    one_page,
    a_page_and_a_log,
    a_page_and_the_head_of_a_log,
    a_page_and_a_log_cut_before_its_commit,
    the_same_without_the_index,
]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Where it would lie, beside the folder of a run that died before there was one."""
    path = open_context(make_workspace(tmp_path / "ws")).workspace.ledger
    folder = path.parent / "runs" / RUN
    folder.mkdir(parents=True)
    for name in ("stderr", "confirmed.jsonl"):
        (folder / name).touch()
    return path


@pytest.mark.parametrize("make", BLANK)
def test_nothing_was_ever_recorded(ledger: Path, make: Callable[[Path], None]) -> None:
    make(ledger)
    with pytest.raises(FileNotFoundError):
        open_reader(ledger)
    with reading(ledger) as connection:
        assert connection is None
    assert not is_made(ledger)
    with closing(open_writer(ledger)) as writer:
        assert version_of(writer) > 0
        assert writer.execute("SELECT count(*) FROM runs").fetchone()[0] == 0
    assert is_made(ledger)


@pytest.mark.parametrize("make", BLANK)
def test_who_works_beside_a_run_makes_no_ledger_of_it(ledger: Path, make: Callable[[Path], None]) -> None:
    make(ledger)
    ctx = open_context(ledger.parent.parent)
    before = ledger.read_bytes()
    assert "no ledger yet" in turn_on(ctx, "a look around")[1]
    assert arrive(ctx) is None
    assert not record_visit(ctx)
    assert ledger.read_bytes() == before


def a_copy(path: Path) -> str:
    path.with_name("ledger.backup.sqlite").write_bytes(b"whatever it says")
    return "a backup copy"


def a_report(path: Path) -> str:
    (path.parent / "runs" / RUN / "report.md").touch()
    return RUN


def a_plan(path: Path) -> str:
    (path.parent / "runs" / RUN / "plan.json").touch()
    return RUN


def a_checkpoint(path: Path) -> str:
    (path.parent / "checkpoints" / "one").mkdir(parents=True)
    return "checkpoints"


def a_reserve(path: Path) -> str:
    (path.parent / "reserve.inodes").mkdir()
    return "the reserve"


@pytest.mark.parametrize("empty", [nothing, one_page, a_page_and_a_log])
@pytest.mark.parametrize("leave", [a_copy, a_report, a_plan, a_checkpoint, a_reserve])
def test_one_that_was_emptied_is_an_error(
    ledger: Path, leave: Callable[[Path], str], empty: Callable[[Path], None]
) -> None:
    empty(ledger)
    before = ledger.read_bytes()
    said = leave(ledger)
    for opened in (open_reader, open_writer):
        with pytest.raises(EmptiedLedgerError) as error:
            opened(ledger)
        assert said in error.value.what
        assert error.value.exit_status == 5
        assert error.value.procedure == "damaged-ledger"
        assert "state rebuild" in error.value.next_step
        assert ("ledger.backup.sqlite" in error.value.next_step) == (leave is a_copy)
    assert is_made(ledger), "whoever asks whether there is one must be told what is wrong, and not make it"
    assert not record_visit(open_context(ledger.parent.parent))
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("index", [True, False])
def test_a_log_with_records_outlives_who_looks_at_its_emptied_ledger(ledger: Path, index: bool) -> None:
    """SQLite removes the log beside an empty file, for a reader too: the last trace of what was recorded."""
    live(ledger, rows=True)
    if not index:
        Path(f"{ledger}-shm").unlink()
    os.truncate(ledger, 0)
    before = log_of(ledger).read_bytes()
    for opened in (open_reader, open_writer):
        with pytest.raises(EmptiedLedgerError, match="its log"):
            opened(ledger)
    assert not record_visit(open_context(ledger.parent.parent))
    assert log_of(ledger).read_bytes() == before


def test_a_page_whose_records_are_all_in_its_log_is_a_ledger(ledger: Path) -> None:
    """A young ledger: nothing was taken out of its log yet."""
    live(ledger, rows=True)
    with closing(open_reader(ledger)) as reader:
        assert reader.execute("SELECT x FROM t").fetchone()[0] == 1
    Path(f"{ledger}-shm").unlink()  # as a copy of the folder may lack it: what the log holds is not read then
    with pytest.raises(EmptiedLedgerError, match="its log"):
        open_reader(ledger)


@pytest.mark.parametrize("copy", [True, False])
def test_the_next_step_names_the_copy_only_where_there_is_one(ledger: Path, copy: bool) -> None:
    ledger.write_bytes(b"no ledger at all" * 1000)
    if copy:
        a_copy(ledger)
    with pytest.raises(LedgerError) as error:
        open_reader(ledger)
    assert ("ledger.backup.sqlite" in error.value.next_step) == copy
    assert "state rebuild" in error.value.next_step


def test_the_folder_of_a_run_that_died_before_the_ledger_speaks_for_no_earlier_run(ledger: Path) -> None:
    ctx = open_context(ledger.parent.parent)
    assert not traces_of_runs(ctx)
    a_report(ledger)
    assert "1 run left a folder" in str(traces_of_runs(ctx))


@pytest.mark.parametrize("kept", [True, False])
def test_no_checkpoint_is_made_of_an_empty_ledger(ledger: Path, kept: bool) -> None:
    ledger.touch()
    if kept:
        a_copy(ledger)
    with pytest.raises(EmptiedLedgerError if kept else UsageError):
        make_checkpoint(open_context(ledger.parent.parent))
    assert not (ledger.parent / "checkpoints").exists()
