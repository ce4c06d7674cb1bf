"""Executing a rollback."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable

from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.rollback.plan import plan_rollback
from console.engine.actions.rollback.undo import Undo
from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.runs.active import ActiveRun
from console.engine.runs.query import find_run_in
from console.engine.runs.request import Request
from console.engine.text import plural


class Rollback(ChangeExecution):
    """Takes one run back, newest outcome first."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = RollbackParams(**request.params)
        self._target = 0

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_rollback(self._ctx, self._params, connection=connection, before=before)

    def begin(self, run: ActiveRun) -> None:
        self._target = find_run_in(run.connection, self._params.run).seq
        self._taken_back(run, whole=False)  # said before it is done: whoever goes on after a crash knows

    def _taken_back(self, run: ActiveRun, *, whole: bool) -> None:
        with transaction(run.connection) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO undone (run, by, whole) VALUES (?, ?, ?)", [self._target, run.seq, whole]
            )

    def changes(self, run: ActiveRun) -> Iterable[Change | Left]:
        target = find_run_in(run.connection, self._params.run)
        return Undo(self._ctx, run.connection, target, run.id, run.seq).changes()

    def places(self) -> list[str]:
        zones = self._ctx.settings.zones
        return [zones.validated, zones.backups, zones.raw, zones.archive]

    def emptied(self, run: ActiveRun) -> list[str]:
        """The folders that the run had made."""
        rows = run.connection.execute("SELECT path FROM folders WHERE run = ?", [self._target])
        backups = self._ctx.settings.zones.backups.rstrip("/") + "/"
        return [row[0] for row in rows if not row[0].startswith((backups, ".opsconsole/"))]

    def finish(self, run: ActiveRun) -> None:
        """Folders that the run had removed come back, with their modes; then the run counts as taken back."""
        rows = run.connection.execute("SELECT path, mode FROM folders_gone WHERE run = ? ORDER BY path", [self._target])
        for row in rows.fetchall():
            path = self._ctx.workspace.path(row["path"])
            try:
                os.makedirs(path, exist_ok=True)
                if os.stat(path).st_mode & 0o7777 != row["mode"]:
                    os.chmod(path, row["mode"])
            except OSError as error:
                run.log.add("WARNING", "Folder not made again", file=row["path"], detail=str(error))
        if not self.unfinished and not run.counts.left_alone and not run.counts.failed:
            self._taken_back(run, whole=True)

    def message(self, run: ActiveRun) -> str:
        counts = run.counts
        parts = [
            (counts.restored, "restored"),
            (counts.removed, "removed"),
            (counts.returned, "returned from the archive"),
            (counts.archived, "archived again"),
            (counts.permissions, "given their permissions back"),
        ]
        said = ", ".join(f"{plural(number, 'file')} {word}" for number, word in parts if number)
        return f"run {self._params.run.rsplit('-', 1)[-1]} rolled back: {said or 'nothing was left to take back'}"
