"""What lies in the archive, by label: when, by whom, why, how much, and how much of it is still there."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass, field, replace

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.text import on_disk


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """One label. at: when it was begun (UTC). runs: ids of the runs that archived into it. files, bytes: what they
    moved. there: how many of these lie there now; missing: how many ought to and do not."""

    label: str
    at: str
    who: str
    reason: str
    files: int
    bytes: int
    there: int
    missing: int
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchivedAt:
    """Where one raw file lies that was archived."""

    place: str
    label: str
    run: str
    at: str
    who: str
    reason: str


@dataclass(slots=True)
class _Label:
    """A label in the making."""

    runs: list[sqlite3.Row] = field(default_factory=list)
    files: int = 0
    bytes: int = 0


def list_archives(ctx: Context) -> list[ArchiveRow]:
    """Every label that a run of ours archived into, oldest first. Raises LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        labels: dict[str, _Label] = {}
        for run in connection.execute(
            "SELECT * FROM runs WHERE action = 'archive' OR seq IN (SELECT DISTINCT run FROM archived) ORDER BY seq"
        ).fetchall():
            label = json.loads(run["params"]).get("label") or f"moved-{run['id']}"
            files, size = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM outcomes WHERE run = ? AND outcome IN"
                " ('archived', 'moved')",
                [run["seq"]],
            ).fetchone()
            if files:
                found = labels.setdefault(label, _Label())
                found.runs.append(run)
                found.files += files
                found.bytes += size
        return [_row(ctx, connection, label, found) for label, found in labels.items()]


def _row(ctx: Context, connection: sqlite3.Connection, label: str, found: _Label) -> ArchiveRow:
    there = missing = 0
    for row in connection.execute("SELECT place FROM archived WHERE label = ?", [label]):
        if os.path.lexists(ctx.workspace.path(on_disk(row["place"]))):
            there += 1
        else:
            missing += 1
    first = found.runs[0]
    reasons = dict.fromkeys(_reason(run) for run in found.runs)
    people = dict.fromkeys(_who(run) for run in found.runs)
    return ArchiveRow(
        label,
        first["started_at"],
        ", ".join(people),
        "; ".join(reasons),
        found.files,
        found.bytes,
        there,
        missing,
        tuple(run["id"] for run in found.runs),
    )


def _who(run: sqlite3.Row) -> str:
    who = json.loads(run["who"])
    return str(who.get("login") or who.get("user") or "?")


def _reason(run: sqlite3.Row) -> str:
    return str(json.loads(run["params"]).get("reason") or f"{run['action']} --operation move")


def archived_at(connection: sqlite3.Connection, path: str) -> ArchivedAt | None:
    """Where the newest archived version of a raw file lies (path as text.keepable has it); None where none does."""
    row = connection.execute(
        "SELECT a.place, a.label, r.* FROM archived a JOIN runs r ON r.seq = a.run WHERE a.path = ?"
        " ORDER BY a.run DESC LIMIT 1",
        [path],
    ).fetchone()
    if row is None:
        return None
    found = ArchivedAt(row["place"], row["label"], row["id"], row["started_at"], _who(row), _reason(row))
    return replace(found, place=on_disk(found.place))
