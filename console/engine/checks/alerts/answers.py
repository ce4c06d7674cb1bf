"""Acknowledgements: somebody has seen an alert and says what is done about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from console.engine.context import Context
from console.engine.errors import ReadOnlyError, UsageError
from console.engine.ledger.beside import writing_beside
from console.engine.ledger.store import is_made
from console.engine.model import Check
from console.engine.observe.alerts import Acknowledged, Alert
from console.engine.observe.files_list import timestamp
from console.engine.reasons import check_reason
from console.engine.text import recordable


def read_answers(connection: sqlite3.Connection) -> dict[str, Acknowledged]:
    """The newest acknowledgement of each alert, by its key."""
    rows = connection.execute(
        "SELECT * FROM acknowledged WHERE id IN (SELECT max(id) FROM acknowledged GROUP BY key)"
    ).fetchall()
    return {row["key"]: acknowledged(row) for row in rows}


def acknowledged(row: sqlite3.Row) -> Acknowledged:
    """A row of `acknowledged`."""
    verdict = Check(row["verdict"])
    return Acknowledged(row["key"], verdict, row["measure"], row["text"], row["at"], row["by"], row["note"])


def acknowledge(ctx: Context, alerts: Iterable[Alert], note: str) -> list[Acknowledged]:
    """Answer for these alerts: each is quiet until it gets worse, or is over and begins anew.

    A short transaction beside the lock. Raises UsageError (no note, an alert that cannot be answered for),
    ReadOnlyError, LedgerError.
    """
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything", next_step="start without --read-only")
    note = check_reason(note, "an acknowledgement needs a note", next_step="add --note TEXT")
    chosen = list(alerts)
    if nameless := next((alert for alert in chosen if not alert.key), None):
        raise UsageError(f"this cannot be acknowledged: {nameless.text}", untouched="everything")
    if not is_made(ctx.workspace.ledger):
        raise UsageError("there is no ledger yet that could keep it", untouched="everything")
    at, by = timestamp(ctx.env.now()), ctx.env.who.login or ctx.env.who.user
    made = [
        Acknowledged(alert.key, alert.verdict, alert.measure, recordable(alert.text), at, by, recordable(note))
        for alert in chosen
    ]
    with writing_beside(ctx.workspace.ledger, "the acknowledgement could not be written", since=5) as connection:
        connection.executemany(
            "INSERT INTO acknowledged (key, verdict, measure, text, at, by, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(each.key, each.verdict, each.measure, each.text, each.at, each.by, each.note) for each in made],
        )
    return made
