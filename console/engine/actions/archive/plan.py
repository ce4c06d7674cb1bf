"""What an archive would do: which raw files move where, and what becomes of their published copies."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable

from console.engine.actions.archive.gate import moving_gate
from console.engine.actions.archive.model import ArchiveParams
from console.engine.actions.archive.select import Chosen, Selecting, Ways, choice_in_words
from console.engine.actions.change.binding import binding, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.change.withdraw import withdrawal
from console.engine.checks.gate import apply_settings
from console.engine.context import Context, for_action
from console.engine.errors import LedgerError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import ActionParams
from console.engine.text import plural, recordable


class Archiving:
    """A plan of an archive in the making; `chosen` is what goes, in order, sidecars after all others."""

    def __init__(self, ctx: Context, params: ArchiveParams, plan: ChangePlan) -> None:
        self.plan, self.chosen, self.sidecars = plan, list[Chosen](), list[Chosen]()
        self._ctx, self._params = ctx, params
        self._archive = ctx.settings.zones.archive.rstrip("/")
        self._ways = Ways(ctx, self._archive)
        self._folders: dict[str, None] = {}
        self._moved = self._withdrawn = 0  # bytes
        self._published = self._failing = self._copies = 0  # files
        self._digest = hashlib.sha256()

    def look(
        self,
        connection: sqlite3.Connection | None,
        progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        """Select, and say in the plan what is selected. Raises UsageError."""
        selecting = Selecting(self._ctx, self._params, connection)
        self._check_source(selecting)
        for number, chosen in enumerate(selecting.files(cancelled or (lambda: False)), 1):
            self._take(chosen, connection)
            if progress and number % 500 == 0:
                progress(number, 0)
        for path, reason in selecting.left:
            self.plan.leave(recordable(path), reason)
        self._notes(selecting)

    def _check_source(self, selecting: Selecting) -> None:
        source = self._params.source
        if source and not self._ctx.workspace.path(selecting.path(source)).is_dir():
            raise UsageError(
                f"there is no source {source!r}",
                untouched="everything",
                next_step=f"name a folder of {self._ctx.settings.zones.raw}",
            )

    def _take(self, chosen: Chosen, connection: sqlite3.Connection | None) -> None:
        shown = recordable(chosen.path)
        self._digest.update(f"{shown}\0{chosen.place != ''}{chosen.identity}\n".encode())
        why = self._ways.obstacle(chosen.place)
        if why:
            self.plan.leave(shown, recordable(why))
            return
        (self.sidecars if chosen.sidecar else self.chosen).append(chosen)
        raw = self._ctx.settings.zones.raw.rstrip("/")
        self._folders[os.path.dirname(chosen.path[len(raw) + 1 :])] = None
        self._moved += chosen.identity[0]
        detail = recordable(chosen.place) + (f", of {chosen.day}" if chosen.day else "")
        self.plan.add(PlannedChange(shown, "archive", detail, chosen.identity[0]), "archived")
        if connection is None:
            return
        if connection.execute("SELECT 1 FROM failures WHERE path = ?", [shown]).fetchone():
            self._failing += 1
        self._published += connection.execute(
            "SELECT count(*) FROM files WHERE path = ? AND status <> 'held'", [shown]
        ).fetchone()[0]
        if self._params.withdraw:
            change = withdrawal(self._ctx.settings, connection, shown, "PLAN", "")
            if change is not None:
                self._withdrawn += change.size
                self.plan.add(PlannedChange(change.path, "withdraw", "into the run's backup", change.size), "removed")

    def _notes(self, selecting: Selecting) -> None:
        plan, params = self.plan, self._params
        plan.facts = [
            ("label", params.label),
            ("reason", params.reason),
            ("selection", choice_in_words(params)),
        ]
        if self._published:
            fate = "go into the run's backup" if params.withdraw else "stay published, and the status says archived"
            plan.facts.append(("published copies", f"{plural(self._published, 'file')}: they {fate}"))
        if self._failing:
            plan.notes.append(
                f"{plural(self._failing, 'failing file')} among them: no failure any more; it comes back with the file"
            )
        if not plan.files and not plan.left_files:
            raw = self._ctx.settings.zones.raw
            plan.notes.append(f"no file of {raw} is meant by that; --match is a glob below it: 'sff/**', '**/*.csv'")
        if selecting.undated:
            how = params.date_from or "path"
            plan.notes.append(f"{plural(selecting.undated, 'file')} left out: no date in the {how}")
        place = self._ctx.workspace.path(f"{self._archive}/{params.label}")
        if os.path.lexists(place):
            plan.notes.append(f"the label {params.label} is there already: files are added, none is replaced")

    def close(self, connection: sqlite3.Connection | None, before: int, *, lock: bool) -> None:
        """Gate and binding, once everything has been looked at."""
        needs = [("raw", "archive", self._moved), ("validated", "backups", self._withdrawn)]
        items = moving_gate(self._ctx, connection, self._folders, needs, lock=lock)
        self.plan.gate += apply_settings(items, self._ctx.settings.gate, {})
        if connection is not None:
            self.plan.binding = binding(self._ctx, self.plan.action, self._params, connection, before)
        self.plan.binding["files"] = self._digest.hexdigest()


def make_plan(ctx: Context, params: ArchiveParams) -> Archiving:
    """An archive's plan with nothing in it yet."""
    plan = new_plan(ctx, "archive", params)
    plan.undo = f"`opsconsole rollback` of the run, or `opsconsole archive restore {params.label}`"
    return Archiving(ctx, params, plan)


def plan_archive(
    ctx: Context,
    params: ActionParams,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan, outside of the lock. progress(files found, 0). Raises UsageError; what refuses is in the gate."""
    assert isinstance(params, ArchiveParams)
    archiving = make_plan(for_action(ctx, "archive"), params)
    plan = archiving.plan
    try:
        with reading(ctx.workspace.ledger) as connection:
            archiving.look(connection, progress, cancelled)
            archiving.close(connection, 1 << 62, lock=True)
            plan.recovery = recovery_lines(ctx)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan
