"""What pruning by a policy would remove, with the reason for each backup that goes or stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from console.engine.actions.change.binding import binding, common_gate, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.prune.choose import Choice, choose
from console.engine.actions.prune.model import PruneParams
from console.engine.checks.gate import apply_settings
from console.engine.context import Context
from console.engine.errors import LedgerError
from console.engine.ledger.store import reading
from console.engine.observe.backups import foreign_backups
from console.engine.text import count, plural, size

ACTION = "backups prune"


def plan_prune(
    ctx: Context,
    params: PruneParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: as for plan_rollback. Raises UsageError for a policy that keeps nothing."""
    params.policy()
    plan = new_plan(ctx, ACTION, params)
    plan.undo = "none: what is pruned is gone, and its run can no longer put back what it replaced"
    if connection is not None:
        fill(ctx, plan, params, connection, choose(ctx, connection, params), before)
        return plan
    try:
        with reading(ctx.workspace.ledger) as reader:
            if reader is None:
                plan.notes.append("there is no ledger: no run of ours made a backup here")
                return plan
            plan.gate += common_gate(ctx, reader, mirror=False)
            plan.recovery = recovery_lines(ctx)
            fill(ctx, plan, params, reader, choose(ctx, reader, params, cancelled=cancelled), before)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def fill(
    ctx: Context, plan: ChangePlan, params: PruneParams, connection: sqlite3.Connection, choice: Choice, before: int
) -> None:
    """The choice as a plan."""
    plan.binding = binding(ctx, ACTION, params, connection, before)
    for backup, reason in choice.gone:
        detail = f"{plural(backup.files, 'file')}, frees {size(backup.frees)}; {reason}"
        plan.add(PlannedChange(backup.folder, "prune", detail, backup.frees), "pruned")
        if backup.restores and not backup.superseded:
            plan.counts["no_longer_restored"] = plan.counts.get("no_longer_restored", 0) + backup.restores
        if backup.foreign:
            plan.notes.append(f"{backup.folder} has {plural(backup.foreign, 'file')} that no run made: they stay")
    for backup, reason in choice.stays:
        plan.keep(backup.folder, reason)
    others = foreign_backups(ctx, connection)
    if others:
        files = sum(other.files for other in others)
        plan.notes.append(f"{count(files)} of others in {plural(len(others), 'place')}: listed, never pruned")
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})
