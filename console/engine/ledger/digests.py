"""One digest over the rows of a run: what it did, and its own row without what changes while it runs.

A bit that changes in them later is seen by it; SQLite's own check sees only what breaks the form of the file.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import orjson

# Of the run's own row: everything that is fixed once it has ended.
_RUN = (
    "seq, id, action, status, params, command, who, started_at, ended_at, pid, pid_started, host, total_files,"
    " done_files, total_bytes, done_bytes, counts, exit_status, message, settings_digest, durability, timings, gate,"
    " overrides, verification, cancel_by, cancel_at"
)
# What it left in other tables, each with what orders it; an undo goes by them.
_ROWS = (
    ("outcomes", "id, path, outcome, dest, size, sha256, replaced_sha256, backup, reason", "id"),
    ("former", "kind, path, row", "kind, path"),
    ("folders", "path", "path"),
    ("folders_gone", "path, mode", "path"),
)
TABLES = ("outcomes", "former", "folders", "folders_gone")  # whose column `run` says that a row is a run's


class Broken(NamedTuple):
    """A run whose rows no longer have the digest that was taken when it ended."""

    seq: int
    run: str
    recorded: str
    now: str


def run_digest(connection: sqlite3.Connection, seq: int) -> str:
    """SHA-256 over the rows of run `seq`, each a JSON array on a line; '' where there is no such run."""
    cursor = connection.cursor()
    cursor.row_factory = None
    row = cursor.execute(f"SELECT {_RUN} FROM runs WHERE seq = ?", [seq]).fetchone()
    if row is None:
        return ""
    digest = hashlib.sha256(orjson.dumps(row) + b"\n")
    for table, columns, order in _ROWS:
        digest.update(table.encode() + b"\n")
        cursor.execute(f"SELECT {columns} FROM {table} WHERE run = ? ORDER BY {order}", [seq])
        while rows := cursor.fetchmany(1000):
            digest.update(b"\n".join(map(orjson.dumps, rows)) + b"\n")
    return digest.hexdigest()


def write_digest(connection: sqlite3.Connection, seq: int) -> None:
    """Take the digest of a run that has ended, in the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO digests VALUES (?, ?)", [seq, run_digest(connection, seq)])


def digest_of(connection: sqlite3.Connection, seq: int) -> str:
    """The digest that was taken, '' for none."""
    row = connection.execute("SELECT sha256 FROM digests WHERE run = ?", [seq]).fetchone()
    return str(row[0]) if row else ""


def broken_digests(connection: sqlite3.Connection) -> Iterator[Broken]:
    """Every run whose rows changed since it ended; reads all outcomes."""
    rows = connection.execute("SELECT run, CAST(sha256 AS BLOB) FROM digests ORDER BY run").fetchall()
    for seq, taken in rows:
        recorded = bytes(taken).decode("ascii", "backslashreplace")  # a flipped bit makes it no text at all
        try:
            now = run_digest(connection, seq)
            if now == recorded:
                continue
            row = connection.execute("SELECT id FROM runs WHERE seq = ?", [seq]).fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError, orjson.JSONEncodeError):  # text that is none any more
            now, row = "", None
        yield Broken(seq, str(row[0]) if row else f"number {seq}", recorded, now)


def ledger_problems(connection: sqlite3.Connection, most: int = 10) -> list[str]:
    """What SQLite's own check finds (the form of the file, its indexes, its types), in its words; [] is whole."""
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({most})") if row[0] != "ok"]
        found += [f"{row[0]} row {row[1]}" for row in connection.execute("PRAGMA foreign_key_check").fetchmany(most)]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # what SQLite says may quote what is no text any more
        return [str(error)]
    return found
