"""Gate items about runs: whether another one is in progress."""

from __future__ import annotations

from console.engine.context import Context
from console.engine.model import Check, GateItem, RunRow
from console.engine.runs.lock import read_holder


def lock_item(ctx: Context, running: RunRow | None) -> GateItem:
    """Fails while another run holds the lock; `running` as `current_run` has it."""
    if running is None:
        return GateItem("lock", Check.PASS, True, "no other run")
    holder = read_holder(ctx.workspace)
    who = holder.sentence() if holder else f"run {running.id} is in progress"
    return GateItem("lock", Check.FAIL, True, who, f"wait, or `opsconsole runs attach {running.short}`")
