"""What putting good copies back would do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from console.engine.actions.change.binding import binding, common_gate, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan, Left, PlannedChange
from console.engine.actions.migrate.plan import check_source
from console.engine.actions.repair.mend import Mend
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.verify.model import IS_BAD
from console.engine.checks.gate import apply_settings, space_items
from console.engine.context import Context
from console.engine.errors import LedgerError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import GateItem, ZoneSpace
from console.engine.text import plural
from console.engine.transfer.filesystem import filesystem_of, room

_STEP = 50


def plan_repair(
    ctx: Context,
    params: RepairParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: of the run that executes it, which holds the lock and does not see itself.

    Raises UsageError where there is no ledger or no such source; what refuses is in the gate.
    """
    plan = new_plan(ctx, "repair", params)
    plan.undo = "full: each damaged original is kept, and rolling this run back puts it where it was"
    if connection is not None:
        _fill(ctx, plan, params, connection, before, progress, cancelled)
        return plan
    try:
        with reading(ctx.workspace.ledger) as reader:
            if reader is None:
                raise UsageError("there is no ledger here: nothing was run yet", untouched="everything")
            check_source(ctx, params.source)
            plan.gate += common_gate(ctx, reader)
            plan.recovery = recovery_lines(ctx)
            _fill(ctx, plan, params, reader, before, progress, cancelled)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def source_prefix(ctx: Context, source: str) -> str:
    """The raw path of a source with a slash at its end; '' for all."""
    return f"{ctx.settings.zones.raw.rstrip('/')}/{source}/" if source else ""


def _fill(
    ctx: Context,
    plan: ChangePlan,
    params: RepairParams,
    connection: sqlite3.Connection,
    before: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    plan.binding = binding(ctx, "repair", params, connection, before)
    last = connection.execute(
        "SELECT r.id, r.ended_at FROM runs r WHERE action = 'verify' AND status <> 'running' ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    bad = int(connection.execute(f"SELECT count(*) FROM verified WHERE {IS_BAD}").fetchone()[0])
    if last is None:
        plan.notes.append("nothing was verified yet: `opsconsole verify` reads everything and finds what is damaged")
    else:
        plan.facts.append(("found by", f"the last verify was {last['id']}; {plural(bad, 'file')} not whole"))
    for number, change in enumerate(Mend(ctx, connection, "PLAN", source_prefix(ctx, params.source)).changes(), 1):
        if isinstance(change, Left):
            plan.leave(change.dest, change.reason)
        else:
            plan.add(PlannedChange(change.path, "repair", f"from {change.source}", change.size), "restored")
        if progress and number % _STEP == 0:
            progress(number, bad)
        if cancelled and cancelled():
            break
    if plan.left_files:
        plan.notes.append(f"{plural(plan.left_files, 'file')} cannot be mended from here: see why beside each")
    plan.gate = apply_settings([*plan.gate, *_space(ctx, plan)], ctx.settings.gate, {})


def _space(ctx: Context, plan: ChangePlan) -> list[GateItem]:
    place = ctx.workspace.path(ctx.settings.zones.validated)
    free_bytes, free_inodes, _ = room(place)
    mount = filesystem_of(place).mount
    return space_items([ZoneSpace(("the repaired files",), mount, plan.bytes, free_bytes, 0, free_inodes)])
