"""What verify found, in the ledger's table `verified`; whether what is missing is rightly so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from console.engine.actions.verify.model import BAD, IS_BAD, Answer, Item, State

TABLE = (  # as the ledger has it; a session that writes nothing makes its own, which hides that one
    "CREATE TEMP TABLE verified (path TEXT PRIMARY KEY, zone TEXT NOT NULL, subject TEXT NOT NULL, at TEXT NOT NULL,"
    " run INTEGER NOT NULL, expected TEXT NOT NULL, found TEXT NOT NULL, state TEXT NOT NULL,"
    " reason TEXT NOT NULL DEFAULT '', since TEXT NOT NULL DEFAULT '', good TEXT NOT NULL DEFAULT '')"
)
_RECORD = (
    "INSERT INTO verified (path, zone, subject, at, run, expected, found, state, reason, since)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET zone = excluded.zone,"
    " subject = excluded.subject, at = excluded.at, run = excluded.run, expected = excluded.expected,"
    " found = excluded.found, state = excluded.state, reason = excluded.reason, good = '',"
    " since = CASE WHEN excluded.since = '' OR verified.since = '' THEN excluded.since ELSE verified.since END"
)


class Bad(NamedTuple):
    """One file that is not whole. since: UTC. good: where a good copy lies, '' where none was found."""

    path: str
    zone: str
    subject: str
    expected: str
    found: str
    state: str
    reason: str
    since: str
    good: str

    @property
    def what(self) -> str:
        """`damaged: same size …`."""
        return f"{self.state}: {self.reason}" if self.reason else self.state


def record(
    connection: sqlite3.Connection, answers: Iterable[tuple[Item, Answer]], run: int, now: str, *, mends: bool
) -> None:
    """One row a file, in the caller's transaction. mends: a raw file that is whole again is no failure any more."""
    rows, whole = [], []
    for item, answer in answers:
        if answer.state == State.GONE:
            continue
        since = now if answer.state in BAD else ""
        rows.append(
            (
                *(item.path, item.zone, item.subject, now, run, item.expected, answer.found, answer.state),
                *(answer.reason, since),
            )
        )
        if item.zone == "raw" and answer.state == State.WHOLE:
            whole.append((item.path,))
    connection.executemany(_RECORD, rows)
    if mends and connection.execute("SELECT 1 FROM failures WHERE kind = 'damaged' LIMIT 1").fetchone():
        connection.executemany("DELETE FROM failures WHERE path = ? AND kind = 'damaged'", whole)


def rightly_gone(connection: sqlite3.Connection, item: Item) -> bool:
    """Whether a file that is not there is not there by a run of ours: archived, withdrawn, taken back."""
    if item.zone == "raw":
        if connection.execute("SELECT 1 FROM archived WHERE path = ?", [item.path]).fetchone():
            return True
        row = connection.execute(
            "SELECT outcome, run FROM outcomes WHERE path = ? AND (outcome IN ('moved', 'archived', 'returned',"
            " 'published', 'replaced', 'revalidated', 'sidecar') OR (dest = ? AND outcome IN ('restored', 'removed')))"
            " ORDER BY id DESC LIMIT 1",
            [item.subject, item.path],
        ).fetchone()
        gone = row is not None and row["outcome"] in ("moved", "archived", "removed")
    elif item.zone == "validated":
        row = connection.execute(
            "SELECT outcome, run FROM outcomes WHERE path = ? AND dest = ? AND outcome NOT IN ('lost', 'damaged')"
            " ORDER BY id DESC LIMIT 1",
            [item.subject, item.path],
        ).fetchone()
        gone = row is not None and row["outcome"] == "removed"
    else:
        return False
    return gone and _action_behind(connection, row["run"]) != "repair"


def _action_behind(connection: sqlite3.Connection, run: int) -> str:
    """The action that a rollback, or a rollback of a rollback, is about; of another run its own. A repair that was
    taken back leaves missing what was missing before it."""
    for _ in range(100):  # more often nobody takes anything back
        row = connection.execute("SELECT run FROM undone WHERE by = ?", [run]).fetchone()
        if row is None:
            break
        run = row[0]
    row = connection.execute("SELECT action FROM runs WHERE seq = ?", [run]).fetchone()
    return str(row[0]) if row else ""


def bad_files(connection: sqlite3.Connection, source: str = "", run: int = 0) -> Iterator[Bad]:
    """What verify found damaged, missing or not to be read, by path, in pages.

    source: raw path of one source with a slash at its end, '' for all. run: only what that run found.
    """
    last = ""
    where = " AND run = ?" if run else " AND ? = 0"
    while True:
        rows = connection.execute(
            "SELECT path, zone, subject, expected, found, state, reason, since, good FROM verified"
            f" WHERE {IS_BAD} AND path > ?{where} ORDER BY path LIMIT 500",
            [last, run],
        ).fetchall()
        for row in rows:
            if not source or row["subject"].startswith(source):
                yield Bad(*row)
        if len(rows) < 500:
            return
        last = rows[-1]["path"]
