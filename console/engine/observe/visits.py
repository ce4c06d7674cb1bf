"""When each person last looked, and what has happened since.

A visit is one row of the ledger, written by a short transaction beside the lock. It is a courtesy: where it cannot be
written at once it is not written, and it never makes, upgrades or waits for a ledger.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from console.engine.context import Context
from console.engine.ledger.schema import VERSION
from console.engine.ledger.store import reading, transaction, version_of
from console.engine.model import RunRow, RunStatus
from console.engine.observe.files_list import timestamp
from console.engine.runs.query import run_row

WAIT_SECONDS = 0.1  # for another writer's transaction
_RUNS = 1000  # runs that are looked at; whoever was away for longer is told of the newest


@dataclass(frozen=True, slots=True)
class Away:
    """What ended since somebody last looked.

    since: that moment (UTC). statuses: runs by their status, the newest kind first. published, failed, adopted: files,
    over all these runs. by: who started them, the most frequent first. state_file: the newest of these runs that
    rewrote the state file, None where none did.
    """

    since: str
    runs: int
    statuses: tuple[tuple[RunStatus, int], ...] = ()
    published: int = 0
    failed: int = 0
    adopted: int = 0
    by: tuple[str, ...] = ()
    state_file: RunRow | None = None


def visitor(ctx: Context) -> str:
    """Under what name a visit is kept."""
    return ctx.env.who.login or ctx.env.who.user


def since_last_visit(ctx: Context) -> Away | None:
    """What happened since this person last looked; None where nobody knows when that was, or nothing has ended.

    Raises LedgerError.
    """
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return None
        visit = connection.execute("SELECT at, run FROM visits WHERE who = ?", [visitor(ctx)]).fetchone()
        if visit is None:
            return None
        rows = connection.execute(
            # a run that was in progress then has an older seq, and its end is news all the same
            "SELECT * FROM runs WHERE (seq > :run OR ended_at > :at) AND status <> 'running'"
            " ORDER BY seq DESC LIMIT :many",
            {"run": visit["run"], "at": visit["at"], "many": _RUNS},
        ).fetchall()
        runs = [run_row(row) for row in rows]
        if not runs:
            return None
        return _told(visit["at"], runs, _rewrote(connection, runs))


def _rewrote(connection: sqlite3.Connection, runs: list[RunRow]) -> RunRow | None:
    """The newest of `runs` that wrote the state file."""
    oldest = min(run.seq for run in runs)
    wrote = {row[0] for row in connection.execute("SELECT run FROM mirrors WHERE run >= ?", [oldest])}
    return next((run for run in runs if run.seq in wrote), None)


def _told(since: str, runs: list[RunRow], rewrote: RunRow | None) -> Away:
    statuses = Counter(run.status for run in runs)
    by = Counter(str(run.who.get("login") or run.who.get("user") or "?") for run in runs)
    return Away(
        since,
        len(runs),
        tuple(statuses.items()),
        sum(run.counts.processed for run in runs),
        sum(run.counts.failed for run in runs),
        sum(run.counts.adopted for run in runs),
        tuple(name for name, _ in by.most_common()),
        rewrote,
    )


def record_visit(ctx: Context) -> bool:
    """Remember that this person has seen everything up to now; whether that was done.

    It is not where there is no ledger, it is of another version, this session is read-only, this user may not write
    it, or another writer is at it.
    """
    ledger = ctx.workspace.ledger
    if ctx.read_only or not visitor(ctx) or not _may_write(ledger):
        return False
    try:
        with closing(open_for_a_moment(ledger)) as connection:
            if version_of(connection) != VERSION:
                return False
            with transaction(connection):
                connection.execute(
                    "INSERT INTO visits SELECT ?, ?, coalesce(max(seq), 0) FROM runs"
                    " WHERE true ON CONFLICT (who) DO UPDATE SET at = excluded.at, run = excluded.run",
                    [visitor(ctx), timestamp(ctx.env.now())],
                )
        return True
    except sqlite3.Error:
        return False


def _may_write(ledger: Path) -> bool:
    return os.access(ledger, os.W_OK) and os.access(ledger.parent, os.W_OK)


def open_for_a_moment(ledger: Path) -> sqlite3.Connection:
    """For one short transaction, a courtesy. mode=rw: never made where it is not there. Raises sqlite3.Error."""
    if not ledger.exists() or not ledger.stat().st_size:  # SQLite would remove the log of one that was emptied
        raise sqlite3.OperationalError("there is nothing in the ledger")
    connection = sqlite3.connect(
        f"file:{quote(str(ledger))}?mode=rw", uri=True, timeout=WAIT_SECONDS, isolation_level=None
    )
    connection.execute("PRAGMA synchronous=NORMAL")  # a visit that a power cut loses is no loss, a flush is time
    return connection
