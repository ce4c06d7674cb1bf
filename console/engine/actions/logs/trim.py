"""Trimming the logs: the logger rotates, then old segments go; what somebody still writes stays until they are gone.

Segments that are old as a whole are unlinked: that needs no room. The one in which the kept lines begin is written
anew beside it and takes its name; where there is no room for that, it stays whole.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from console.engine.actions.change.model import ChangePlan
from console.engine.actions.logs.model import LogsTrimParams
from console.engine.actions.logs.plan import cuts_of, held, log_folder, plan_trim, relative
from console.engine.actions.logs.work import Done, LogsWork
from console.engine.context import Context
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.runs.log_segments import LOGS, Segment, segments_of
from console.engine.runs.request import Request
from console.engine.text import plural, size
from console.engine.transfer.filesystem import is_full
from console.engine.transfer.stage import part_name, write_all
from console.engine.workspace.shared import open_shared

_OURS = re.compile(r"\.migration\.(?:log|json)\.\d+\.\d{8}T\d{6}Z-logs-trim-[0-9a-f]{4}\.part\Z")


class LogsTrim(LogsWork):
    """Oldest segments first, so that there is room for the rest."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = LogsTrimParams(**request.params)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_trim(self._ctx, self._params, connection=connection, before=before)

    def message(self, run: ActiveRun) -> str:
        return f"{plural(run.counts.trimmed, 'segment')} trimmed"

    def work(self, run: ActiveRun) -> Iterator[Done]:
        self._remove_parts()
        run.log.flush()  # this run's first lines are among the newest
        for log in LOGS:
            yield from self._one_log(run, log)

    def _one_log(self, run: ActiveRun, log: str) -> Iterator[Done]:
        cuts = cuts_of(self._ctx, self._params, log)
        closed = sorted((segment for segment in cuts if segment.number), key=lambda segment: -segment.number)
        for segment in closed:
            yield self._trim(run, segment, cuts[segment])
        live = next((segment for segment in cuts if not segment.number), None)
        if live is None:
            return
        path = run.log.close_segment(log)
        run.ctx.env.failpoints.reach("logs.rotated")
        rotated = [segment for segment in segments_of(log_folder(self._ctx), log) if segment.path == path]
        if not rotated or rotated[0].identity != live.identity:  # another program rotates as well
            yield Done(Outcome.LEFT_ALONE, relative(self._ctx, live), "somebody else rotated it at the same moment")
            return
        yield self._trim(run, rotated[0], cuts[live])  # grown meanwhile, perhaps: what is new is kept

    def _trim(self, run: ActiveRun, segment: Segment, offset: int) -> Done:
        name = relative(self._ctx, segment)
        if why := held(segment):
            return Done(Outcome.LEFT_ALONE, name, why)
        if not segment.unchanged():
            return Done(Outcome.LEFT_ALONE, name, "it changed meanwhile")
        if offset >= segment.size:
            os.unlink(segment.path)
            run.ctx.env.failpoints.reach("logs.removed")
            return Done(Outcome.TRIMMED, name, "the whole segment", size=segment.size)
        part = segment.path.with_name(part_name(segment.name, run.id))
        try:
            self._copy_rest(segment, offset, part)
            if not segment.unchanged():
                return Done(Outcome.LEFT_ALONE, name, "it changed meanwhile")
            os.replace(part, segment.path)
        except OSError as error:
            if not is_full(error):
                raise
            return Done(Outcome.LEFT_ALONE, name, "no room to write what is kept of it: it stays whole")
        finally:
            part.unlink(missing_ok=True)
        run.ctx.env.failpoints.reach("logs.removed")
        return Done(Outcome.TRIMMED, name, f"its first {size(offset)}", size=offset)

    def _copy_rest(self, segment: Segment, offset: int, part: Path) -> None:
        """What is kept of a segment, durable beside it, with its time. Raises OSError."""
        source = os.open(segment.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            target = open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                while chunk := os.pread(source, 1 << 20, offset):
                    write_all(target, chunk)
                    offset += len(chunk)
                os.utime(target, ns=(segment.mtime_ns, segment.mtime_ns))
                os.fsync(target)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _remove_parts(self) -> None:
        """Of runs that died: their names are ours alone, and the lock is held."""
        folder = log_folder(self._ctx)
        for name in os.listdir(folder):
            if _OURS.match(name):
                (folder / name).unlink(missing_ok=True)
