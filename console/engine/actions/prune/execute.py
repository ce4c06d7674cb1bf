"""Executing a prune: names are unlinked, nothing else; it needs no byte and no inode but what the reserve gives.

Before the first name of a backup goes, the ledger says that it is pruned: a prune that is killed half way leaves a
backup that is known to be incomplete, and the next prune removes the rest.
"""

from __future__ import annotations

import os
import sqlite3
import stat

from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import ChangePlan
from console.engine.actions.prune.choose import choose
from console.engine.actions.prune.model import PruneParams
from console.engine.actions.prune.plan import plan_prune
from console.engine.checks.gate import apply_settings, refusal
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.ledger.store import transaction
from console.engine.model import Outcome, RunStatus
from console.engine.observe.backups import Backup, Freed, named_files
from console.engine.runs.active import ActiveRun, make_reserve, release_reserve
from console.engine.runs.request import Request
from console.engine.text import plural, recordable, size
from console.engine.transfer.way import Way

_BEAT = 200  # names between two heartbeats


class Prune(ChangeExecution):
    """One prune. It makes no changes that could be undone: of ChangeExecution it has the beginning alone."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = PruneParams(**request.params)
        self._params.policy()  # wrong usage is said before there is a run
        self._zone = ctx.settings.zones.backups.rstrip("/")
        self._freed = Freed()
        self._refused: list[str] = []

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_prune(self._ctx, self._params, connection=connection, before=before)

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Raises RefusedError; then nothing was removed."""
        run.phase("plan")
        plan = self.plan(run.connection, run.seq)
        run.gate = apply_settings(plan.gate, self._ctx.settings.gate, run.request.overrides)
        if (refused := refusal(run.gate)) is not None:
            raise refused
        self._check_binding(plan)
        choice = choose(self._ctx, run.connection, self._params)
        run.total_files = sum(backup.files for backup, _ in choice.gone)
        run.phase("prune")
        for backup, reason in choice.gone:
            if run.beat():
                break
            self._prune(run, backup, reason)
        run.phase("record")
        make_reserve(self._ctx)
        return self._end(run, len(choice.gone))

    def _prune(self, run: ActiveRun, backup: Backup, reason: str) -> None:
        values = [backup.run.seq, run.seq, backup.files, backup.frees]
        self._record(
            run, "INSERT INTO pruned (run, by, files, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", values
        )
        run.ctx.env.failpoints.reach("prune.intended")
        before = self._freed.bytes
        way = Way(str(self._ctx.workspace.path(self._zone)))
        try:
            files = self._unlink_all(run, way, backup)
        finally:
            way.close()
        freed = self._freed.bytes - before
        run.done_bytes += freed
        run.counts.pruned += 1
        said = f"{plural(files, 'file')}, {size(freed)} freed; {reason}"
        if files < backup.files:
            said += f"; {plural(backup.files - files, 'file')} could not be removed"
        row = (recordable(backup.folder), Outcome.PRUNED, "", freed, "", "", "", said)
        with run.guard, transaction(run.connection) as connection:
            run.outcomes_in(connection, [row])
            run.progress_in(connection)
        run.log.add("INFO", "Backup pruned", file=recordable(backup.folder), detail=said)
        run.log.flush()
        run.ctx.env.failpoints.reach("prune.recorded")

    def _record(self, run: ActiveRun, statement: str, values: list[int]) -> None:
        """In a transaction of its own; on a full disk with the room that the reserve gives."""
        try:
            with run.guard, transaction(run.connection) as connection:
                connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            release_reserve(self._ctx)
            with run.guard, transaction(run.connection) as connection:
                connection.execute(statement, values)

    def _unlink_all(self, run: ActiveRun, way: Way, backup: Backup) -> int:
        """Every name that an outcome of the run has there, and the folders that are empty then; how many names."""
        cut, folders, gone = len(self._zone) + 1, {backup.run.id}, 0
        for number, (path, _) in enumerate(named_files(self._ctx, run.connection, backup.run), 1):
            folder, _, name = path[cut:].rpartition("/")
            folders.add(folder)
            try:
                inside = way.open(folder)
                facts = os.stat(name, dir_fd=inside, follow_symlinks=False)
                if not stat.S_ISREG(facts.st_mode):
                    raise OSError(f"no plain file: {path}")
                os.unlink(name, dir_fd=inside)
            except FileNotFoundError:
                continue
            except (OSError, EngineError) as error:
                self._refused.append(path)
                run.log.add("WARNING", "Backup not pruned", file=recordable(path), detail=str(error))
                continue
            gone += 1
            run.done_files += 1
            self._freed.add(facts)
            run.ctx.env.failpoints.reach("prune.unlinked")
            if number % _BEAT == 0:
                run.beat()  # a cancel waits for the end of this backup: half of one is of no use
        self._remove_empty_folders(way, folders)
        return gone

    def _remove_empty_folders(self, way: Way, folders: set[str]) -> None:
        """Innermost first, and those above as far as they are empty; the zone itself stays."""
        every = set(folders)
        for folder in folders:
            while "/" in folder:
                folder = folder.rpartition("/")[0]
                every.add(folder)
        for folder in sorted(every, key=lambda name: -name.count("/")):
            parent, _, name = folder.rpartition("/")
            try:
                os.rmdir(name, dir_fd=way.open(parent))
            except (OSError, EngineError):
                continue  # not empty, or gone already

    def _end(self, run: ActiveRun, wanted: int) -> tuple[RunStatus, int, str]:
        message = f"{plural(run.counts.pruned, 'backup')} pruned; {size(self._freed.bytes)} freed"
        if run.cancelled and run.counts.pruned < wanted:
            status = 130 if run.cancel_signal in (0, 2) else 128 + run.cancel_signal
            return RunStatus.CANCELLED, status, f"cancelled; {message}, {wanted - run.counts.pruned} left as they were"
        if self._refused:
            run.counts.left_alone = len(self._refused)
            named = ", ".join(self._refused[:3])
            return (
                RunStatus.PARTIAL,
                1,
                f"{message}; {plural(len(self._refused), 'file')} could not be removed: {named}",
            )
        return RunStatus.DONE, 0, message
