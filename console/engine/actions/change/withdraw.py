"""Withdrawal: a published copy goes into the run's backup, its row and its entry in the state file with it."""

from __future__ import annotations

import sqlite3

from console.engine.actions.change.model import Change
from console.engine.actions.rollback.undo import keep_place
from console.engine.model import Outcome
from console.engine.settings import Settings


def withdrawal(settings: Settings, connection: sqlite3.Connection, path: str, run: str, reason: str) -> Change | None:
    """The change that withdraws the copy of a raw file, data or sidecar; None where none is published.

    path: as the ledger has it. run: the id of the run that does it.
    """
    row = connection.execute(
        "SELECT 'files' AS place, dest, sha256, dest_size AS size FROM files WHERE path = ?1 AND status <> 'held'"
        " UNION ALL SELECT 'sidecars', dest, sha256, size FROM sidecars WHERE path = ?1",
        [path],
    ).fetchone()
    if row is None:
        return None
    keep = keep_place(settings, run, row["dest"])
    rows = [(row["place"], path, None)]
    return Change(
        "take", row["dest"], keep, "", row["sha256"], "", row["size"], Outcome.REMOVED, path, reason, list(rows)
    )
