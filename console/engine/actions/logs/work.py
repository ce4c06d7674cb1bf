"""The course that archiving and trimming share: plan, gate, one segment after the other, result."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from console.engine.actions.change.execute import ChangeExecution
from console.engine.checks.gate import apply_settings, refusal
from console.engine.ledger.store import transaction
from console.engine.model import Outcome, RunStatus
from console.engine.runs.active import ActiveRun, release_reserve
from console.engine.text import plural, size
from console.engine.transfer.filesystem import in_words, is_full


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one segment. path: its name relative to the root. size: bytes that are gone from it."""

    outcome: Outcome
    path: str
    reason: str = ""
    dest: str = ""
    size: int = 0
    sha256: str = ""


class LogsWork(ChangeExecution):
    """No changes with an undo: `work` does it, one segment at a time, and each is recorded as it is done."""

    mirror = False

    def work(self, run: ActiveRun) -> Iterator[Done]:
        """Do it. Raises OSError; what was done until then is done."""
        raise NotImplementedError

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Raises EngineError; then nothing was changed."""
        run.phase("plan")
        plan = self.plan(run.connection, run.seq)
        run.gate = apply_settings(plan.gate, self._ctx.settings.gate, run.request.overrides)
        if (refused := refusal(run.gate)) is not None:
            raise refused
        self._check_binding(plan)
        run.total_files, run.total_bytes = plan.files, plan.bytes
        run.phase(run.request.action)
        freed, stopped = 0, ""
        try:
            for done in self.work(run):
                freed += done.size
                self._record(run, done)
                if run.beat():
                    stopped = "cancelled; the segments that were not looked at are as they were"
                    break
        except OSError as error:
            if not is_full(error) and error.errno not in (errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM):
                raise
            run.phase("record")
            return RunStatus.FAILED, 1, f"{in_words(error)}; what was not done is as it was; {size(freed)} freed"
        run.phase("record")
        counts = run.counts
        message = f"{self.message(run)}; {size(freed)} freed"
        if stopped:
            return RunStatus.CANCELLED, 130 if run.cancel_signal in (0, 2) else 128 + run.cancel_signal, stopped
        if counts.left_alone or counts.failed:
            left = plural(counts.left_alone + counts.failed, "segment")
            return RunStatus.PARTIAL, 1, f"{message}; {left} left as they are"
        return RunStatus.DONE, 0, message

    def _record(self, run: ActiveRun, done: Done) -> None:
        names = {
            Outcome.TRIMMED: "trimmed",
            Outcome.LOG_ARCHIVED: "log_archived",
            Outcome.LEFT_ALONE: "left_alone",
            Outcome.FAILED: "failed",
        }
        setattr(run.counts, names[done.outcome], getattr(run.counts, names[done.outcome]) + 1)
        run.done_files += 1
        run.done_bytes += done.size
        row = (done.path, done.outcome, done.dest, done.size, done.sha256, "", "", done.reason)
        try:
            self._insert(run, row)
        except sqlite3.OperationalError:  # a full disk: what was freed may lie elsewhere
            release_reserve(self._ctx)
            self._insert(run, row)
        said = {Outcome.TRIMMED: "Log trimmed", Outcome.LOG_ARCHIVED: "Log archived"}.get(
            done.outcome, "Log left alone"
        )
        level = "INFO" if done.outcome in (Outcome.TRIMMED, Outcome.LOG_ARCHIVED) else "WARNING"
        detail = "; ".join(text for text in (done.dest, done.reason) if text)
        run.log.add(level, said, file=done.path, detail=detail)

    def _insert(self, run: ActiveRun, row: tuple[object, ...]) -> None:
        with run.guard, transaction(run.connection) as connection:
            run.outcomes_in(connection, [row])
