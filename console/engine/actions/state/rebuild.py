"""Rebuild: a ledger or state file that was lost is made anew from what is on the disk; published and raw bytes stay.

What was destroyed is kept beside under `….lost-<when>`. A whole copy of the ledger is the best beginning, then the
state file, then the published files themselves. What cannot come back, the history of runs, is said.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from console.engine.actions.adopt.execute import Adopt
from console.engine.actions.change.binding import new_plan
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.state.lost import DESTROYED, UNFINISHED, WHOLE, Lost, archived_files, look, on_disk
from console.engine.checks.adoption import REBUILDING
from console.engine.checks.gate import apply_settings, refusal
from console.engine.checks.runs import lock_item
from console.engine.checks.writable import writable_item
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError, RefusedError
from console.engine.ledger.mirror import rewrite_mirror
from console.engine.ledger.mirror_files import sync_folder
from console.engine.ledger.mirror_judge import source_of
from console.engine.ledger.mirror_memory import mirror_path
from console.engine.ledger.store import backup, open_writer, transaction
from console.engine.model import ActionParams, Outcome, RunStatus
from console.engine.observe.backups import foreign_backups, plain_file
from console.engine.runs.active import ActiveRun
from console.engine.runs.query import current_run
from console.engine.runs.request import Request
from console.engine.text import count, plural, recordable, size
from console.engine.transfer.publish import hash_file

ACTION = "state rebuild"
_BATCH = 2000
_NAMED = 20  # runs named in a sentence


def plan_rebuild(
    ctx: Context,
    params: ActionParams,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan, in constant memory; reads no published byte. Raises LedgerError as `lost.look`."""
    lost = look(ctx)
    plan = new_plan(ctx, ACTION, params)
    plan.undo = "none is needed: what stands there is kept beside as ….lost-<when>"
    plan.binding = lost.binding
    try:
        running = current_run(ctx)
    except LedgerError:
        running = None  # the lock itself tells when the run begins
    plan.gate = apply_settings([lock_item(ctx, running), writable_item(ctx)], ctx.settings.gate, {})
    plan.facts = [
        ("ledger", lost.ledger if lost.ledger == WHOLE else f"{lost.ledger}: {lost.ledger_reason}"),
        ("state file", lost.mirror if lost.mirror == WHOLE else f"{lost.mirror}: {lost.mirror_reason}"),
    ]
    if lost.nothing:
        plan.notes.append("nothing is lost: there is nothing to rebuild")
        return plan
    if lost.ledger != WHOLE:
        _plan_ledger(ctx, plan, lost, progress, cancelled)
    if lost.mirror != WHOLE:
        plan.add(PlannedChange(ctx.settings.state_file, "write anew", "from the ledger"), "rebuilt")
    return plan


def _plan_ledger(
    ctx: Context,
    plan: ChangePlan,
    lost: Lost,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    root = ctx.workspace.root
    plan.add(
        PlannedChange(ctx.workspace.ledger.relative_to(root).as_posix(), "make anew", _source(ctx, lost)), "rebuilt"
    )
    if lost.mirror == WHOLE:
        plan.facts.append(("entries", f"{count(lost.entries)} of the state file, taken over where the bytes match"))
    else:
        files = total = 0
        for _, published in on_disk(ctx):
            facts = plain_file(ctx.workspace.path(published))
            files, total = files + 1, total + (facts.st_size if facts else 0)
            if progress and files % _BATCH == 0:
                progress(files, 0)
            if cancelled and cancelled():
                break
        plan.facts.append(
            ("published", f"{plural(files, 'file')}, {size(total)}, to be compared with their raw sources")
        )
    archived = sum(1 for _ in archived_files(ctx))
    if archived:
        plan.facts.append(("archive", f"{plural(archived, 'file')} that manifests name"))
    plan.notes += gone_words(lost)
    known = lost.copy.runs if lost.copy else frozenset()
    backups = [each for each in foreign_backups(ctx, None) if os.path.basename(each.path) not in known]
    if backups:
        plan.notes.append(
            f"{plural(len(backups), 'backup')} of runs that the new ledger does not know: kept, never pruned"
        )


def _source(ctx: Context, lost: Lost) -> str:
    if lost.copy is None:
        return "to the end" if lost.ledger == UNFINISHED else "from state file and disk: there is no whole copy of it"
    made = datetime.fromtimestamp(lost.copy.at, UTC)
    place = lost.copy.path.relative_to(ctx.workspace.root).as_posix()
    known = f"{plural(len(lost.copy.runs), 'run')}, {plural(lost.copy.files, 'file')}"
    return f"from the copy {place} of {made:%Y-%m-%d %H:%M} UTC: {known}"


def gone_words(lost: Lost) -> list[str]:
    """Which history is gone, a line each; nothing where none is."""
    lines = []
    if lost.unknown:
        named = ", ".join(lost.unknown[-_NAMED:])
        more = f" and {len(lost.unknown) - _NAMED:,} older" if len(lost.unknown) > _NAMED else ""
        lines.append(
            f"the history of {plural(len(lost.unknown), 'run')} is gone ({named}{more}): what they did can be read in"
            " their reports in .opsconsole/runs and in the logs, and not be rolled back"
        )
    if lost.ledger not in (WHOLE, UNFINISHED) and lost.copy is None:
        lines.append("verdicts, remembered failures, acceptances and holds are gone; files count as adopted, unjudged")
    return lines


class Rebuild(Adopt):
    """One rebuild. What is there is taken over as an adoption does it; killed half way, the next one goes on."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._binding, self._request_run = request.binding, request.run
        self._lost: Lost | None = None
        self._beside: list[str] = []

    def prepare(self) -> None:
        """Under the lock, before the ledger is opened: what is destroyed is moved aside, a whole copy takes its place.

        Raises RefusedError where nothing is lost or the plan is out of date, EngineError."""
        lost = look(self._ctx, run=self._request_run)
        if lost.nothing:
            raise RefusedError("nothing is lost: ledger and state file are whole", untouched="everything")
        changed = [name for name, value in (self._binding or {}).items() if lost.binding.get(name) != value]
        if changed:
            raise RefusedError(
                f"the plan is out of date: {', '.join(changed)} changed since it was made",
                untouched="everything",
                next_step="look at the new plan and confirm that",
            )
        self._lost = lost
        ledger = self._ctx.workspace.ledger
        try:
            if lost.ledger not in (WHOLE, UNFINISHED):
                for suffix in ("", "-wal", "-shm"):  # a log that belongs to no ledger would be taken for the new one's
                    self._aside(Path(f"{ledger}{suffix}"))
                self._ctx.env.failpoints.reach("rebuild.moved")
                self._begin(lost, ledger)
                self._ctx.env.failpoints.reach("rebuild.copied")
            if lost.mirror == DESTROYED:
                self._aside(mirror_path(self._ctx))
        except (OSError, sqlite3.Error) as error:
            raise EngineError(
                f"the ledger could not be made anew: {error}",
                file=str(ledger),
                untouched="all data; what was destroyed is kept beside as ….lost-<when>",
                next_step="put that right and type `opsconsole state rebuild` again",
            ) from error

    def _begin(self, lost: Lost, ledger: Path) -> None:
        """The new ledger in its place, with the note that it is not finished: nothing is published before it is."""
        part = self._ctx.workspace.ledger_anew
        for suffix in ("", "-wal", "-shm"):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
        if lost.copy is not None:
            backup(lost.copy.path, part)
        with closing(open_writer(part)) as connection:  # closed by the last one, it leaves no -wal
            now = self._ctx.env.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            with transaction(connection):
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [REBUILDING, now])
        os.rename(part, ledger)
        sync_folder(ledger.parent)

    def _aside(self, path: Path) -> None:
        if not os.path.lexists(path):
            return
        when = f"{self._ctx.env.now():%Y%m%dT%H%M%SZ}"
        target, number = path.with_name(f"{path.name}.lost-{when}"), 2
        while os.path.lexists(target):
            target, number = path.with_name(f"{path.name}.lost-{when}-{number}"), number + 1
        os.rename(path, target)
        sync_folder(path.parent)
        self._beside.append(target.relative_to(self._ctx.workspace.root).as_posix())

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Raises MirrorError and EngineError; what was taken over by then stays."""
        assert self._lost is not None
        lost = self._lost
        run.gate = apply_settings([writable_item(self._ctx)], self._ctx.settings.gate, {})
        if (refused := refusal(run.gate)) is not None:
            raise refused
        for place in self._beside:
            run.log.add("WARNING", "Kept beside, what was destroyed", file=place)
        status, code, said = RunStatus.DONE, 0, ""
        if lost.ledger != WHOLE:
            self._archives(run)
            if lost.mirror == WHOLE:
                status, code, said = super().execute(run)
            else:
                said = self._from_disk(run)
        if status != RunStatus.CANCELLED and lost.mirror != WHOLE and not run.cancelled:
            run.phase("record")
            rewrite_mirror(self._ctx, run.connection, run.seq)
        if not run.cancelled:
            self._finish(run)
        for line in gone_words(lost):
            run.log.add("WARNING", "History gone", detail=line)
        if run.cancelled and status == RunStatus.DONE:
            return RunStatus.CANCELLED, 130, "cancelled; the next rebuild goes on from there"
        return status, code, self._message(said)

    def _message(self, said: str) -> str:
        assert self._lost is not None
        lost, parts = self._lost, []
        if lost.ledger != WHOLE:
            parts += [said] if said else []
            parts.append(f"the ledger was made anew {_source(self._ctx, lost)}")
        if lost.mirror != WHOLE:
            parts.append("the state file was written from the ledger")
        return "; ".join([*parts, *(f"kept: {place}" for place in self._beside), *gone_words(lost)])

    def _finish(self, run: ActiveRun) -> None:
        """From here on the ledger is whole; what was lost is remembered."""
        note = {"run": run.id, "beside": self._beside, "gone": gone_words(self._lost) if self._lost else []}
        with run.guard, transaction(run.connection) as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", [REBUILDING])
            connection.execute(
                "INSERT INTO meta VALUES ('rebuilt', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [json.dumps(note)],
            )

    def _archives(self, run: ActiveRun) -> None:
        """Raw files in the archive, as its manifests name them; what the ledger knows of them stays."""
        rows: list[tuple[object, ...]] = []
        for found in archived_files(self._ctx):
            facts = found.facts
            names = (recordable(found.path), recordable(found.place), recordable(found.label))
            rows.append((*names, facts.st_size, facts.st_mtime_ns, found.sha256, run.seq))
            if len(rows) >= _BATCH:
                self._add_archived(run, rows)
        self._add_archived(run, rows)

    def _add_archived(self, run: ActiveRun, rows: list[tuple[object, ...]]) -> None:
        with run.guard, transaction(run.connection) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO archived (path, place, label, size, mtime_ns, sha256, run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        rows.clear()

    def _from_disk(self, run: ActiveRun) -> str:
        """Published files whose raw source, or its archived copy, has the same bytes; the others are left and named."""
        run.phase("adopt")
        run.connection.execute("CREATE TEMP TABLE named (id INTEGER PRIMARY KEY)")
        for raw, published in on_disk(self._ctx):
            if run.beat():
                break
            run.done_files += 1
            try:
                reason = self._take_over(run, raw, published)
            except OSError as error:
                reason = f"it cannot be read: {error.strerror}"
            if reason:
                run.counts.foreign += 1
                self._outcomes.append((recordable(raw), Outcome.NOT_ADOPTED, published, 0, "", "", "", reason))
                run.log.add("INFO", "Published file left as it is", file=recordable(published), detail=reason)
            if len(self._rows) + len(self._outcomes) >= _BATCH:
                self._record_found(run)
        self._record_found(run)
        left = f"; {plural(run.counts.foreign, 'published file')} left alone" if run.counts.foreign else ""
        return f"{plural(run.counts.adopted, 'file')} taken over from the disk{left}"

    def _record_found(self, run: ActiveRun) -> None:
        foreign = run.counts.foreign
        self._record(run)
        run.counts.foreign = foreign  # counted as they were found

    def _take_over(self, run: ActiveRun, raw: str, published: str) -> str:
        """'' where the ledger has it or gets it; else why not."""
        path = recordable(raw)
        dest = plain_file(self._ctx.workspace.path(published))
        if path != raw or dest is None:
            return "it is no plain file with a usable name"
        sha256 = hash_file(str(self._ctx.workspace.path(published)))
        known = run.connection.execute("SELECT sha256, mirrored FROM files WHERE path = ?", [path]).fetchone()
        if known is not None and known["sha256"] == sha256:
            return ""
        source = plain_file(self._ctx.workspace.path(raw))
        if source is None:
            kept = run.connection.execute(
                "SELECT size, mtime_ns, sha256 FROM archived WHERE path = ?", [path]
            ).fetchone()
            if kept is None or kept["sha256"] != sha256:
                return "its raw source is not there"
            identity = (kept["size"], kept["mtime_ns"], 0)
        elif hash_file(str(self._ctx.workspace.path(raw))) != sha256:
            return "its raw source has other bytes"
        else:
            identity = (source.st_size, source.st_mtime_ns, source.st_ino)
        at = datetime.fromtimestamp(dest.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        kind = os.path.splitext(published)[1].lower().removeprefix(".")
        self._rows.append(
            (
                *(path, source_of(path, self._ctx.settings), published, *identity, sha256),
                *(0, kind, None, at, run.seq, dest.st_size, dest.st_mtime_ns, dest.st_ino),
            )
        )
        return ""
