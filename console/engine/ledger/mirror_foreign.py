"""Entries that our state file carries on for others: nobody could adopt them, and they are not ours to drop.

`foreign_entries` has them since the adoption. One goes when somebody takes it out of the file by hand, and when
the ledger publishes the file that it names.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii
from typing import Any

from console.engine.context import Context
from console.engine.ledger.mirror_read import absolute_zones, fold

# Spellings that are not simply a path below the root: only these have to be folded one by one.
_ODD = "path GLOB '/*' OR path GLOB '*//*' OR path GLOB '*/' OR path GLOB '.*' OR path GLOB '*/.*'"


def stored_key(key: str) -> str:
    """A key of the state file as `foreign_entries` has it: a JSON string where it is no text that SQLite takes."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return json.dumps(key)
    return json.dumps(key) if key.startswith('"') else key


def spelled_key(stored: str) -> str:
    """The key that `stored_key` was given."""
    return str(json.loads(stored)) if stored.startswith('"') else stored


def keep_foreign(connection: sqlite3.Connection, entries: Iterable[tuple[str, Any, str]]) -> None:
    """Carry entries on that nobody could adopt: (key as spelled, value, reason) each; the last of a key counts.
    Inside the caller's transaction.
    """
    connection.executemany(
        "INSERT INTO foreign_entries (path, value, reason) VALUES (?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET value = excluded.value, reason = excluded.reason",
        ((stored_key(key), json.dumps(value), reason) for key, value, reason in entries),
    )


def carried_lines(connection: sqlite3.Connection) -> Iterator[str]:
    """Every such entry as a line or more of our file, in the order of their paths: `"key": value`."""
    cursor = connection.cursor()
    cursor.row_factory = None
    for stored, text in cursor.execute("SELECT path, value FROM foreign_entries ORDER BY path"):
        value = json.dumps(json.loads(text), indent=2).replace("\n", "\n    ")
        yield f"    {encode_basestring_ascii(spelled_key(stored))}: {value}"


def release(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Carry these (as spelled) on no longer. Inside the caller's transaction."""
    connection.executemany("DELETE FROM foreign_entries WHERE path = ?", ([stored_key(key)] for key in keys))


def release_published(ctx: Context, connection: sqlite3.Connection) -> None:
    """Carry on no longer what names a file that the ledger has published, however it spells it. Inside the
    caller's transaction.
    """
    published = "SELECT 1 FROM files f WHERE f.path = ? AND f.status <> 'held' AND f.mirrored = 1"
    connection.execute(f"DELETE FROM foreign_entries WHERE EXISTS ({published.replace('?', 'foreign_entries.path')})")
    root, zones = str(ctx.workspace.root), absolute_zones(ctx.settings)
    gone = []
    for (stored,) in connection.execute(f"SELECT path FROM foreign_entries WHERE {_ODD}"):
        key = spelled_key(stored)
        try:
            path = fold(key, root, zones)
        except ValueError:
            continue
        if connection.execute(published, [path]).fetchone():
            gone.append(key)
    release(connection, gone)


class Carried:
    """What of it a state file still has. `known` takes its entries one by one, `gone` says which are missing."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._cursor: sqlite3.Cursor | None = None
        self._seen = bytearray()  # one byte a row
        if connection is None:
            return
        cursor = connection.cursor()
        cursor.row_factory = None
        last = cursor.execute("SELECT max(rowid) FROM foreign_entries").fetchone()[0]
        if last is not None:
            self._cursor, self._seen = cursor, bytearray(last + 1)

    def known(self, key: str, value: Any) -> bool:
        """Whether the entry is one that we carry on, with the value it always had."""
        if self._cursor is None:
            return False
        row = self._cursor.execute(
            "SELECT rowid, value FROM foreign_entries WHERE path = ?", [stored_key(key)]
        ).fetchone()
        if row is None:
            return False
        self._seen[row[0]] = 1
        # as text too: NaN, which the incumbent writes and reads, is not equal to itself
        return bool(json.loads(row[1]) == value or row[1] == json.dumps(value))

    def gone(self) -> Iterator[str]:
        """Keys (as spelled) that were not among what `known` was asked for."""
        if self._cursor is None:
            return
        for number, stored in self._cursor.execute("SELECT rowid, path FROM foreign_entries ORDER BY path"):
            if not self._seen[number]:
                yield spelled_key(stored)
