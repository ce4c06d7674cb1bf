"""Reading runs from the ledger. Every function writes nothing and works where there is no ledger yet."""

from __future__ import annotations

import json
import socket
import sqlite3
from dataclasses import dataclass, replace

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.model import Counts, Outcome, OutcomeRow, RunRow, RunStatus
from console.engine.runs.wanted import EVERY, RunFilter


def run_row(row: sqlite3.Row) -> RunRow:
    """A row of `runs` as a RunRow."""
    return RunRow(
        seq=row["seq"],
        id=row["id"],
        action=row["action"],
        status=RunStatus(row["status"]),
        phase=row["phase"],
        params=json.loads(row["params"]),
        command=row["command"],
        who=json.loads(row["who"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        pid=row["pid"],
        pid_started=row["pid_started"],
        host=row["host"],
        heartbeat_at=row["heartbeat_at"],
        total_files=row["total_files"],
        done_files=row["done_files"],
        total_bytes=row["total_bytes"],
        done_bytes=row["done_bytes"],
        counts=Counts.from_json(json.loads(row["counts"])),
        exit_status=row["exit_status"],
        message=row["message"],
        settings_digest=row["settings_digest"],
        durability=row["durability"],
        timings=json.loads(row["timings"]),
        gate=json.loads(row["gate"]),
        overrides=json.loads(row["overrides"]),
        verification=json.loads(row["verification"]),
        cancel_by=row["cancel_by"],
        cancel_at=row["cancel_at"],
    )


def process_started(pid: int) -> float:
    """When process `pid` started, in clock ticks since boot; 0.0 where there is none, or only a zombie.

    Field 22 of /proc/PID/stat (proc(5)); tells a process from a later one that got the same number.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        return 0.0 if fields[0] in (b"Z", b"X") else float(fields[19])
    except (OSError, IndexError, ValueError):
        return 0.0


def is_alive(row: RunRow) -> bool:
    """Whether the process of a running run still lives. On another host only the lock can tell: True."""
    if row.status != RunStatus.RUNNING:
        return False
    if row.host != socket.gethostname():
        return True
    return process_started(row.pid) == row.pid_started and row.pid_started > 0


# Runs that have to be settled, for whoever holds the lock: dead ones, and what a run that ended could not take back.
UNSETTLED = "(status = 'running' OR seq IN (SELECT run FROM intents)) AND seq != ?"


def as_it_is(row: RunRow) -> RunRow:
    """The run as somebody is told of it: the ledger says running of one that died until the next run settles it."""
    if row.status == RunStatus.RUNNING and not is_alive(row):
        return replace(row, status=RunStatus.INTERRUPTED)
    return row


def list_runs(
    ctx: Context, *, limit: int = 50, before_seq: int | None = None, wanted: RunFilter = EVERY
) -> list[RunRow]:
    """Runs, newest first; `before_seq` pages on from the last one shown. Raises LedgerError."""
    return find_runs(ctx, wanted, limit=limit, before_seq=before_seq, counted=False).rows


@dataclass(frozen=True, slots=True)
class RunsFound:
    """One page of runs, newest first. total: how many match; of: how many there are. -1: not counted."""

    rows: list[RunRow]
    total: int = -1
    of: int = -1


def find_runs(
    ctx: Context, wanted: RunFilter, *, limit: int = 100, before_seq: int | None = None, counted: bool = True
) -> RunsFound:
    """The runs that are wanted, `before_seq` pages on. Looks at every run where few match. Raises LedgerError."""
    where, values = wanted.sql()
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return RunsFound([], 0, 0)
        total, every = (
            connection.execute(f"SELECT coalesce(sum({where}), 0), count(*) FROM runs", values).fetchone()
            if counted
            else (-1, -1)
        )
        sql = f"SELECT * FROM runs WHERE {where} AND seq < ? ORDER BY seq DESC LIMIT ?"
        rows = connection.execute(sql, [*values, 1 << 62 if before_seq is None else before_seq, limit])
        return RunsFound([as_it_is(run_row(row)) for row in rows], total, every)


def find_run(ctx: Context, name: str) -> RunRow:
    """The run whose id is `name` or ends with it. Raises UsageError when none or several do."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            raise UsageError(f"there is no run {name!r}", next_step="`opsconsole runs list` names them")
        return find_run_in(connection, name)


def find_run_in(connection: sqlite3.Connection, name: str) -> RunRow:
    """As find_run, in a ledger that is open. Raises UsageError."""
    rows = []
    if name:
        rows = connection.execute(
            "SELECT * FROM runs WHERE id = ?1 OR substr(id, -length(?1)) = ?1 ORDER BY seq DESC LIMIT 5",
            [name],
        ).fetchall()
    if len(rows) == 1:
        return run_row(rows[0])
    if not rows:
        raise UsageError(f"there is no run {name!r}", next_step="`opsconsole runs list` names them")
    names = ", ".join(row["id"] for row in rows)
    raise UsageError(f"{name!r} names more than one run: {names}", next_step="type more of its id")


def get_run(ctx: Context, run_id: str) -> RunRow | None:
    """The run with exactly this id, or None."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return None
        row = connection.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchone()
        return run_row(row) if row else None


def is_last(ctx: Context, row: RunRow) -> bool:
    """Whether no later run has judged anything: what the ledger says of failures is what this run left."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return True
        later = "SELECT 1 FROM runs WHERE seq > ? AND status <> 'refused' LIMIT 1"
        return connection.execute(later, [row.seq]).fetchone() is None


def told_run(ctx: Context, run_id: str) -> RunRow | None:
    """As get_run, for somebody who is told of it: one that died is not said to run."""
    row = get_run(ctx, run_id)
    return row and as_it_is(row)


# How much each outcome weighs for somebody who looks at a run: what needs them, what was overwritten, the rest.
_WEIGHT = (
    (
        Outcome.FAILED,
        Outcome.DAMAGED,
        Outcome.LOST,
        Outcome.CHANGED_WHILE_READ,
        Outcome.CHANGED_SINCE_PLAN,
        Outcome.NOT_TRIED,
        Outcome.NOT_ADOPTED,
        Outcome.LEFT_ALONE,
    ),
    (Outcome.REPLACED,),
    (Outcome.PUBLISHED, Outcome.RESTORED, Outcome.REMOVED),
    (
        Outcome.REVALIDATED,
        Outcome.MOVED,
        Outcome.SIDECAR,
        Outcome.ARCHIVED,
        Outcome.RETURNED,
        Outcome.CLEARED,
        Outcome.ENTERED,
        Outcome.PRUNED,
        Outcome.MODE,
        Outcome.TRIMMED,
        Outcome.LOG_ARCHIVED,
    ),
)


def run_outcomes(
    ctx: Context, run_seq: int, *, after_id: int = 0, limit: int = 200, outcome: str = ""
) -> list[OutcomeRow]:
    """What a run did, file by file, in the order it was recorded; `after_id` pages on."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        wanted = (outcome,) if outcome else ()
        return _outcomes(connection, run_seq, after_id, limit, wanted)


def weighed_outcomes(ctx: Context, run_seq: int, *, after_id: int = 0, limit: int = 200) -> list[OutcomeRow]:
    """What a run did: trouble first, then replaced, published and other files; each in the order recorded.

    after_id: the last row of the page before. Of a run that goes on, run_outcomes misses none: this may.
    """
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        weight = 0
        if after_id:
            last = connection.execute("SELECT outcome FROM outcomes WHERE id = ?", [after_id]).fetchone()
            weight = next((at for at, kinds in enumerate(_WEIGHT) if last is not None and last[0] in kinds), 0)
        found: list[OutcomeRow] = []
        for kinds in _WEIGHT[weight:]:
            found += _outcomes(connection, run_seq, after_id, limit - len(found), kinds)
            if len(found) >= limit:
                break
            after_id = 0
        return found


def _outcomes(
    connection: sqlite3.Connection, run_seq: int, after_id: int, limit: int, wanted: tuple[str, ...]
) -> list[OutcomeRow]:
    """Outcomes of these kinds (all where none is named) behind a row, in the order recorded.

    One walk along the index of the run: 0.2 s where none is found in a million.
    """
    kinds = f" AND outcome IN ({', '.join('?' * len(wanted))})" if wanted else ""
    rows = connection.execute(
        f"SELECT * FROM outcomes WHERE run = ? AND id > ?{kinds} ORDER BY id LIMIT ?",
        [run_seq, after_id, *wanted, limit],
    ).fetchall()
    return [
        OutcomeRow(
            row["id"],
            row["path"],
            Outcome(row["outcome"]),
            row["dest"],
            row["size"],
            row["sha256"],
            row["replaced_sha256"],
            row["backup"],
            row["reason"],
        )
        for row in rows
    ]


def _running(ctx: Context) -> list[RunRow]:
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        rows = connection.execute("SELECT * FROM runs WHERE status = 'running' ORDER BY seq DESC").fetchall()
    return [run_row(row) for row in rows]


def current_run(ctx: Context) -> RunRow | None:
    """The run in progress, or None."""
    return next((row for row in _running(ctx) if is_alive(row)), None)


def unrecovered(ctx: Context) -> list[RunRow]:
    """Runs whose process died and that no later run has settled yet."""
    return [row for row in _running(ctx) if not is_alive(row)]
