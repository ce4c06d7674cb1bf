"""Making a plan while somebody waits: says how far it is, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.cli.output import ProgressLine, note, out
from console.engine.text import count

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import MigrateParams, Plan


def make_plan(ctx: Context, params: MigrateParams, overrides: dict[str, str], depth: str) -> Plan:
    """The plan of a migrate, `scan` or `full`. Ctrl-C ends it; nothing was changed by then.

    Raises, beside what plan_migrate does, the LedgerError that a run would end with: there is no plan without a ledger.
    """
    from console.engine.actions.migrate.plan import plan_migrate

    line = ProgressLine(note(), wanted=True)
    ready = False  # sources first; with `full` then files

    def progress(done: int, total: int) -> None:
        nonlocal ready
        what, unit = ("Judging", "files") if ready else ("Looking at the raw zone", "sources")
        line.show(f"{what}: {count(done)}/{count(total)} {unit}")
        ready = ready or done >= total

    line.show("Looking at the raw zone")
    try:
        plan = plan_migrate(ctx, params, depth=depth, overrides=overrides, progress=progress)
        if plan.unread is not None:
            raise plan.unread
        return plan
    finally:
        line.clear()
        out().flush()
