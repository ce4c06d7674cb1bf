"""Rows of the ledger that follow a change on disk; what they were before is remembered for the undo."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from console.engine.actions.change.model import Row

# Tables whose rows an undo can put back, and what their rows are known by.
_KEYS = {"files": "path", "sidecars": "path", "failures": "path", "holds": "path", "archived": "path"}


def row_of(connection: sqlite3.Connection, table: str, key: str) -> dict[str, Any] | None:
    """The row as it is, column -> value, without `files.id`; None where there is none."""
    row = connection.execute(f"SELECT * FROM {table} WHERE {_KEYS[table]} = ?", [key]).fetchone()
    return None if row is None else {name: row[name] for name in row.keys() if name != "id"}  # noqa: SIM118


def former_row(connection: sqlite3.Connection, run: int, table: str, key: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether run `run` remembered what this row was, and the row; False where it never changed one that was there."""
    row = connection.execute(
        "SELECT row FROM former WHERE run = ? AND kind = ? AND path = ?", [run, table, key]
    ).fetchone()
    if row is None:
        return False, None
    return True, None if row["row"] is None else json.loads(row["row"])


def remember_former(connection: sqlite3.Connection, run: int, table: str, keys: Iterable[str]) -> None:
    """Keep the rows as they are now, those that are there, unless this run has kept them already.

    One statement for any number of rows: the columns are read from the table itself.
    """
    names = _columns(connection, table)
    pairs = ", ".join(f"'{name}', {name}" for name in names)
    connection.executemany(
        f"INSERT OR IGNORE INTO former (run, kind, path, row) SELECT {run}, '{table}', {_KEYS[table]},"
        f" json_object({pairs}) FROM {table} WHERE {_KEYS[table]} = ?",
        ((key,) for key in keys),
    )


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [row["name"] for row in found if row["name"] != "id"]


def apply_rows(connection: sqlite3.Connection, run: int, rows: Iterable[Row]) -> None:
    """Put rows where they are to be, inside the caller's transaction; what they were is kept for the undo."""
    for table, key, row in rows:
        name = _KEYS[table]
        before = row_of(connection, table, key)
        connection.execute(
            "INSERT OR IGNORE INTO former (run, kind, path, row) VALUES (?, ?, ?, ?)",
            [run, table, key, None if before is None else json.dumps(before)],
        )
        if row is None:
            connection.execute(f"DELETE FROM {table} WHERE {name} = ?", [key])
            continue
        columns = [column for column in row if column != name]
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
        connection.execute(
            f"INSERT INTO {table} ({', '.join([name, *columns])}) VALUES ({', '.join('?' * (len(columns) + 1))})"
            f" ON CONFLICT ({name}) DO UPDATE SET {changes}",
            [key, *(row[column] for column in columns)],
        )
        if table == "failures" and before is None:  # one of bytes, not of records: its kind is its cause
            connection.execute(
                "INSERT OR IGNORE INTO failure_causes SELECT id, kind, 0, 1 FROM failures WHERE path = ?", [key]
            )
