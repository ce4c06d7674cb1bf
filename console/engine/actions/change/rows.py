"""Rows of the ledger that follow a change on disk; what they were before is remembered for the undo."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from console.engine.actions.change.model import Row

# Tables whose rows an undo can put back, and what their rows are known by.
_KEYS = {"files": "path", "sidecars": "path", "holds": "path", "archived": "path"}


def row_of(connection: sqlite3.Connection, table: str, key: str) -> dict[str, Any] | None:
    """The row as it is, column -> value, without `files.id`; None where there is none."""
    return rows_of(connection, table, [key]).get(key)


def rows_of(connection: sqlite3.Connection, table: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rows as they are, by key, column -> value, without `files.id`; those that are there."""
    name = _KEYS[table]
    cursor = connection.cursor()
    cursor.row_factory = None
    cursor.execute(f"SELECT * FROM {table} WHERE {name} IN (SELECT value FROM json_each(?))", [json.dumps(list(keys))])
    columns = [column[0] for column in cursor.description]
    place = columns.index(name)
    found = {}
    for row in cursor:
        value = dict(zip(columns, row, strict=True))
        value.pop("id", None)
        found[row[place]] = value
    return found


def former_row(connection: sqlite3.Connection, run: int, table: str, key: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether run `run` remembered what this row was, and the row; False where it never changed one that was there."""
    found = former_rows(connection, run, [key])
    return (table, key) in found, found.get((table, key))


def former_rows(
    connection: sqlite3.Connection, run: int, keys: Iterable[str]
) -> dict[tuple[str, str], dict[str, Any] | None]:
    """What run `run` remembered of the rows with these keys, by table and key; None: there was no such row."""
    keys = json.dumps(list(keys))
    found: dict[tuple[str, str], dict[str, Any] | None] = {}
    for table in _KEYS:
        rows = connection.execute(
            "SELECT path, row FROM former WHERE run = ? AND kind = ? AND path IN (SELECT value FROM json_each(?))",
            [run, table, keys],
        )
        for path, row in rows:
            found[table, path] = None if row is None else json.loads(row)
    return found


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
    last: dict[str, dict[str, dict[str, Any] | None]] = {}
    for table, key, row in rows:  # of several for one key the later ones count
        of_table = last.setdefault(table, {})
        before = of_table.get(key)
        of_table[key] = {**before, **row} if before is not None and row is not None else row
    for table, wanted in last.items():
        remember_former(connection, run, table, wanted)
        connection.executemany(  # those that are not there
            f"INSERT OR IGNORE INTO former (run, kind, path, row) VALUES ({run}, '{table}', ?, NULL)",
            ((key,) for key in wanted),
        )
        name = _KEYS[table]
        gone = [(key,) for key, row in wanted.items() if row is None]
        connection.executemany(f"DELETE FROM {table} WHERE {name} = ?", gone)
        forms: dict[tuple[str, ...], list[list[Any]]] = {}
        for key, row in wanted.items():
            if row is not None:
                columns = tuple(column for column in row if column != name)
                forms.setdefault(columns, []).append([key, *(row[column] for column in columns)])
        for columns, values in forms.items():
            changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
            connection.executemany(
                f"INSERT INTO {table} ({', '.join([name, *columns])}) VALUES ({', '.join('?' * (len(columns) + 1))})"
                f" ON CONFLICT ({name}) DO UPDATE SET {changes}",
                values,
            )
