"""The course of every action that is made of changes: plan, gate, changes, mirror, verification, result."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable
from typing import Any

from console.engine.actions.archive.manifest import keep_manifests
from console.engine.actions.change.batches import ChangeBatches, ChangesStopped, remove_empty
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.change.permissions import permissions_text
from console.engine.checks.gate import apply_settings, refusal
from console.engine.context import Context
from console.engine.errors import RefusedError
from console.engine.ledger.mirror import honour_difference, read_mirror, write_mirror
from console.engine.model import Check, GateItem, RunStatus
from console.engine.records.rules import load_rules
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import on_disk, plural, recordable
from console.engine.transfer.publish import standing


class ChangeExecution:
    """One execution. Subclasses give `plan` and `changes`; the rest has a use here.

    mirror: the state file is read before and written after it; False where nothing in it changes, so that a state
    file that cannot be read is no hindrance.
    """

    mirror = True

    def __init__(self, ctx: Context, request: Request) -> None:
        self._ctx, self._request = ctx, request
        self.rules = load_rules(ctx.workspace.root, ctx.settings)
        self.unfinished = False  # stopped or cancelled before the last change
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

    def emptied_by(self, run: ActiveRun, done: list[Change]) -> list[str]:
        """Those of them that may be empty after these changes: they go at once and leave their room to what follows."""
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
        """There are no workers."""

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
        batches = ChangeBatches(
            run, self.places(), lambda batches, done: remove_empty(run, batches.disk, self.emptied_by(run, done))
        )
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


def verify_changes(run: ActiveRun) -> list[GateItem]:
    """Every file that this run put is read again and compared with the checksum that was recorded. One that got another
    name was read just before: it is read again only if anybody may have written into it since.
    """
    root = str(run.ctx.workspace.root)
    before = _begun(run)
    wrong: list[str] = []
    files = moved = 0
    rows = run.connection.execute(
        "SELECT outcome, path, dest, size, sha256, replaced_sha256, backup FROM outcomes WHERE run = ? AND"
        " outcome IN ('restored', 'removed', 'archived', 'returned') AND dest <> ''",
        [run.seq],
    )
    for row in rows:
        if run.beat():
            break
        removed = row["outcome"] == "removed"
        place, sha256 = (row["backup"], row["replaced_sha256"]) if removed else (row["dest"], "")
        path = os.path.join(root, on_disk(place))
        if row["outcome"] != "restored" and _unwritten(path, row["size"], before):
            moved += 1
            continue
        files += 1
        try:
            if standing(path) != (sha256 or row["sha256"]):
                wrong.append(recordable(on_disk(place)))
        except OSError:
            wrong.append(recordable(on_disk(place)))
    wrong += _other_permissions(run)
    if wrong:
        return [
            GateItem("checksums", Check.FAIL, False, f"{plural(len(wrong), 'file')} differ: {', '.join(wrong[:5])}")
        ]
    told = f"{plural(files, 'file')} read again: as recorded" if files or not moved else ""
    if moved:
        told += f"{'; ' if told else ''}{plural(moved, 'file')} renamed, not written since they were read"
    return [GateItem("checksums", Check.PASS, False, told)]


def _begun(run: ActiveRun) -> int:
    """Since when this run holds the lock, by the clock of the file system, in ns; 0 where that cannot be told."""
    try:
        return os.stat(run.ctx.workspace.holder).st_mtime_ns
    except OSError:
        return 0


_MARGIN = 2_000_000_000  # ns: what the times of two file systems may differ by


def _unwritten(path: str, size: int, before: int) -> bool:
    """Whether a file of that size stands there and was written last before the run began."""
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size == size and facts.st_mtime_ns < before - _MARGIN


def _other_permissions(run: ActiveRun) -> list[str]:
    """What has not the permissions that this run gave it last."""
    wrong = []
    rows = run.connection.execute(
        "SELECT dest, sha256 FROM outcomes WHERE run = ? AND outcome = 'mode' AND id IN"
        " (SELECT max(id) FROM outcomes WHERE run = ? AND outcome = 'mode' GROUP BY dest)",
        [run.seq, run.seq],
    )
    for row in rows:
        try:
            if permissions_text(os.lstat(run.ctx.workspace.path(row["dest"]))) != row["sha256"]:
                wrong.append(row["dest"])
        except (FileNotFoundError, PermissionError):
            continue  # gone, or behind a folder that this run has closed again
        except OSError:
            wrong.append(row["dest"])
    return wrong
