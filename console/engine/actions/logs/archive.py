"""Archiving closed segments of the logs: compressed elsewhere, read back, compared; only then removed here."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from console.engine.actions.change.model import ChangePlan
from console.engine.actions.logs.model import LogsArchiveParams
from console.engine.actions.logs.plan import archivable, held, plan_archive, relative
from console.engine.actions.logs.work import Done, LogsWork
from console.engine.context import Context
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.runs.log_segments import LOGS, Segment
from console.engine.runs.request import Request
from console.engine.text import plural
from console.engine.transfer.filesystem import fsync_path
from console.engine.transfer.publish import hash_file, rename_new
from console.engine.transfer.stage import part_name
from console.engine.workspace.shared import open_shared

_BLOCK = 1 << 20


class LogsArchive(LogsWork):
    """One gzip file a segment and one manifest a run, in a folder that exists. Nothing there is ever overwritten."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = LogsArchiveParams(**request.params)
        self._to = Path(self._params.to)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_archive(self._ctx, self._params, connection=connection, before=before)

    def message(self, run: ActiveRun) -> str:
        return f"{plural(run.counts.log_archived, 'segment')} archived to {self._to}"

    def work(self, run: ActiveRun) -> Iterator[Done]:
        segments = [segment for log in LOGS for segment in archivable(self._ctx, self._params, log)]
        for segment in segments:
            yield self._archive(run, segment)

    def _archive(self, run: ActiveRun, segment: Segment) -> Done:
        name = relative(self._ctx, segment)
        if why := held(segment):
            return Done(Outcome.LEFT_ALONE, name, why)
        part = self._to / part_name(segment.name, run.id)
        try:
            sha256 = _pack(segment, part)
            if _unpacked(part) != (sha256, segment.size):
                return Done(Outcome.FAILED, name, "what was written there is not what was read here: it stays")
            if not segment.unchanged() or held(segment):
                return Done(Outcome.LEFT_ALONE, name, "it changed meanwhile")
            packed = self._give_name(segment, part)
        finally:
            part.unlink(missing_ok=True)
        fsync_path(str(self._to))
        self._manifest(run, segment, packed, sha256)
        run.ctx.env.failpoints.reach("logs.packed")
        if not segment.unchanged():
            return Done(Outcome.LEFT_ALONE, name, f"it changed meanwhile; as it was it is kept as {packed}")
        os.unlink(segment.path)
        run.ctx.env.failpoints.reach("logs.removed")
        return Done(Outcome.LOG_ARCHIVED, name, dest=str(packed), size=segment.size, sha256=sha256)

    def _give_name(self, segment: Segment, part: Path) -> Path:
        """`<log>.<UTC time of its last line>.gz`; one that is taken gets a number. Raises OSError."""
        at = datetime.fromtimestamp(segment.mtime_ns // 1_000_000_000, UTC)
        for number in range(1, 10_000):
            more = f"-{number}" if number > 1 else ""
            place = self._to / f"{segment.log}.{at:%Y%m%dT%H%M%SZ}{more}.gz"
            if not os.path.lexists(place) and _rename(part, place):
                return place
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self._to))

    def _manifest(self, run: ActiveRun, segment: Segment, packed: Path, sha256: str) -> None:
        """One JSON line a segment, durable before the segment is removed. Raises OSError."""
        place = self._to / f"{run.id}.manifest.jsonl"
        entry = {
            "file": packed.name,
            "sha256": hash_file(str(packed)),
            "size": packed.stat().st_size,
            "original": relative(self._ctx, segment),
            "original_sha256": sha256,
            "original_size": segment.size,
            "original_mtime": datetime.fromtimestamp(segment.mtime_ns / 1e9, UTC).isoformat(),
            "workspace": str(self._ctx.workspace.root),
            "run": run.id,
        }
        new = not os.path.lexists(place)
        with open(open_shared(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            fsync_path(str(self._to))


def _rename(part: Path, place: Path) -> bool:
    """Where nothing may stand; a file system that cannot promise that by renaming can by linking."""
    if rename_new(str(part), str(place)):
        return True
    try:
        os.link(part, place)
    except FileExistsError:
        return False
    part.unlink()
    return True


def _pack(segment: Segment, part: Path) -> str:
    """Compress into `part`, durably; the SHA-256 of the original. Raises OSError."""
    digest = hashlib.sha256()
    source = os.open(segment.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(source, "rb", buffering=0) as reader, open(open_shared(part, os.O_RDWR | os.O_CREAT), "wb") as raw:
        raw.truncate()
        # the original's name and time stand in the file, as gzip(1) writes them
        with gzip.GzipFile(segment.log, "wb", fileobj=raw, mtime=segment.mtime_ns // 1_000_000_000) as packer:
            while chunk := reader.read(_BLOCK):
                digest.update(chunk)
                packer.write(chunk)
        raw.flush()
        os.fsync(raw.fileno())
        os.posix_fadvise(raw.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # read back from the disk, where it goes there
    return digest.hexdigest()


def _unpacked(part: Path) -> tuple[str, int]:
    """SHA-256 and size of what is in it; ('', 0) where it is damaged."""
    digest, length = hashlib.sha256(), 0
    try:
        with gzip.open(part, "rb") as reader:
            while chunk := reader.read(_BLOCK):
                digest.update(chunk)
                length += len(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return "", 0
    return digest.hexdigest(), length
