"""What repairing permissions would do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from console.engine.actions.change.binding import binding, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.checks.gate import apply_settings
from console.engine.checks.runs import lock_item
from console.engine.context import Context
from console.engine.errors import LedgerError
from console.engine.ledger.store import reading
from console.engine.model import ActionParams
from console.engine.observe.permissions import Looked, PermissionFinding, examine_permissions
from console.engine.runs.query import current_run
from console.engine.text import plural, recordable

ACTION = "permissions repair"


def plan_permissions(
    ctx: Context,
    params: ActionParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: of the run that executes it, which holds the lock and does not see itself."""
    plan = new_plan(ctx, ACTION, params)
    plan.undo = "a rollback of the run gives back mode and group as they were, one by one"
    try:
        if connection is not None:
            plan.binding = binding(ctx, ACTION, params, connection, before)
        else:
            plan.gate.append(lock_item(ctx, current_run(ctx)))
            plan.recovery = recovery_lines(ctx)
            with reading(ctx.workspace.ledger) as reader:
                if reader is not None:
                    plan.binding = binding(ctx, ACTION, params, reader, before)
    except LedgerError as error:
        without_ledger(plan, error)
    _fill(ctx, plan, progress, cancelled)
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})
    return plan


def why_left(finding: PermissionFinding) -> str:
    """Why nothing is done about it; '' where something is."""
    if finding.hindrance:
        return f"{finding.problem}; {finding.hindrance}"
    if not finding.wanted:
        return f"{finding.problem}; no permissions help"
    if recordable(finding.path) != finding.path:
        return f"{finding.problem}; its name is not UTF-8: `chmod {finding.wanted.partition(':')[0]}` by hand"
    return ""


def _fill(
    ctx: Context,
    plan: ChangePlan,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    looked, closed, raw = Looked(), 0, ctx.settings.zones.raw
    for finding in examine_permissions(ctx, looked, cancelled=cancelled or (lambda: False)):
        if why := why_left(finding):
            plan.leave(recordable(finding.path), why)
        else:
            closed += finding.closed
            detail = f"{finding.now} to {finding.wanted}: {finding.problem}"
            plan.add(PlannedChange(finding.path, "give", detail), "permissions")
        if progress:
            progress(looked.files + looked.folders, 0)
    plan.facts = [
        ("looked at", f"{plural(looked.folders, 'folder')}, {plural(looked.files, 'file')} in data and logs"),
        ("raw zone", f"{raw}: no write bit is added there"),
    ]
    if looked.links:
        plan.facts.append(("links", f"{plural(looked.links, 'link')} not followed"))
    if closed:
        plan.notes.append(
            f"{plural(closed, 'folder')} closed to this user: what lies there is looked at once they are open"
        )
