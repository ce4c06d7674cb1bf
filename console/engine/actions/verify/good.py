"""Where good copies lie: every place of which the ledger says that it holds the wanted checksum, until one does."""

from __future__ import annotations

import os
import sqlite3

from console.engine.actions.verify.model import IS_BAD
from console.engine.context import Context
from console.engine.transfer.publish import hash_file

# Which zone is asked first for a file of each zone: where it came from, then what is least likely to be needed itself.
_ORDER = {
    "raw": ("validated", "archive", "backups", "raw"),
    "validated": ("raw", "archive", "backups", "validated"),
    "backups": ("raw", "validated", "archive", "backups"),
    "archive": ("validated", "raw", "backups", "archive"),
}
_EACH = 8  # places of one zone that are tried for one checksum
_PLACES = (
    ("validated", "dest", "sha256", "files", "status <> 'held'"),
    ("raw", "path", "sha256", "files", "status <> 'archived'"),
    ("validated", "dest", "sha256", "sidecars", "1"),
    ("raw", "path", "sha256", "sidecars", "1"),
    ("raw", "path", "sha256", "failures", "1"),
    # what was taken back waits in the raw zone, and no other row has its checksum
    ("raw", "path", "replaced_sha256", "outcomes", "outcome IN ('restored', 'removed') AND replaced_sha256 <> ''"),
    ("raw", "dest", "sha256", "outcomes", "outcome = 'returned'"),
    ("archive", "place", "sha256", "archived", "1"),
    ("archive", "dest", "sha256", "outcomes", "outcome IN ('moved', 'archived')"),
    ("backups", "backup", "replaced_sha256", "outcomes", "backup <> '' AND replaced_sha256 <> ''"),
    # what verify read itself: manifests vouch for files of which the rest of the ledger knows nothing
    ("archive", "path", "expected", "verified", "zone = 'archive' AND state = 'whole'"),
)


class GoodCopies:
    """Answers for the files that the table `verified` calls bad. run: what that run read and found whole is believed,
    0: everything is read again."""

    def __init__(self, ctx: Context, connection: sqlite3.Connection, run: int = 0) -> None:
        self._root, self._connection = str(ctx.workspace.root), connection
        self._hashes: dict[str, str] = {}
        for name in ("wanted", "places"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
        connection.execute("CREATE TEMP TABLE wanted (sha256 TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute(
            "CREATE TEMP TABLE places (sha256 TEXT, zone TEXT, path TEXT, trusted INTEGER,"
            " PRIMARY KEY (sha256, zone, path)) WITHOUT ROWID"
        )
        connection.execute(f"INSERT OR IGNORE INTO wanted SELECT expected FROM verified WHERE {IS_BAD}")
        for zone, path, sha256, table, where in _PLACES:
            connection.execute(
                f"INSERT OR IGNORE INTO places SELECT w.sha256, '{zone}', t.{path}, coalesce((SELECT v.state = 'whole'"
                f" AND v.run = ? AND v.expected = w.sha256 FROM verified v WHERE v.path = t.{path}), 0)"
                f" FROM {table} t CROSS JOIN wanted w WHERE w.sha256 = t.{sha256} AND {where}",
                [run if run else -1],
            )

    def find(self, zone: str, path: str, sha256: str, subject: str) -> str:
        """A place other than `path` that holds these bytes now, '' for none. subject: the raw file that it is of."""
        for other in _ORDER[zone]:
            rows = self._connection.execute(
                "SELECT path, trusted FROM places WHERE sha256 = ? AND zone = ? AND path <> ?"
                f" ORDER BY trusted DESC, path LIMIT {_EACH}",
                [sha256, other, path],
            ).fetchall()
            for row in rows:
                if row["trusted"] or self._hash(row["path"]) == sha256:
                    return str(row["path"])
        # delivered again by hand: no row has its checksum yet
        return subject if subject not in ("", path) and self._hash(subject) == sha256 else ""

    def _hash(self, path: str) -> str:
        """SHA-256 of a plain file, '' where it cannot be read; the last ones are remembered."""
        if path not in self._hashes:
            if len(self._hashes) > 10_000:
                self._hashes.clear()
            try:
                self._hashes[path] = hash_file(os.path.join(self._root, path))
            except OSError:
                self._hashes[path] = ""
        return self._hashes[path]

    def close(self) -> None:
        for name in ("wanted", "places"):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
