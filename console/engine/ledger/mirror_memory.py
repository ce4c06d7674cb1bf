"""What the ledger remembers of the state file: `mirrors`, and one JSON document in `meta`."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.ledger.mirror_files import confined_folder
from console.engine.ledger.mirror_judge import PUBLISHED
from console.engine.ledger.store import transaction
from console.engine.model import Identity

_META = "mirror"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger remembers besides the digests of every version we wrote.

    run: runs.seq as of which file and ledger agreed. entries: SHA-256 of the entries as they were written.
    fingerprint: of the rows that these entries came from. judged: digest and identity of an edited version
    whose difference the ledger has recorded. staged: digest of a version that was about to be renamed into
    place. known: digests of the newest such versions without a forged entry, with the run that recorded each:
    one of them may come back as .bak. writer: what else writes the file, in words, with the run that found it.
    """

    run: int = 0
    entries: str = ""
    fingerprint: str = ""
    judged: dict[str, Any] | None = None
    staged: dict[str, Any] | None = None
    known: dict[str, int] = field(default_factory=dict)
    writer: dict[str, Any] | None = None


def mirror_path(ctx: Context) -> Path:
    """Where the state file is. Raises RefusedError when its folder is a link out of the workspace."""
    folder, _, name = ctx.settings.state_file.rpartition("/")
    return confined_folder(ctx.workspace, folder or ".") / name


def remembered(connection: sqlite3.Connection | None) -> Remembered:
    if connection is None:
        return Remembered()
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [_META]).fetchone()
    return Remembered(**json.loads(row[0])) if row else Remembered()


def remember(connection: sqlite3.Connection, document: Remembered) -> None:
    """Inside the caller's transaction."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [_META, json.dumps(asdict(document))],
    )


def inside(connection: sqlite3.Connection) -> AbstractContextManager[Any]:
    """A transaction, or the one that the caller has open already."""
    return nullcontext() if connection.in_transaction else transaction(connection)


def fingerprint(connection: sqlite3.Connection) -> str:
    """Tells whether any entry can have changed since: counts and sums over every row, in one pass of
    SQLite.
    """
    row = connection.execute(
        f"""SELECT count(*), sum((id * 7919 + run * 31 + judged_run * 17) % 1000003),
            sum((id * 131 + mtime_ns) % 1000000007), sum((id * 613 + records * 7 + size) % 1000003),
            sum((id * 271) % 1000003 * unicode(sha256)) FROM files WHERE {PUBLISHED}"""
    ).fetchone()
    # what is carried on for others only ever comes by an adoption, which settles anew, or goes
    carried = connection.execute(
        "SELECT count(*), sum(rowid * 7919 % 1000003), sum(length(path)), sum(length(value)) FROM foreign_entries"
    ).fetchone()
    return json.dumps([*row, *carried])


def identity_of(facts: os.stat_result) -> Identity:
    return Identity(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def last_written(connection: sqlite3.Connection | None) -> sqlite3.Row | None:
    """The newest row of `mirrors`."""
    if connection is None:
        return None
    row: sqlite3.Row | None = connection.execute("SELECT * FROM mirrors ORDER BY id DESC LIMIT 1").fetchone()
    return row


def expected_identity(connection: sqlite3.Connection) -> Identity | None:
    """What stat says of the state file as long as nobody else touches it; None while we never had one."""
    return known_identity(remembered(connection), last_written(connection))


def known_identity(memory: Remembered, written: sqlite3.Row | None) -> Identity | None:
    """The identity of the version whose content the ledger knows."""
    if memory.judged:
        return Identity(memory.judged["size"], memory.judged["mtime_ns"], memory.judged["inode"])
    return Identity(written["size"], written["mtime_ns"], written["inode"]) if written else None
