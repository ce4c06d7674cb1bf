"""Archive restore: files of a label go back to where they lay in the raw zone, bit-identical."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator

from console.engine.actions.archive.after import emptied_folders, former_modes
from console.engine.actions.archive.gate import moving_gate
from console.engine.actions.archive.model import RESTORE, RestoreParams
from console.engine.actions.archive.rows import returned_rows
from console.engine.actions.archive.select import Ways
from console.engine.actions.change.binding import binding, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left, PlannedChange
from console.engine.checks.gate import apply_settings
from console.engine.context import Context
from console.engine.errors import LedgerError, UsageError
from console.engine.globs import compile_glob
from console.engine.ledger.store import reading
from console.engine.model import ActionParams, Outcome
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import on_disk, plural, recordable


def returning(ctx: Context, connection: sqlite3.Connection, params: RestoreParams) -> Iterator[Change | Left]:
    """What comes back, in the order of paths, and what cannot and why. Raises UsageError for a wrong glob."""
    matches: Callable[[str], bool] = compile_glob(params.match) if params.match else lambda _path: True
    raw, sidecar = ctx.settings.zones.raw.rstrip("/"), ctx.settings.sidecar.name
    folders: set[str] = set()  # of which something comes back: their sidecars do too
    sidecars: list[sqlite3.Row] = []
    ways = Ways(ctx, raw)
    last = ""
    while True:  # in pages: what is done meanwhile goes through the same connection
        page = connection.execute(
            "SELECT * FROM archived WHERE label = ? AND path > ? ORDER BY path LIMIT 500", [params.label, last]
        ).fetchall()
        for row in page:
            path = on_disk(row["path"])
            relative = path[len(raw) + 1 :]
            folder, _, name = relative.rpartition("/")
            if name == sidecar:
                sidecars.append(row)
            elif matches(relative):
                folders.add(folder)
                yield _return(ctx, connection, ways, row, path)
        if not page:
            break
        last = page[-1]["path"]
    for row in sidecars:
        path = on_disk(row["path"])
        relative = path[len(raw) + 1 :]
        if matches(relative) or relative.rpartition("/")[0] in folders:
            yield _return(ctx, connection, ways, row, path)


def _return(ctx: Context, connection: sqlite3.Connection, ways: Ways, row: sqlite3.Row, path: str) -> Change | Left:
    place = on_disk(row["place"])
    if not os.path.lexists(ctx.workspace.path(place)):
        return Left(path, path, f"it is no longer in the archive at {place}")
    why = ways.obstacle(path)
    if why:
        return Left(path, path, why)
    rows = returned_rows(connection, place, recordable(path), row["run"])
    return Change("take", place, path, "", row["sha256"], "", row["size"], Outcome.RETURNED, path, "", rows)


def plan_restore(
    ctx: Context,
    params: ActionParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: of the run that executes it. Raises UsageError where there is no such label."""
    assert isinstance(params, RestoreParams)
    plan = new_plan(ctx, RESTORE, params)
    plan.undo = "`opsconsole rollback` of the run archives them again"
    if connection is not None:
        _fill(ctx, plan, params, connection, before, progress, cancelled, lock=False)
        return plan
    try:
        with reading(ctx.workspace.ledger) as reader:
            if reader is None:
                raise UsageError("there is no ledger here: nothing was archived yet", untouched="everything")
            _fill(ctx, plan, params, reader, before, progress, cancelled, lock=True)
            plan.recovery = recovery_lines(ctx)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def _fill(
    ctx: Context,
    plan: ChangePlan,
    params: RestoreParams,
    connection: sqlite3.Connection,
    before: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
    *,
    lock: bool,
) -> None:
    _check_label(connection, params.label)
    raw = ctx.settings.zones.raw.rstrip("/")
    folders: dict[str, None] = {}
    for number, change in enumerate(returning(ctx, connection, params), 1):
        if isinstance(change, Left):
            plan.leave(recordable(change.subject), recordable(change.reason))
        else:
            detail = f"from {recordable(change.path)}"
            plan.add(PlannedChange(recordable(change.keep), "return", detail, change.size), "returned")
            folders[os.path.dirname(change.keep[len(raw) + 1 :])] = None
        if progress and number % 500 == 0:
            progress(number, 0)
        if cancelled and cancelled():
            break
    plan.facts = [("label", params.label), ("selection", params.match or "all of it")]
    plan.binding = binding(ctx, RESTORE, params, connection, before)
    items = moving_gate(ctx, connection, folders, [("archive", "raw", plan.bytes)], lock=lock)
    plan.gate += apply_settings(items, ctx.settings.gate, {})


def _check_label(connection: sqlite3.Connection, label: str) -> None:
    if connection.execute("SELECT 1 FROM archived WHERE label = ?", [label]).fetchone():
        return
    labels = [row[0] for row in connection.execute("SELECT DISTINCT label FROM archived ORDER BY label LIMIT 10")]
    raise UsageError(
        f"nothing is archived as {label!r}",
        untouched="everything",
        next_step="labels: " + (", ".join(labels) or "none") + "; `opsconsole archive list` has them all",
    )


class ArchiveRestore(ChangeExecution):
    """Brings files of a label back."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = RestoreParams(**request.params)
        if self._params.match:
            compile_glob(self._params.match)
        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                raise UsageError("there is no ledger here: nothing was archived yet", untouched="everything")
            _check_label(connection, self._params.label)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_restore(self._ctx, self._params, connection=connection, before=before)

    def changes(self, run: ActiveRun) -> Iterable[Change | Left]:
        return returning(self._ctx, run.connection, self._params)

    def places(self) -> list[str]:
        zones = self._ctx.settings.zones
        return [zones.raw, zones.archive]

    def emptied(self, run: ActiveRun) -> list[str]:
        return emptied_folders(run)

    def finish(self, run: ActiveRun) -> None:
        former_modes(run)

    def message(self, run: ActiveRun) -> str:
        return f"{plural(run.counts.returned, 'file')} returned from {self._params.label}"
