"""Readers and writers of one ledger in one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.context import open_context
from console.engine.ledger.looking import looked_at_only
from console.engine.ledger.store import open_reader, open_writer, transaction
from tests.support import PROJECT, make_workspace

_HOLD = """
import sys
from pathlib import Path
from console.engine.ledger.store import open_writer
connection = open_writer(Path(sys.argv[1]))
connection.execute("INSERT INTO meta VALUES ('a', '1')")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Path]:
    """A ledger that another process holds open, as a run does."""
    path = open_context(make_workspace(tmp_path / "ws")).workspace.ledger
    path.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        yield path
        other.communicate()
    looked_at_only.discard(str(path))


def test_one_who_reads_does_not_keep_its_own_process_from_writing(ledger: Path) -> None:
    """The console follows a run and asks it to stop meanwhile: SQLite's shared index belongs to the whole process."""
    with closing(open_reader(ledger)) as reader:
        assert reader.execute("SELECT count(*) FROM runs").fetchone()[0] == 0
        with closing(open_writer(ledger)) as writer, transaction(writer):
            writer.execute("INSERT INTO meta VALUES ('b', '2')")
        assert reader.execute("SELECT value FROM meta WHERE key = 'b'").fetchone()[0] == "2"


def test_a_session_that_only_looks_opens_the_shared_index_for_itself(ledger: Path) -> None:
    ctx = open_context(ledger.parent.parent, read_only=True)
    assert str(ctx.workspace.ledger) in looked_at_only
    with closing(open_reader(ledger)) as reader:
        assert reader.execute("SELECT count(*) FROM runs").fetchone()[0] == 0
        with closing(open_writer(ledger)) as writer, pytest.raises(sqlite3.OperationalError, match="readonly"):
            writer.execute("INSERT INTO meta VALUES ('b', '2')")
    open_context(ledger.parent.parent)
    assert str(ctx.workspace.ledger) not in looked_at_only
