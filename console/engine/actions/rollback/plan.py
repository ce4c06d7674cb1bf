"""What taking a run back would do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice

from console.engine.actions.change.binding import binding, common_gate, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan, Left, PlannedChange
from console.engine.actions.registry import ACTIONS
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.rollback.page import UNDOABLE
from console.engine.actions.rollback.undo import Undo, undone_by
from console.engine.checks.gate import apply_settings, space_items
from console.engine.context import Context
from console.engine.errors import LedgerError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import Check, GateItem, Outcome, RunRow, RunStatus, ZoneSpace
from console.engine.runs.query import find_run_in, is_alive, run_row, unrecovered
from console.engine.runs.unsettled import in_hand
from console.engine.text import plural, recordable
from console.engine.transfer.filesystem import filesystem_of, room

# Runs that a rollback does not take back; `adopt` and `leave` are each other's way back.
NOT_UNDONE = ("upgrade", "adopt", "leave", "backups prune", "state rebuild")
WORDS = {
    Outcome.RESTORED: ("restore", "restored"),
    Outcome.REMOVED: ("remove", "removed"),
    Outcome.RETURNED: ("return", "returned"),
    Outcome.ARCHIVED: ("archive", "archived"),
    Outcome.MODE: ("give back", "permissions"),
    Outcome.ENTERED: ("enter again", "entered"),
    Outcome.CLEARED: ("take out again", "cleared"),
}


def last_undoable(connection: sqlite3.Connection) -> RunRow | None:
    """The newest run that changed something, is no rollback and was not rolled back.

    A run that died counts, whatever it had recorded by then: whoever says "the last one" after a crash means it, and
    never the good one before it.
    """
    return next(_undoable(connection, (*NOT_UNDONE, "rollback")), None)


def last_run(ctx: Context) -> RunRow:
    """The run that `--last` means. Raises UsageError, which names what there is instead, and LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        found = last_undoable(connection) if connection is not None else None
        if found is not None:
            return found
        raise _no_last(connection)


def _no_last(connection: sqlite3.Connection | None) -> UsageError:
    """Rollbacks do not count as the last run: what stands instead is one of them, or a run that has not ended."""
    what = "no run is there that could be rolled back: none has changed anything"
    step = "opsconsole runs list"
    if connection is not None:
        rows = connection.execute("SELECT * FROM runs WHERE status = 'running' ORDER BY seq DESC").fetchall()
        going = next((row for row in map(run_row, rows) if is_alive(row) and _can_be_undone(row.action)), None)
        newest = next(_undoable(connection, NOT_UNDONE), None)
        if going is not None:
            what = f"there is no run to roll back yet: run {going.id} is still in progress"
            step = f"`opsconsole rollback {going.short}` when it has ended"
        elif newest is not None:
            what = f"there is no run to roll back: the newest is the rollback {newest.id}, and rollbacks do not count"
            step = f"`opsconsole rollback {newest.short}` does again what it took back"
    return UsageError(what, untouched="everything", next_step=step)


def undoable_runs(ctx: Context, limit: int) -> list[RunRow]:
    """Runs that a rollback could take back, newest first, rollbacks among them. Raises LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        return [] if connection is None else list(islice(_undoable(connection, NOT_UNDONE), limit))


def _undoable(connection: sqlite3.Connection, without: tuple[str, ...]) -> Iterator[RunRow]:
    outcomes = ", ".join(f"'{outcome}'" for outcome in UNDOABLE)
    rows = connection.execute(
        f"SELECT * FROM runs WHERE action NOT IN ({', '.join('?' * len(without))}) AND (status = 'running'"
        f" OR EXISTS (SELECT 1 FROM outcomes o WHERE o.run = runs.seq AND o.outcome IN ({outcomes})))"
        " ORDER BY seq DESC",
        without,
    )
    for row in map(run_row, rows):
        if row.status == RunStatus.RUNNING and (is_alive(row) or _has_no_undo(row.action)):
            continue
        if not undone_by(connection, row.seq):
            yield row


def _can_be_undone(name: str) -> bool:
    return name not in NOT_UNDONE and not _has_no_undo(name)


def _has_no_undo(name: str) -> bool:
    return any(action.name == name and action.undo == "none" for action in ACTIONS)


def plan_rollback(
    ctx: Context,
    params: RollbackParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: of the run that executes it, which holds the lock and does not see itself.

    Raises UsageError where there is no such run; what refuses is in the gate.
    """
    plan = new_plan(ctx, "rollback", params)
    plan.undo = "a rollback is a run: rolling it back does again what this takes back"
    if connection is not None:
        _fill(ctx, plan, params, connection, before, progress, cancelled, running=True)
        return plan
    try:
        with reading(ctx.workspace.ledger) as reader:
            if reader is None:
                raise UsageError("there is no ledger here: nothing was run yet", untouched="everything")
            plan.gate += common_gate(ctx, reader)
            plan.recovery = recovery_lines(ctx)
            _fill(ctx, plan, params, reader, before, progress, cancelled)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def _fill(
    ctx: Context,
    plan: ChangePlan,
    params: RollbackParams,
    connection: sqlite3.Connection,
    before: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
    *,
    running: bool = False,
) -> None:
    """running: for the run that executes it."""
    target = find_run_in(connection, params.run)
    who = target.who.get("login") or target.who.get("user") or "?"
    dead = target.id in {row.id for row in unrecovered(ctx)}
    plan.facts = [
        ("run", f"{target.id}, {'died' if dead else target.status}, by {who}"),
        ("command", target.command),
    ]
    plan.binding = binding(ctx, "rollback", params, connection, before)
    plan.gate.append(_target_item(connection, target, dead=dead))
    if running and not params.all_or_nothing:
        copied = _count(connection, target, plan)
    else:
        copied = _look(ctx, plan, params, connection, target, progress, cancelled)
    if not running and not is_alive(target):  # the run that executes the plan has settled it
        hand = in_hand(connection, target.seq)
        plan.unsettled = hand.files
        copied += hand.replaced
    plan.gate = apply_settings([*plan.gate, *_space(ctx, copied)], ctx.settings.gate, {})


def _count(connection: sqlite3.Connection, target: RunRow, plan: ChangePlan) -> int:
    """How many files at most: the run looks at each right before it changes it, and does not look twice."""
    outcomes = ", ".join(f"'{outcome}'" for outcome in UNDOABLE)
    plan.files, plan.bytes, copied = connection.execute(
        "SELECT count(*), coalesce(sum(size), 0), coalesce(sum(size * (replaced_sha256 <> '')), 0) FROM outcomes"
        f" WHERE run = ? AND outcome IN ({outcomes})",
        [target.seq],
    ).fetchone()
    return int(copied)


def _look(
    ctx: Context,
    plan: ChangePlan,
    params: RollbackParams,
    connection: sqlite3.Connection,
    target: RunRow,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> int:
    """Each file, and what stands in its way; how many bytes are copied."""
    undo = Undo(ctx, connection, target, "PLAN", 0)
    copied = 0
    for number, change in enumerate(undo.changes(trust=not params.all_or_nothing), 1):
        if isinstance(change, Left):
            plan.leave(recordable(change.dest or change.subject), recordable(change.reason))
        else:
            what, counted = WORDS[Outcome(change.outcome)]
            detail = f"{change.before} to {change.after}" if change.kind == "mode" else ""
            detail = detail or change.source or change.reason or ("" if what == "remove" else change.keep)
            plan.add(
                PlannedChange(recordable(change.path or change.subject), what, recordable(detail), change.size), counted
            )
            copied += change.size if change.kind == "put" else 0
        if progress and number % 500 == 0:
            progress(number, target.done_files)
        if cancelled and cancelled():
            break
    for run, files in undo.later.items():
        plan.notes.append(f"{plural(files, 'file')} changed by run {run} since: `opsconsole rollback {run}` first")
    plan.gate.append(_all_item(params, plan))
    return copied


def _target_item(connection: sqlite3.Connection, target: RunRow, *, dead: bool) -> GateItem:
    if dead:  # its process is gone: the run that takes it back settles it first
        return GateItem("target", Check.WARN, False, f"run {target.id} died; what it left is settled first")
    if target.status == RunStatus.RUNNING:
        return GateItem(
            "target", Check.FAIL, True, f"run {target.id} is in progress", f"opsconsole runs cancel {target.short}"
        )
    if target.action in NOT_UNDONE:
        step = {"adopt": "opsconsole leave", "leave": "opsconsole adopt"}.get(target.action, "")
        return GateItem("target", Check.FAIL, True, f"{target.action} is not taken back by a rollback", step)
    if _has_no_undo(target.action):
        return GateItem("target", Check.FAIL, True, f"{target.action} has no undo")
    by = undone_by(connection, target.seq)
    if by:
        taker = connection.execute("SELECT id FROM runs WHERE seq = ?", [by]).fetchone()[0]
        return GateItem(
            "target",
            Check.FAIL,
            True,
            f"run {target.id} was rolled back already, by {taker}",
            f"`opsconsole rollback {taker}` does it again",
        )
    return GateItem("target", Check.PASS, True, "the run has ended and was not rolled back")


def _all_item(params: RollbackParams, plan: ChangePlan) -> GateItem:
    if plan.left_files and params.all_or_nothing:
        return GateItem(
            "all-or-nothing",
            Check.FAIL,
            True,
            f"{plural(plan.left_files, 'file')} cannot be taken back",
            "see the list",
        )
    if plan.left_files:
        return GateItem(
            "touched", Check.WARN, False, f"{plural(plan.left_files, 'file')} touched since: left as they are"
        )
    return GateItem("touched", Check.PASS, False, "no file was touched since")


def _space(ctx: Context, copied: int) -> list[GateItem]:
    """What is put back is copied; where there is no room for that, its backup itself is moved."""
    place = ctx.workspace.path(ctx.settings.zones.validated)
    free_bytes, free_inodes, _ = room(place)
    if copied <= free_bytes:
        return space_items([ZoneSpace(("validated",), filesystem_of(place).mount, copied, free_bytes, 0, free_inodes)])
    return [GateItem("space", Check.WARN, False, "no room to copy: the backups themselves are moved back")]
