"""What a confirmed plan of changes stands on as a whole, and the gate items that all of them have."""

from __future__ import annotations

import sqlite3

from console.engine.actions.change.model import ChangePlan
from console.engine.actions.command import command_line
from console.engine.actions.registry import word_for
from console.engine.checks.maintenance import maintenance_item
from console.engine.checks.runs import lock_item
from console.engine.checks.writable import writable_item
from console.engine.context import Context, workspace_name
from console.engine.errors import LedgerError, MirrorError
from console.engine.ledger.mirror import read_mirror
from console.engine.model import ActionParams, Check, GateItem
from console.engine.runs.active import timestamp
from console.engine.runs.query import current_run, unrecovered


def binding(
    ctx: Context, action: str, params: ActionParams, connection: sqlite3.Connection, before: int = 1 << 62
) -> dict[str, str]:
    """If one of these changed, the run refuses. before: only runs with a smaller seq count."""
    last = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM runs WHERE status != 'refused' AND seq < ?", [before]
    ).fetchone()[0]
    return {
        "selection": command_line(action, params),
        "configuration": ctx.settings.digest,
        "last run": str(last),
    }


def new_plan(ctx: Context, action: str, params: ActionParams) -> ChangePlan:
    """A plan with its command line, the word that has to be typed for it, and what maintenance says to it."""
    word = word_for(action, workspace_name(ctx))
    command = command_line(action, params, word=word)
    plan = ChangePlan(action, params, command, timestamp(ctx.env.now()), word=word)
    plan.gate.append(maintenance_item(ctx, action))
    return plan


def common_gate(ctx: Context, connection: sqlite3.Connection | None, *, mirror: bool = True) -> list[GateItem]:
    """Lock, places that have to be writable, and a state file that loads. For a plan outside the lock."""
    items = [lock_item(ctx, current_run(ctx)), writable_item(ctx)]
    if mirror:
        try:
            read_mirror(ctx, connection)
            items.append(GateItem("mirror", Check.PASS, True, "the state file loads"))
        except MirrorError as error:
            items.append(GateItem("mirror", Check.FAIL, True, f"{error.what}: {error.file}", error.next_step))
    return items


def without_ledger(plan: ChangePlan, error: LedgerError) -> None:
    """The ledger does not load: nothing runs, and what the plan says of files is not known."""
    plan.unread = error
    plan.gate = [*plan.gate, GateItem("ledger", Check.FAIL, True, error.what, error.next_step)]


def recovery_lines(ctx: Context) -> list[str]:
    """What dead runs left for the next one to settle first."""
    return [f"run {row.id} died in phase {row.phase or 'start'}; it is settled first" for row in unrecovered(ctx)]
