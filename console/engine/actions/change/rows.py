"""Rows of the ledger that follow a change on disk; what they were before is remembered for the undo."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from console.engine.actions.change.model import Row

# Tables whose rows an undo can put back, and what their rows are known by.
_KEYS = {"files": "path", "sidecars": "path", "holds": "path", "archived": "place", "failures": "path"}


_PATCH = "only"
_CAUSES = "causes"  # of a failure; they lie in a table of their own
_CAUSES_OF = (
    "(SELECT json_group_array(json_array(cause, records, errors)) FROM failure_causes WHERE failure = failures.id)"
)


def patch(**columns: Any) -> dict[str, Any]:
    """For a Row: these columns of a row that is there when the change is done; where there is none, none comes."""
    return {_PATCH: True, **columns}


_HELD_FROM = "held_from"


def held(table: str, run: int, at: str, by: str, reason: str) -> dict[str, Any]:
    """For a Row of `holds`: what stands in `table` (files, sidecars) under the same key is held; where nothing stands
    there, no hold comes."""
    return {_HELD_FROM: table, "run": run, "at": at, "by": by, "reason": reason}


def is_held(row: dict[str, Any]) -> bool:
    """Whether `held` made it."""
    return _HELD_FROM in row


def with_facts(row: dict[str, Any], size: int, mtime_ns: int, inode: int) -> dict[str, Any]:
    """What `held` made, with what the raw file is now: if it is the same by size and time, its inode counts."""
    return {**row, "facts": [size, mtime_ns, inode]}


def is_patch(row: dict[str, Any]) -> bool:
    """Whether `patch` made it."""
    return _PATCH in row


def row_of(connection: sqlite3.Connection, table: str, key: str) -> dict[str, Any] | None:
    """The row as it is, column -> value, without `id`; None where there is none. A failure comes with its causes."""
    return rows_of(connection, table, [key]).get(key)


def rows_of(connection: sqlite3.Connection, table: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rows as they are, by key, column -> value, without `id`; those that are there. Failures with their causes."""
    name = _KEYS[table]
    cursor = connection.cursor()
    cursor.row_factory = None
    more = f", {_CAUSES_OF} AS {_CAUSES}" if table == "failures" else ""
    cursor.execute(
        f"SELECT *{more} FROM {table} WHERE {name} IN (SELECT value FROM json_each(?))", [json.dumps(list(keys))]
    )
    columns = [column[0] for column in cursor.description]
    place = columns.index(name)
    found = {}
    for row in cursor:
        value = dict(zip(columns, row, strict=True))
        value.pop("id", None)
        if more:
            value[_CAUSES] = json.loads(value[_CAUSES])
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
    kinds = ", ".join(f"'{table}'" for table in _KEYS)
    rows = connection.execute(
        f"SELECT kind, path, row FROM former WHERE run = ? AND kind IN ({kinds})"
        " AND path IN (SELECT value FROM json_each(?))",
        [run, json.dumps(list(keys))],
    )
    return {(table, path): None if row is None else json.loads(row) for table, path, row in rows}


def remember_former(connection: sqlite3.Connection, run: int, table: str, keys: Iterable[str]) -> None:
    """Keep the rows as they are now, those that are there, unless this run has kept them already.

    One statement for any number of rows: the columns are read from the table itself.
    """
    names = _columns(connection, table)
    pairs = ", ".join(f"'{name}', {name}" for name in names)
    if table == "failures":
        pairs += f", '{_CAUSES}', json({_CAUSES_OF})"
    connection.execute(
        f"INSERT OR IGNORE INTO former (run, kind, path, row) SELECT {run}, '{table}', {_KEYS[table]},"
        f" json_object({pairs}) FROM {table} WHERE {_KEYS[table]} IN (SELECT value FROM json_each(?))",
        [json.dumps(list(keys))],
    )


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [row["name"] for row in found if row["name"] != "id"]


def apply_rows(connection: sqlite3.Connection, run: int, rows: Iterable[Row]) -> None:
    """Put rows where they are to be, inside the caller's transaction; what they were is kept for the undo."""
    last: dict[str, dict[str, dict[str, Any] | None]] = {}
    for table, key, row in rows:  # of several for one key the later ones count
        of_table = last.setdefault(table, {})
        of_table[key] = _then(of_table[key], row) if key in of_table else row
    for table, wanted in last.items():
        remember_former(connection, run, table, wanted)
        connection.execute(  # those that are not there; in the order in which they will lie there
            "INSERT OR IGNORE INTO former (run, kind, path, row) SELECT ?, ?, value, NULL FROM json_each(?)",
            [run, table, json.dumps(sorted(wanted))],
        )
    _hold(connection, last.get("holds", {}))  # of what the others still have
    for table, wanted in last.items():
        _put(connection, table, wanted)


def _put(connection: sqlite3.Connection, table: str, wanted: dict[str, dict[str, Any] | None]) -> None:
    name = _KEYS[table]
    gone = [key for key, row in wanted.items() if row is None]
    if gone:
        connection.execute(f"DELETE FROM {table} WHERE {name} IN (SELECT value FROM json_each(?))", [json.dumps(gone)])
    forms: dict[tuple[bool, tuple[str, ...]], list[list[Any]]] = {}
    for key, row in wanted.items():
        if row is not None and not is_held(row):
            columns = tuple(column for column in row if column not in (name, _CAUSES, _PATCH))
            forms.setdefault((is_patch(row), columns), []).append([*(row[column] for column in columns), key])
    for (patched, columns), values in forms.items():
        connection.executemany(_statement(table, columns, patched=patched), values)
    if table == "failures":
        for key, row in wanted.items():
            if row is not None and not is_patch(row):
                _put_causes(connection, key, row.get(_CAUSES))


def _hold(connection: sqlite3.Connection, wanted: dict[str, dict[str, Any] | None]) -> None:
    """A statement for all that is held alike."""
    alike: dict[tuple[Any, ...], list[list[Any]]] = {}
    for key, row in wanted.items():
        if row is not None and is_held(row):
            how = row[_HELD_FROM], row["run"], row["at"], row["by"], row["reason"]
            alike.setdefault(how, []).append([key, *row.get("facts", ())])
    for (table, *values), items in alike.items():
        rule = "f.rule" if table == "files" else "NULL"
        connection.execute(
            "INSERT OR REPLACE INTO holds (path, size, mtime_ns, inode, rule, source, run, at, by, reason)"
            " SELECT f.path, f.size, f.mtime_ns, iif(json_extract(j.value, '$[1]') = f.size"
            " AND json_extract(j.value, '$[2]') = f.mtime_ns, json_extract(j.value, '$[3]'), f.inode),"
            f" {rule}, f.source, ?, ?, ?, ? FROM json_each(?) j"
            f" JOIN {table} f ON f.path = json_extract(j.value, '$[0]')",
            [*values, json.dumps(items)],
        )


def _then(before: dict[str, Any] | None, row: dict[str, Any] | None) -> dict[str, Any] | None:
    """What two rows for one key come to, one after the other."""
    if row is None or before is None:
        return None if row is None or is_patch(row) else row
    if is_held(before) or is_held(row):
        return row
    if not is_patch(row):
        return {**before, **row} if not is_patch(before) else row
    return {**before, **{column: value for column, value in row.items() if column != _PATCH}}


def _statement(table: str, columns: tuple[str, ...], *, patched: bool) -> str:
    """Puts a row in place; its values come in the order of `columns`, the key last."""
    name = _KEYS[table]
    if patched:
        return f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} WHERE {name} = ?"
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return (
        f"INSERT INTO {table} ({', '.join([*columns, name])}) VALUES ({', '.join('?' * (len(columns) + 1))})"
        f" ON CONFLICT ({name}) DO UPDATE SET {changes}"
    )


def _put_causes(connection: sqlite3.Connection, path: str, causes: list[list[Any]] | None) -> None:
    """causes: None for a failure of bytes, not of records: its kind is its cause."""
    failure, kind = connection.execute("SELECT id, kind FROM failures WHERE path = ?", [path]).fetchone()
    if causes is None:
        causes = [[kind, 0, 1]]
    connection.execute("DELETE FROM failure_causes WHERE failure = ?", [failure])
    connection.executemany(
        f"INSERT INTO failure_causes (failure, cause, records, errors) VALUES ({failure}, ?, ?, ?)", causes
    )
