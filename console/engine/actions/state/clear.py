"""Clear: the chosen entries leave the state file and count as not processed; no data is touched.

What the runbook does with `python -c`, with a plan, a reason and an undo: the next migrate judges these files again
and rewrites nothing that is the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from console.engine.actions.change.binding import binding, common_gate, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left, PlannedChange, Row
from console.engine.actions.change.rows import row_of
from console.engine.actions.state.model import ClearParams
from console.engine.checks.gate import apply_settings
from console.engine.context import Context
from console.engine.errors import LedgerError
from console.engine.globs import compile_glob
from console.engine.ledger.mirror_judge import PUBLISHED
from console.engine.ledger.store import reading
from console.engine.model import Outcome
from console.engine.observe.files_list import storable
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import plural

ACTION = "state clear"
_PAGE = 500


def cleared(path: str, row: dict[str, Any], reason: str) -> Change:
    """The change that takes one entry out of the state file. row: of `files`, as it is."""
    rows: list[Row] = [("files", path, {**row, "mirrored": 0})]
    return Change("note", "", "", "", "", "", 0, Outcome.CLEARED, path, reason, rows)


def clearing(ctx: Context, connection: sqlite3.Connection, params: ClearParams) -> Iterator[Change | Left]:
    """What clearing changes, in the order of paths; named files that have no entry are left."""
    for path in sorted(storable(file) for file in params.files):
        row = row_of(connection, "files", path)
        if row is None or row["status"] == "held":
            yield Left(path, "", "the ledger has no entry of it")
        elif not row["mirrored"]:
            yield Left(path, row["dest"], "its entry is out of the state file already")
        else:
            yield cleared(path, row, params.reason)
    if not params.files:
        yield from _selected(ctx, connection, params)


def _selected(ctx: Context, connection: sqlite3.Connection, params: ClearParams) -> Iterator[Change]:
    cut = len(ctx.settings.zones.raw.rstrip("/")) + 1
    matches = compile_glob(params.pattern) if params.pattern else None
    after, source = "", storable(params.source)
    while True:
        rows = connection.execute(
            f"SELECT path, source FROM files WHERE {PUBLISHED} AND path > ? AND (? = '' OR source = ?)"
            f" ORDER BY path LIMIT {_PAGE}",
            [after, source, source],
        ).fetchall()
        for path, of in rows:
            relative = path[cut:] if of == "." else path[cut + len(of) + 1 :]
            row = row_of(connection, "files", path) if matches is None or matches(relative) else None
            if row is not None:
                yield cleared(path, row, params.reason)
        if len(rows) < _PAGE:
            return
        after = rows[-1]["path"]


def plan_clear(
    ctx: Context,
    params: ClearParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: as for plan_rollback. Raises UsageError for an unclear choice."""
    params.check()
    plan = new_plan(ctx, ACTION, params)
    plan.undo = "rolling the run back puts the entries back"
    plan.facts = [("reason", params.reason)]
    if connection is not None:
        _fill(ctx, plan, params, connection, before, progress, cancelled)
        return plan
    try:
        with reading(ctx.workspace.ledger) as reader:
            if reader is None:
                plan.notes.append("there is no ledger: nothing was processed yet")
                return plan
            plan.gate += common_gate(ctx, reader)
            plan.recovery = recovery_lines(ctx)
            _fill(ctx, plan, params, reader, before, progress, cancelled)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def _fill(
    ctx: Context,
    plan: ChangePlan,
    params: ClearParams,
    connection: sqlite3.Connection,
    before: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    plan.binding = binding(ctx, ACTION, params, connection, before)
    for number, change in enumerate(clearing(ctx, connection, params), 1):
        if isinstance(change, Left):
            plan.leave(change.subject, change.reason)
        else:
            plan.add(PlannedChange(change.subject, "clear"), "cleared")
        if progress and number % _PAGE == 0:
            progress(number, 0)
        if cancelled and cancelled():
            break
    if plan.files:
        plan.notes.append("the next migrate judges them again; what is the same is not rewritten")
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})


class Clear(ChangeExecution):
    """One clear."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = ClearParams(**request.params)
        self._params.check()

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_clear(self._ctx, self._params, connection=connection, before=before)

    def changes(self, run: ActiveRun) -> Iterable[Change | Left]:
        return clearing(self._ctx, run.connection, self._params)

    def message(self, run: ActiveRun) -> str:
        return f"{plural(run.counts.cleared, 'entry', 'entries')} cleared; the next migrate judges these files again"
