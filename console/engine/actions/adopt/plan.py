"""What an adoption would find: the state file streamed, compared with raw and validated by stat alone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable

from console.engine.actions.adopt.compare import Comparer, Found
from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.adopt.others import count_foreign_backups, foreign_files
from console.engine.actions.command import command_line
from console.engine.checks.maintenance import maintenance_item
from console.engine.checks.runs import lock_item
from console.engine.checks.writable import writable_item
from console.engine.context import Context
from console.engine.errors import LedgerError, MirrorError
from console.engine.ledger.mirror_adopt import iter_entries, needs_adoption
from console.engine.ledger.store import reading
from console.engine.model import ActionParams, Check, GateItem
from console.engine.runs.query import current_run

_EXAMPLES = 20
_STEP = 1000  # entries between two reports
Progress = Callable[[AdoptPlan], None]


def plan_adopt(
    ctx: Context, *, progress: Progress | None = None, cancelled: Callable[[], bool] | None = None
) -> AdoptPlan:
    """The plan, in constant memory. progress(the plan so far) again and again, to be read at once and not kept;
    cancelled() ends it with what it has.

    Writes nothing; raises nothing that a gate item can say.
    """
    tell, stop = progress or (lambda plan: None), cancelled or (lambda: False)
    now = ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    plan = AdoptPlan(ctx.settings.state_file, now, command_line("adopt", ActionParams()))
    try:
        plan.gate += [
            lock_item(ctx, current_run(ctx)),
            maintenance_item(ctx, "adopt"),
            writable_item(ctx),
        ]
        with reading(ctx.workspace.ledger) as connection:
            plan.about = needs_adoption(ctx, None)
            named = _entries(ctx, plan, tell, stop)
            plan.gate.append(GateItem("mirror", Check.PASS, True, "the state file loads"))
            _others(ctx, plan, connection, named, tell, stop)
    except MirrorError as error:
        plan.gate.append(GateItem("mirror", Check.FAIL, True, f"{error.what}: {error.file}", error.next_step))
    except LedgerError as error:
        plan.gate.append(GateItem("ledger", Check.FAIL, True, error.what, error.next_step))
    return plan


def _entries(ctx: Context, plan: AdoptPlan, tell: Progress, stop: Callable[[], bool]) -> _Names:
    comparer = Comparer(str(ctx.workspace.root), ctx.settings, thorough=False)
    found: Counter[Found] = Counter()
    plan.found = found
    names = _Names()
    stream = iter_entries(ctx)
    for item in stream:
        plan.entries += 1
        if item.entry is None:
            what, reason = Found.FOREIGN, item.reason
        else:
            what, reason, _, dest = comparer.compare(item.entry)
            plan.bytes += dest[0]
            names.add(item.entry.path)
        found[what] += 1
        examples = plan.examples.setdefault(what, [])
        if reason and len(examples) < _EXAMPLES:
            examples.append((item.key, reason))
        if plan.entries % _STEP == 0:
            tell(plan)
            if stop():
                break
    plan.found = dict(found)
    plan.last_updated = stream.last_updated if isinstance(stream.last_updated, str) else ""
    return names


def _others(
    ctx: Context,
    plan: AdoptPlan,
    connection: sqlite3.Connection | None,
    names: _Names,
    tell: Progress,
    stop: Callable[[], bool],
) -> None:
    for path, _ in foreign_files(ctx, names.__contains__):
        plan.other_files += 1
        if len(plan.other_examples) < _EXAMPLES:
            plan.other_examples.append(path)
        if plan.other_files % _STEP == 0:
            tell(plan)
        if stop():
            return
    plan.other_backups = count_foreign_backups(ctx, connection)


class _Names:
    """Which raw paths entries name, as 8 bytes each: a plan may be a little wrong about a count, never large."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def add(self, path: str) -> None:
        self._hashes.add(hash(path))

    def __contains__(self, path: str) -> bool:
        return hash(path) in self._hashes
