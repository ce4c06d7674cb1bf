"""The course of every action that is made of changes: plan, gate, changes, mirror, verification, result."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from console.engine.actions.archive.manifest import keep_manifests
from console.engine.actions.change.ahead import ReadAhead
from console.engine.actions.change.batches import ChangeBatches, ChangesStopped, remove_empty
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.change.verify import verify_changes
from console.engine.checks.gate import apply_settings, refusal
from console.engine.context import Context, for_action
from console.engine.errors import RefusedError
from console.engine.ledger.mirror import honour_difference, read_mirror, write_mirror
from console.engine.model import Check, RunStatus
from console.engine.records.rules import load_rules
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import plural


class ChangeExecution:
    """One execution. Subclasses give `plan` and `changes`; the rest has a use here.

    mirror: the state file is read before and written after it; False where nothing in it changes, so that a state
    file that cannot be read is no hindrance.
    """

    mirror = True

    def __init__(self, ctx: Context, request: Request) -> None:
        self._ctx, self._request = for_action(ctx, request.action), request
        self.rules = load_rules(ctx.workspace.root, ctx.settings)
        self.unfinished = False  # stopped or cancelled before the last change
        self.ahead: ReadAhead | None = None  # where many files are read before something is done with them
        apply_settings([], {}, request.overrides)

    # --- what a subclass gives --------------------------------------------------------------------------

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        """The plan as it is now, under the lock. before: only runs with a smaller seq count. Raises EngineError."""
        raise NotImplementedError

    def changes(self, run: ActiveRun) -> Iterable[Change | Left | None]:
        """What to do, in order; read while it is done. None: what was given so far is done before the next is asked
        for."""
        raise NotImplementedError

    def places(self) -> list[str]:
        """The zones in which something changes: they are flushed."""
        zones = self._ctx.settings.zones
        return [zones.validated, zones.backups]

    def emptied(self, run: ActiveRun) -> Iterable[str]:
        """Folders, relative to the root, that go when nothing is left in them; where they are many, in order Z to A:
        what lies in a folder comes before it."""
        return []

    def going(self, run: ActiveRun, folders: set[str]) -> list[str]:
        """Those of `folders`, out of which something was taken, that are among them: they go at once."""
        return []

    def reads(self, run: ActiveRun) -> Iterable[tuple[str, int]]:
        """The files, absolute, that are read before something is done with them, and about how many bytes each has, in
        the order of the changes."""
        return []

    def taken_back(self) -> Iterable[int]:
        """Seqs of runs that this one takes back."""
        return ()

    def begin(self, run: ActiveRun) -> None:
        """What comes before the first change, once the gate is passed."""

    def finish(self, run: ActiveRun) -> None:
        """What follows the last change and comes before the state file is written."""

    def recorded(self, run: ActiveRun) -> None:
        """What may be said only once the state file agrees with the ledger."""

    def rest(self, run: ActiveRun, plan: ChangePlan) -> int:
        """How many files were not tried, where the run stopped or was cancelled."""
        return max(0, plan.files - run.done_files - run.counts.left_alone - run.counts.failed)

    def message(self, run: ActiveRun) -> str:
        """The result in a sentence."""
        raise NotImplementedError

    # --- the course -------------------------------------------------------------------------------------

    def close(self, *, kill: bool = False) -> None:
        """Ends the process that reads ahead, where there is one."""
        if self.ahead is not None:
            self.ahead.close()

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Raises EngineError; then nothing was changed."""
        run.phase("plan")
        if self.mirror:
            self._honour_edits(run)
        plan = self.plan(run.connection, run.seq)
        run.gate = apply_settings(plan.gate, self._ctx.settings.gate, run.request.overrides)
        if (refused := refusal(run.gate)) is not None:
            raise refused
        self._check_binding(plan)
        run.total_files, run.total_bytes = plan.files, plan.bytes
        run.ctx.env.failpoints.reach("run.planned")
        self.begin(run)
        run.phase(run.request.action)
        stopped: ChangesStopped | None = None
        if self.ahead is not None:
            self.ahead.begin(self.reads(run), run.beat)
        batches = ChangeBatches(run, self.places(), lambda folders: self.going(run, folders), self.ahead)
        try:
            self.unfinished = not batches.run_all(self.changes(run))
        except ChangesStopped as stop:
            stopped, self.unfinished = stop, True
        try:
            keep_manifests(run, self.taken_back())
            if stopped is None:
                remove_empty(run, batches.disk, self.emptied(run))
        finally:
            batches.close()
        run.phase("record")
        self.finish(run)
        if self.mirror:
            write_mirror(self._ctx, run.connection, run.seq, tell=_tell(run))
        self.recorded(run)
        run.phase("verify")
        run.verification = verify_changes(run)
        run.phase("record")
        return self._result(run, plan, stopped)

    def _honour_edits(self, run: ActiveRun) -> None:
        difference = read_mirror(self._ctx, run.connection)
        honour_difference(self._ctx, run.connection, difference, run.seq, tell=_tell(run))

    def _check_binding(self, plan: ChangePlan) -> None:
        agreed: dict[str, str] = self._request.binding or {}
        changed = [name for name, value in agreed.items() if plan.binding.get(name) != value]
        if changed:
            raise RefusedError(
                f"the plan is out of date: {', '.join(changed)} changed since it was made",
                untouched="everything",
                next_step="look at the new plan and confirm that",
            )

    def _result(self, run: ActiveRun, plan: ChangePlan, stopped: ChangesStopped | None) -> tuple[RunStatus, int, str]:
        counts = run.counts
        rest = self.rest(run, plan) if stopped is not None or run.cancelled else 0
        if stopped is not None:
            counts.not_tried = rest
            advice = "free some room and try again" if stopped.full else "see `opsconsole doctor`"
            return RunStatus.FAILED, 1, f"{stopped.reason}; {plural(rest, 'file')} not tried: {advice}"
        if run.cancelled and rest:
            counts.not_tried = rest
            status = 130 if run.cancel_signal in (0, 2) else 128 + run.cancel_signal
            return RunStatus.CANCELLED, status, f"cancelled; {plural(rest, 'file')} left as they were"
        wrong = [item for item in run.verification if item.verdict == Check.FAIL]
        if wrong:
            return RunStatus.PARTIAL, 1, "verification failed: " + "; ".join(item.evidence for item in wrong)
        message = self.message(run)
        if counts.failed or counts.left_alone:
            told = plural(counts.failed + counts.left_alone, "file")
            return RunStatus.PARTIAL, 1, f"{message}; {told} left as they are"
        return RunStatus.DONE, 0, message


def _tell(run: ActiveRun) -> Any:
    """Writes (level, message, file, detail) into the run's log."""
    return lambda level, message, file, detail: run.log.add(level, message, file=file, detail=detail)
