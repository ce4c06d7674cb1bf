"""The first look: what runs, what ran, what needs somebody. From the ledger and a few stats; the raw zone
is not read.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime

from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError
from console.engine.ledger.mirror_memory import mirror_path
from console.engine.ledger.store import Reader, reading
from console.engine.model import RunRow, RunStatus
from console.engine.observe.files_list import ACCEPTED, timestamp
from console.engine.observe.mirror_alert import mirror_alert
from console.engine.runs.query import is_alive, run_row
from console.engine.text import duration, plural

RUNS = 50


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody, and what to do about it: often a command line. Unsanitised."""

    text: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the ledger says at one moment. runs: newest first. last_run: the newest that has ended.

    failing: files that fail and nobody answered for; accepted: those that somebody did; published: files
    with a copy.
    """

    name: str
    host: str
    root: str
    has_ledger: bool
    last_run: RunRow | None = None
    running: RunRow | None = None
    runs: tuple[RunRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    failing: int = 0
    accepted: int = 0
    published: int = 0


@dataclass(slots=True)
class _Seen:
    runs: list[RunRow] = field(default_factory=list)
    running: RunRow | None = None
    dead: list[RunRow] = field(default_factory=list)
    failing: int = 0
    accepted: int = 0
    expired: int = 0
    published: int = 0
    mirror: Alert | None = None


def overview(ctx: Context, *, limit: int = RUNS) -> Overview:
    """The state of the workspace; cheap enough to be read whenever something changed.

    A ledger that cannot be read is an alert, not an error: the console opens in any case.
    """
    root = str(ctx.workspace.root)
    name = ctx.settings.name or os.path.basename(root) or root
    host = socket.gethostname()
    try:
        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                return Overview(name, host, root, False, alerts=tuple(_without_ledger(ctx)))
            seen = _look(ctx, connection, limit)
            copied_at = connection.copied_at
    except LedgerError as error:
        return Overview(name, host, root, True, alerts=(Alert(error.what, error.next_step),))
    alerts = []
    if copied_at:
        alerts = [Alert(copy_words(copied_at, ctx.env.now().timestamp()), "`opsconsole doctor` says who could open it")]
    last = next((run for run in seen.runs if run.status != RunStatus.RUNNING), None)
    return Overview(
        name,
        host,
        root,
        True,
        last,
        seen.running,
        tuple(seen.runs),
        (*alerts, *_alerts(seen, last)),
        seen.failing,
        seen.accepted,
        seen.published,
    )


def copy_words(made: float, now: float) -> str:
    """That the copy of the ledger is shown, and how old it is. made, now: seconds since the epoch."""
    at = datetime.fromtimestamp(made, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"the ledger is closed to this user; shown is its copy, {duration(max(0.0, now - made))} old (of {at})"


def _without_ledger(ctx: Context) -> list[Alert]:
    """A workspace that we never worked in, but perhaps somebody else did."""
    try:
        if mirror_path(ctx).exists():
            return [
                Alert(
                    f"{ctx.settings.state_file} is there and no ledger: another program has worked here",
                    "a migrate leaves alone what its entries and the bytes on disk agree on",
                )
            ]
    except EngineError as error:
        return [Alert(error.what, error.next_step)]
    return []


def _look(ctx: Context, connection: Reader, limit: int) -> _Seen:
    seen = _Seen()
    seen.runs = [run_row(row) for row in connection.execute("SELECT * FROM runs ORDER BY seq DESC LIMIT ?", [limit])]
    for row in connection.execute("SELECT * FROM runs WHERE status = 'running' ORDER BY seq DESC"):
        run = run_row(row)
        if is_alive(run):
            seen.running = seen.running or run
        else:
            seen.dead.append(run)
    seen.published = connection.execute("SELECT count(*) FROM files").fetchone()[0]
    row = connection.execute(
        f"SELECT count(*), total({ACCEPTED}), total(accepted_at IS NOT NULL AND accepted_until <= :now)"
        " FROM failures x",
        {"now": timestamp(ctx.env.now())},
    ).fetchone()
    seen.accepted, seen.expired = int(row[1]), int(row[2])
    seen.failing = int(row[0]) - seen.accepted
    said = None if connection.copied_at else mirror_alert(ctx, connection, running=seen.running is not None)
    seen.mirror = Alert(*said) if said else None
    return seen


def _alerts(seen: _Seen, last: RunRow | None) -> list[Alert]:
    alerts = []
    for run in seen.dead:
        alerts.append(
            Alert(
                f"run {run.short} ({run.action}) died: last heard of at {run.heartbeat_at}",
                "the next migrate first finishes or undoes what it left",
            )
        )
    if last is not None and last.status in (RunStatus.FAILED, RunStatus.REFUSED):
        verb = "was refused" if last.status == RunStatus.REFUSED else "stopped before its end"
        alerts.append(
            Alert(f"the last run {last.short} {verb}: {last.message}", f"`opsconsole runs show {last.short}`")
        )
    if seen.failing:
        alerts.append(
            Alert(
                f"{plural(seen.failing, 'file')} {'fails' if seen.failing == 1 else 'fail'} and nobody answered",
                "`opsconsole failures list` groups them by cause",
            )
        )
    if seen.expired:
        alerts.append(
            Alert(
                f"the time of {plural(seen.expired, 'accepted failure')} has run out",
                "`opsconsole failures list --by file`",
            )
        )
    if seen.mirror is not None:
        alerts.append(seen.mirror)
    return alerts
