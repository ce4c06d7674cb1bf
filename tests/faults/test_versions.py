"""An older and a newer program on one ledger."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.engine.ledger import schema
from tests.support import VALIDATED, make_workspace, run_cli, valid_record, write_raw

LEDGER = ".opsconsole/ledger.sqlite"


def change(root: Path, *statements: str) -> None:
    with closing(sqlite3.connect(root / LEDGER)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def used(tmp_path: Path) -> Path:
    root = make_workspace(tmp_path / "ws", {"alpha/one.json": [valid_record(1)]})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    return root


@pytest.fixture
def older(used: Path) -> Path:
    """The same ledger as version 1 had it."""
    downgrade(used, 1)
    change(used, "DELETE FROM meta WHERE key IN ('program', 'readable_from')")
    return used


def downgrade(root: Path, version: int) -> None:
    """The ledger as an older program had it: without the tables that came since."""
    later = "".join(text for number, text in schema.UPGRADES.items() if number > version)
    tables = re.findall(r"CREATE TABLE (\w+)", later)
    change(root, *(f"DROP TABLE {name}" for name in tables), f"PRAGMA user_version={version}")


def test_an_older_ledger_is_read_as_it_is(older: Path) -> None:
    before = (older / LEDGER).read_bytes()
    for words in (("runs", "list"), ("state", "list"), ("doctor",), ("migrate", "--dry-run"), ("failures", "list")):
        done = run_cli(older, *words)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
    assert (older / LEDGER).read_bytes() == before


def test_it_is_copied_and_upgraded_under_the_lock_as_a_recorded_run(older: Path) -> None:
    write_raw(older, "alpha/two.json", [valid_record(2)])
    done = run_cli(older, "migrate", "--yes")
    assert done.returncode == 0, done.stderr
    assert rows(older / LEDGER, "PRAGMA user_version") == [(schema.VERSION,)]
    assert rows(older / ".opsconsole/ledger.v1.sqlite", "PRAGMA user_version") == [(1,)]
    assert rows(older / ".opsconsole/ledger.v1.sqlite", "SELECT count(*) FROM runs") == [(1,)]
    actions = [row[0] for row in rows(older / LEDGER, "SELECT action FROM runs ORDER BY seq")]
    assert actions == ["migrate", "upgrade", "migrate"]
    assert run_cli(older, "migrate", "--yes").returncode == 0
    assert len(rows(older / LEDGER, "SELECT id FROM runs WHERE action = 'upgrade'")) == 1


def test_what_an_older_ledger_has_can_be_written_before_the_upgrade(used: Path) -> None:
    """Somebody installs the new program at night, and releases what is held before anything has run with it."""
    assert run_cli(used, "rollback", "--last", "--yes", "--confirm", "ws").returncode == 0
    downgrade(used, 3)
    assert run_cli(used, "maintenance", "on", "--reason", "a test").returncode == 0
    assert rows(used / LEDGER, "SELECT what, reason FROM maintenance") == [("on", "a test")]
    done = run_cli(used, "state", "release", "--all", "--reason", "the source was right")
    assert done.returncode == 0, done.stderr
    assert rows(used / LEDGER, "SELECT count(*) FROM holds") == [(0,)]
    signed = run_cli(used, "checklist", "sign", "documentation", "--note", "page 4")
    assert signed.returncode == 5 and "an older version, which the next run upgrades" in signed.stderr
    assert rows(used / LEDGER, "PRAGMA user_version") == [(3,)]


def test_killed_in_the_middle_of_an_upgrade(older: Path) -> None:
    """The copy is there, the ledger is as it was or as it will be; the next run comes to the same end."""
    (older / ".opsconsole/ledger.v1.sqlite.part").write_bytes(b"half")
    assert run_cli(older, "migrate", "--yes").returncode == 0
    assert rows(older / LEDGER, "PRAGMA user_version") == [(schema.VERSION,)]


@pytest.mark.parametrize("readable", [True, False])
def test_an_older_program_on_a_newer_ledger(used: Path, readable: bool) -> None:
    newer = schema.VERSION + 1
    change(
        used,
        f"UPDATE meta SET value = '{schema.VERSION if readable else newer}' WHERE key = 'readable_from'",
        "UPDATE meta SET value = '9.8' WHERE key = 'program'",
        f"PRAGMA user_version={newer}",
    )
    before = (used / LEDGER).read_bytes()
    write_raw(used, "alpha/two.json", [valid_record(2)])
    done = run_cli(used, "migrate", "--yes")
    assert done.returncode == 5
    assert "opsconsole 9.8" in done.stderr
    assert not (used / "data/transformed/validated/alpha/two.json").exists()
    listed = run_cli(used, "runs", "list")
    assert listed.returncode == (0 if readable else 5), listed.stderr
    assert ("9.8" in listed.stderr) != readable
    assert (used / LEDGER).read_bytes() == before


def test_a_run_of_the_program_before_is_taken_back(used: Path) -> None:
    """Version 2 remembered no rows from before a run: the files come back, what was new goes, and all of it is held."""
    first = (used / VALIDATED / "alpha/one.json").read_bytes()
    write_raw(used, "alpha/one.json", [valid_record(2)])
    write_raw(used, "alpha/two.json", [valid_record(3)])
    assert run_cli(used, "migrate", "--yes").returncode == 0
    downgrade(used, 2)
    run = rows(used / LEDGER, "SELECT id FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
    done = run_cli(used, "rollback", run, "--yes", "--confirm", "ws")
    assert done.returncode == 0, done.stderr
    assert (used / VALIDATED / "alpha/one.json").read_bytes() == first
    assert not (used / VALIDATED / "alpha/two.json").exists()
    again = run_cli(used, "migrate", "--yes", "--json")
    assert '"held":2' in again.stdout.replace(" ", ""), again.stdout
    assert (used / VALIDATED / "alpha/one.json").read_bytes() == first
