"""Executing a rollback."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress

from console.engine.actions.archive.after import emptied_folders, hand_folders_on, made_folders
from console.engine.actions.change.ahead import ReadAhead
from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.rollback.page import places_read
from console.engine.actions.rollback.plan import plan_rollback
from console.engine.actions.rollback.undo import Undo
from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.runs.active import ActiveRun
from console.engine.runs.query import find_run_in
from console.engine.runs.request import Request
from console.engine.text import keepable, on_disk, plural
from console.engine.transfer.filesystem import filesystem_of


class Rollback(ChangeExecution):
    """Takes one run back, newest outcome first."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = RollbackParams(**request.params)
        self._target = 0
        if not filesystem_of(ctx.workspace.path(ctx.settings.zones.validated)).network:  # its times come late
            with suppress(OSError):  # no process more for this user: it is done without
                self.ahead = ReadAhead(ctx.workspace.lock, ctx.workspace.run_folder(request.run) / "stderr")

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
        # what each file has is read right before it is changed; that the plan has read it is for all or nothing
        return Undo(self._ctx, run.connection, target, run.id, run.seq).changes(trust=True)

    def rest(self, run: ActiveRun, plan: ChangePlan) -> int:
        """Looked at once more: what this run has done is taken back by now."""
        target = find_run_in(run.connection, self._params.run)
        changes = Undo(self._ctx, run.connection, target, run.id, 0).changes(trust=True)
        return sum(not isinstance(change, Left) for change in changes)

    def reads(self, run: ActiveRun) -> Iterator[tuple[str, int]]:
        root = str(self._ctx.workspace.root)
        for path, size in places_read(run.connection, self._target):
            yield path if path.startswith("/") else f"{root}/{path}", size

    def places(self) -> list[str]:
        zones = self._ctx.settings.zones
        return [zones.validated, zones.backups, zones.raw, zones.archive]

    def taken_back(self) -> Iterable[int]:
        return (self._target,)

    def emptied(self, run: ActiveRun) -> Iterator[str]:
        """The folders that the run had made."""
        return made_folders(run, self._target, but_gone=True)

    def going(self, run: ActiveRun, folders: set[str]) -> list[str]:
        rows = run.connection.execute(
            "SELECT path FROM folders WHERE run = ? AND path IN (SELECT value FROM json_each(?))",
            [self._target, json.dumps(sorted(map(keepable, folders)))],
        )
        return [on_disk(path) for (path,) in rows if not self._stays(path)]

    def _stays(self, folder: str) -> bool:
        backups = self._ctx.settings.zones.backups.rstrip("/")
        return folder == backups or folder.startswith((backups + "/", ".opsconsole/"))

    def finish(self, run: ActiveRun) -> None:
        """Folders that the run had removed come back, with their modes; those that it had emptied are there again if
        one of their files is. Those that it had made and that later runs need are theirs."""
        hand_folders_on(run, self._target)
        rows = run.connection.execute(
            "SELECT path, mode FROM folders_gone WHERE run = ? ORDER BY path", [self._target]
        ).fetchall()
        emptied = set(emptied_folders(run, self._target)) if rows else set()
        for row in rows:
            name = on_disk(row["path"])
            path = self._ctx.workspace.path(name)
            try:
                if name in emptied and not path.is_dir():
                    continue
                os.makedirs(path, exist_ok=True)
                if os.stat(path).st_mode & 0o7777 != row["mode"]:
                    os.chmod(path, row["mode"])
            except OSError as error:
                run.log.add("WARNING", "Folder not made again", file=row["path"], detail=str(error))

    def recorded(self, run: ActiveRun) -> None:
        """The run counts as taken back: until here another rollback of it goes on where this one ended."""
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
            (counts.entered, "put back into the state file"),
            (counts.cleared, "taken out of it again"),
        ]
        said = ", ".join(f"{plural(number, 'file')} {word}" for number, word in parts if number)
        return f"run {self._params.run.rsplit('-', 1)[-1]} rolled back: {said or 'nothing was left to take back'}"
