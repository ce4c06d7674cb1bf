"""What leaving would put back, what it would take away, and what only our ledger can say."""

from __future__ import annotations

import sqlite3

from console.engine.actions.command import command_line
from console.engine.actions.leave.model import LeavePlan
from console.engine.actions.leave.steps import leave_steps
from console.engine.checks.adoption import left_note
from console.engine.checks.maintenance import maintenance_item
from console.engine.checks.runs import lock_item
from console.engine.checks.writable import writable_item
from console.engine.context import Context
from console.engine.errors import LedgerError, MirrorError
from console.engine.ledger.mirror import read_mirror
from console.engine.ledger.store import reading
from console.engine.model import ActionParams, Check, GateItem
from console.engine.runs.query import current_run
from console.engine.text import plural

# What the state file has no word for: a query, and the words for its number.
_UNSAID = (
    ("SELECT count(*) FROM failures", "remembered failure", "the other program judges these files again"),
    (
        "SELECT count(*) FROM failures WHERE accepted_at IS NOT NULL",
        "accepted failure",
        "the reasons stay in our ledger",
    ),
    ("SELECT count(*) FROM holds", "held file", "the other program publishes them again"),
    ("SELECT count(*) FROM files WHERE status = 'adopted'", "adopted file", "never judged by a schema"),
    ("SELECT count(*) FROM sidecars", "sidecar", "the other program takes them for data"),
    ("SELECT count(*) FROM runs WHERE action <> 'upgrade'", "run", "reports and history stay in our ledger"),
)


def plan_leave(ctx: Context) -> LeavePlan:
    """The plan; writes nothing, raises nothing that a gate item can say."""
    plan = LeavePlan(command_line("leave", ActionParams()))
    steps = leave_steps(ctx)
    plan.steps = [str(step) for step in steps if step.kind != "keep"]
    plan.kept = [step.path for step in steps if step.kind == "keep"]
    plan.kept.append(".opsconsole/ with the ledger: `rm -r .opsconsole` removes the last trace")
    try:
        plan.gate += [
            lock_item(ctx, current_run(ctx)),
            maintenance_item(ctx, "leave"),
            writable_item(ctx),
        ]
        with reading(ctx.workspace.ledger) as connection:
            plan.gate.append(_ours(connection))
            if connection is not None:
                plan.unsaid = unsaid(connection)
                changes = not read_mirror(ctx, connection).empty
                plan.gate.append(GateItem("mirror", Check.PASS, True, "the state file loads"))
                if changes:
                    plan.steps.append(f"write {ctx.settings.state_file} as the ledger has it, others' entries kept")
    except MirrorError as error:
        plan.gate.append(GateItem("mirror", Check.FAIL, True, f"{error.what}: {error.file}", error.next_step))
    except LedgerError as error:
        plan.gate.append(GateItem("ledger", Check.FAIL, True, error.what, error.next_step))
    return plan


def _ours(connection: sqlite3.Connection | None) -> GateItem:
    if connection is None:
        return GateItem("ledger", Check.FAIL, True, "there is no ledger: nothing here is ours to give back")
    left = left_note(connection)
    if left is not None:
        return GateItem("ledger", Check.FAIL, True, f"this workspace was left already, by {left['by']} at {left['at']}")
    return GateItem("ledger", Check.PASS, True, "the ledger loads")


def unsaid(connection: sqlite3.Connection) -> list[str]:
    """What the state file cannot say, a line each."""
    said = []
    for query, word, consequence in _UNSAID:
        number = connection.execute(query).fetchone()[0]
        if number:
            said.append(f"{plural(number, word)}: {consequence}")
    return said
