"""What verify would read; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from console.engine.actions.change.binding import common_gate, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan
from console.engine.actions.migrate.plan import check_source
from console.engine.actions.verify.items import Items
from console.engine.actions.verify.model import ZONES, VerifyParams, in_part
from console.engine.checks.gate import apply_settings
from console.engine.context import Context
from console.engine.errors import LedgerError, UsageError
from console.engine.ledger.store import reading
from console.engine.text import count, plural, size

_STEP = 2000


def plan_verify(
    ctx: Context,
    params: VerifyParams,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """How many files of each zone would be read, how many bytes as the ledger has them.

    Raises UsageError for a part or a source that there is not, and where nothing was run yet.
    """
    number, parts = params.part()
    plan = new_plan(ctx, "verify", params)
    plan.undo = "there is nothing to undo: no data is changed"
    zones: Counter[str] = Counter()
    try:
        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                raise UsageError("there is no ledger here: nothing was run yet", untouched="everything")
            check_source(ctx, params.source)
            plan.gate += common_gate(ctx, connection, mirror=False)
            plan.recovery = recovery_lines(ctx)
            items = Items(ctx, connection, params.source)
            about = items.about()
            for at, item in enumerate(items.all(), 1):
                if in_part(item.path, number, parts):
                    zones[item.zone] += 1
                    plan.bytes += item.size
                if at % _STEP == 0 and progress:
                    progress(at, about)
                if at % _STEP == 0 and cancelled and cancelled():
                    break
    except LedgerError as error:
        without_ledger(plan, error)
    plan.files = sum(zones.values())
    plan.counts = {"to read": plan.files}
    said = " · ".join(f"{count(zones[zone])} {zone}" for zone in ZONES if zones[zone])
    plan.facts = [("reads", said or "nothing: no file is recorded yet")]
    if params.readback:
        plan.facts.append(("from", "the disk itself, where the file system lets it, and not from memory"))
    if plan.bytes:
        plan.facts.append(("about", f"{size(plan.bytes)} in {plural(plan.files, 'file')}"))
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})
    return plan
