"""The first look: what runs, what ran, what needs somebody. From the ledger and a few stats; the raw zone
is not read.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from console.engine.checks.adoption import left_note
from console.engine.checks.alerts.answers import read_answers
from console.engine.checks.maintenance import Maintenance, read_maintenance
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError, NewerLedgerError
from console.engine.ledger.mirror_adopt import needs_adoption
from console.engine.ledger.mirror_memory import expected_identity, identity_of, mirror_path
from console.engine.ledger.schema import VERSION
from console.engine.ledger.store import Reader, reading, version_of, writable
from console.engine.model import Identity, RunRow, RunStatus
from console.engine.observe.alerts import Acknowledged, Alert, Cause, Level, short_times
from console.engine.observe.files_list import ACCEPTED, timestamp
from console.engine.observe.hand_alerts import damage_alert
from console.engine.observe.held_alert import held_alert
from console.engine.observe.mirror_alert import FIND_WRITER, mirror_alert
from console.engine.observe.others import adoption_alert, before, before_alert, others_alert
from console.engine.runs.query import as_it_is, is_alive, run_row
from console.engine.text import duration, plural
from console.engine.workspace.people import why_not

__all__ = ["Alert", "Cause", "Level", "Overview", "overview", "state_file_identity"]

RUNS = 50
LOOK_FOR_WRITER = "look for it in `crontab -l`"  # the details say it in full


@dataclass(frozen=True, slots=True)
class Overview:
    """What the ledger says at one moment. runs: newest first. last_run: the newest that has ended.

    failing: files that fail and nobody answered for; accepted: those that somebody did; published: files
    with a copy; held: files that a rollback took back and no run publishes. refusal: why nothing can be
    changed from here: a newer program's ledger is only read; '' else. closed: why this user may not write the ledger:
    what they plan says who could do it; '' where they may. unreadable: why nothing of this is known; '' else.
    state_file: what stat says of a state file that is not the one we left and that is worth reading
    (observe.state_file); None else. maintenance: who stopped processing; None while nobody has. answers: which
    alerts somebody has acknowledged, by key; checks.alerts.settle makes those quiet.
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
    held: int = 0
    refusal: str = ""
    state_file: Identity | None = None
    maintenance: Maintenance | None = None
    answers: Mapping[str, Acknowledged] = field(default_factory=dict)
    closed: str = ""
    unreadable: str = ""

    @property
    def counted(self) -> int:
        """How many alerts there are, offers and notes left out."""
        return sum(alert.level == Level.ALERT for alert in self.alerts)


@dataclass(slots=True)
class _Seen:
    runs: list[RunRow] = field(default_factory=list)
    running: RunRow | None = None
    dead: list[RunRow] = field(default_factory=list)
    failing: int = 0
    accepted: int = 0
    expired: int = 0
    published: int = 0
    held: int = 0
    held_alert: Alert | None = None
    damage: Alert | None = None
    version: int = VERSION
    first: list[Alert] = field(default_factory=list)  # whose workspace it is
    others: Alert | None = None
    mirror: Alert | None = None
    state_file: Identity | None = None
    answers: Mapping[str, Acknowledged] = field(default_factory=dict)


def overview(ctx: Context, *, limit: int = RUNS) -> Overview:
    """The state of the workspace; cheap enough to be read whenever something changed.

    A ledger that cannot be read is an alert, not an error: the console opens in any case.
    """
    seen, stopped = _overview(ctx, limit), read_maintenance(ctx)
    if stopped is None:
        return seen
    text = f"nothing is processed: {stopped.reason} ({stopped.by}), since"
    alert = Alert(text, "`opsconsole maintenance off` when the work is done", Cause.MAINTENANCE, at=stopped.at)
    return replace(seen, maintenance=stopped, alerts=(alert, *seen.alerts))


def _overview(ctx: Context, limit: int) -> Overview:
    root = str(ctx.workspace.root)
    name = ctx.settings.name or os.path.basename(root) or root
    host = socket.gethostname()
    try:
        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                return _without_ledger(ctx, Overview(name, host, root, False))
            seen = _look(ctx, connection, limit)
            copied_at = connection.copied_at
    except NewerLedgerError as error:
        alert = Alert(error.what, error.next_step, Cause.NEWER_LEDGER)
        return Overview(name, host, root, True, alerts=(alert,), refusal=error.sentence())
    except LedgerError as error:
        alert = Alert(error.what, error.next_step, Cause.LEDGER)
        return Overview(name, host, root, True, alerts=(alert,), unreadable="the ledger cannot be read")
    newer = writable(ctx.workspace.ledger) if seen.version > VERSION else None
    if newer is not None:
        seen.first.insert(0, Alert(newer.what, newer.next_step, Cause.NEWER_LEDGER))
    if copied_at:
        words = copy_words(copied_at, ctx.env.now().timestamp())
        seen.first.insert(0, Alert(words, "`opsconsole doctor` says who could open it", Cause.LEDGER))
    last = next((run for run in seen.runs if run.status != RunStatus.RUNNING), None)
    return Overview(
        name,
        host,
        root,
        True,
        last,
        seen.running,
        tuple(seen.runs),
        tuple(_alerts(seen, last)),
        seen.failing,
        seen.accepted,
        seen.published,
        seen.held,
        newer.sentence() if newer else "",
        seen.state_file,
        answers=seen.answers,
        closed=why_not(str(ctx.workspace.ledger), os.R_OK | os.W_OK),
    )


def copy_words(made: float, now: float) -> str:
    """That the copy of the ledger is shown, and how old it is. made, now: seconds since the epoch."""
    at = datetime.fromtimestamp(made, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"the ledger is closed to this user; shown is its copy, {duration(max(0.0, now - made))} old (of {at})"


def _without_ledger(ctx: Context, seen: Overview) -> Overview:
    """A workspace that we never worked in, but perhaps somebody else did."""
    found = before(ctx)
    alerts = (before_alert(ctx, found),) if found else ()
    unread = None if found.entries else state_file_identity(ctx)
    return replace(seen, alerts=alerts, state_file=unread)


def state_file_identity(ctx: Context) -> Identity | None:
    """What stat says of the state file; None where there is none, or its folder leads out of the workspace."""
    try:
        return identity_of(os.lstat(mirror_path(ctx)))
    except (OSError, EngineError):
        return None


def _look(ctx: Context, connection: Reader, limit: int) -> _Seen:
    seen = _Seen()
    newest = connection.execute("SELECT * FROM runs ORDER BY seq DESC LIMIT ?", [limit])
    seen.runs = [as_it_is(run_row(row)) for row in newest]
    for row in connection.execute("SELECT * FROM runs WHERE status = 'running' ORDER BY seq DESC"):
        run = run_row(row)
        if is_alive(run):
            seen.running = seen.running or run
        else:
            seen.dead.append(run)
    seen.published = connection.execute("SELECT count(*) FROM files").fetchone()[0]
    seen.held, seen.held_alert = held_alert(connection, ctx.settings.sidecar.name)
    seen.damage = damage_alert(connection)
    seen.answers = read_answers(connection)
    row = connection.execute(
        f"SELECT count(*), total({ACCEPTED}), total(accepted_at IS NOT NULL AND accepted_until <= :now)"
        " FROM failures x",
        {"now": timestamp(ctx.env.now())},
    ).fetchone()
    seen.accepted, seen.expired = int(row[1]), int(row[2])
    seen.failing = int(row[0]) - seen.accepted
    seen.version = version_of(connection)
    if not connection.copied_at:
        _whose(ctx, connection, seen)
    seen.others = others_alert(ctx, connection)
    return seen


def _whose(ctx: Context, connection: Reader, seen: _Seen) -> None:
    """Whether the workspace is ours; if so, whether its state file is the one we left. One alert of these."""
    left = left_note(connection)
    if left is not None:
        seen.first.append(
            Alert(
                f"this workspace was given back to its own scripts by {left.get('by', '?')}",
                "until then nothing is published",
                Cause.LEFT,
                at=str(left.get("at", "")),
                run=str(left.get("run", "")),
            )
        )
        return
    idle = seen.running is None  # during a run the file is on its way
    entries = needs_adoption(ctx, connection) if idle else 0
    if entries:
        seen.first.append(adoption_alert(ctx, entries))
        return
    said = mirror_alert(ctx, connection, running=not idle)
    if said is not None:
        text = said[0].removeprefix(f"{ctx.settings.state_file}: ")
        seen.mirror = Alert(short_times(text), said[1], Cause.STATE_FILE)
        if said[1] == FIND_WRITER:
            seen.mirror = replace(seen.mirror, next_step=LOOK_FOR_WRITER, details=(FIND_WRITER,))
    standing = state_file_identity(ctx) if idle else None
    if standing != expected_identity(connection):
        seen.state_file = standing


def _alerts(seen: _Seen, last: RunRow | None) -> list[Alert]:
    alerts = list(seen.first)
    for run in seen.dead:
        alerts.append(
            Alert(
                f"run {run.short} ({run.action}) died, last heard of",
                "the next run first settles what it left",
                Cause.DEAD_RUN,
                at=run.heartbeat_at,
                run=run.id,
            )
        )
    alerts += _last_run(seen, last)
    if seen.damage is not None:
        alerts.append(seen.damage)
    if seen.failing:
        alerts.append(
            Alert(
                f"{plural(seen.failing, 'file')} {'fails' if seen.failing == 1 else 'fail'} and nobody answered",
                "or `opsconsole failures list`",
                Cause.FAILING,
                measure=seen.failing,
            )
        )
    if seen.expired:
        alerts.append(
            Alert(
                f"the time of {plural(seen.expired, 'accepted failure')} has run out",
                "or `opsconsole failures list --by file`",
                Cause.EXPIRED,
                measure=seen.expired,
            )
        )
    if seen.held_alert is not None:
        alerts.append(seen.held_alert)
    if seen.mirror is not None:
        alerts.append(seen.mirror)
    if seen.others is not None:
        alerts.append(seen.others)
    if 0 < seen.version < VERSION:
        alerts.append(
            Alert(
                f"the ledger is of version {seen.version}: the next run copies it, then upgrades it to {VERSION}",
                cause=Cause.OLDER_LEDGER,
                level=Level.NOTE,
                details=("The old one is kept beside it. An older opsconsole can still read the new one.",),
            )
        )
    return alerts


def _last_run(seen: _Seen, last: RunRow | None) -> list[Alert]:
    """A last run that came to nothing; not one that was refused by what is the first alert already."""
    if last is None or last.status not in (RunStatus.FAILED, RunStatus.REFUSED):
        return []
    refused = last.status == RunStatus.REFUSED
    if refused and seen.first and "adoption:" in last.message:
        return []
    verb = "was refused" if refused else "stopped before its end"
    text = f"the last run {last.short} {verb}: {last.message.removeprefix('refused: ')}"
    return [Alert(text, f"or `opsconsole runs show {last.short}`", Cause.LAST_RUN, run=last.id)]
