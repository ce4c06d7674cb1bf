"""What the logs take: by file and segment, how fast they grow, when they rotate."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from console.engine.context import Context
from console.engine.observe.logs import workspace_logs
from console.engine.runs.log_segments import LOGS, segments_of, time_of, writer_of
from console.engine.runs.migration_log import workspace_zone

_DAY = 86400.0
_LEAST = 3600.0  # seconds of log below which nothing is said of a day


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """first, last: seconds since the epoch, of its first line and of its last change; 0.0 where unknown.

    writer: who has a closed segment open for writing, in words; '' for nobody.
    """

    name: str
    number: int
    size: int
    first: float
    last: float
    writer: str = ""


@dataclass(slots=True)
class LogUse:
    """One log with its segments, newest first. per_day: bytes, None where there is too little of it to tell.

    rotates_at: bytes; days: until it rotates, as it grows now; keeps: segments; further: closed segments beyond those.
    """

    name: str
    rotates_at: int
    keeps: int
    size: int = 0
    segments: list[SegmentUse] = field(default_factory=list)
    per_day: float | None = None
    days: float | None = None
    further: int = 0


@dataclass(frozen=True, slots=True)
class LogsUsage:
    """others: further files in the log folders: label and size. runs: what the folders of our runs take, bytes."""

    logs: list[LogUse]
    others: list[tuple[str, int]]
    runs: int

    @property
    def size(self) -> int:
        return sum(log.size for log in self.logs) + sum(size for _, size in self.others) + self.runs


def logs_usage(ctx: Context) -> LogsUsage:
    """Raises nothing: what cannot be looked at is left out."""
    folder: Path = ctx.workspace.path(ctx.settings.log_dir)
    logs = [_log(ctx, folder, name) for name in LOGS]
    shown = {str(folder / segment.name) for log in logs for segment in log.segments}
    others = [
        (log.label, log.size)
        for log in workspace_logs(ctx.workspace, ctx.settings)
        if log.size and log.path not in shown and log.kind != "stderr"
    ]
    return LogsUsage(logs, others, _tree(str(ctx.workspace.private / "runs")))


def _log(ctx: Context, folder: Path, name: str) -> LogUse:
    zone, settings = workspace_zone(ctx.settings), ctx.settings.logs
    use = LogUse(name, settings.rotate_bytes, settings.keep)
    for segment in segments_of(folder, name):
        first, writer = 0.0, ""
        try:
            with open(segment.path, "rb") as file:
                moment: datetime | None = time_of(file.readline(4096), zone)
            first = moment.timestamp() if moment else 0.0
            writer = writer_of(segment.path) if segment.number else ""
        except OSError:
            pass
        use.segments.append(
            SegmentUse(segment.name, segment.number, segment.size, first, segment.mtime_ns / 1e9, writer)
        )
        use.size += segment.size
        use.further += segment.number > settings.keep
    dated = [segment for segment in use.segments if segment.first]
    if dated:
        span = max(segment.last for segment in dated) - min(segment.first for segment in dated)
        if span >= _LEAST:
            use.per_day = sum(segment.size for segment in dated) / span * _DAY
    live = use.segments[0] if use.segments and not use.segments[0].number else None
    if use.per_day and live is not None:
        use.days = max(0.0, (settings.rotate_bytes - live.size) / use.per_day)
    return use


def _tree(folder: str) -> int:
    """Bytes of the regular files in a folder, links not followed."""
    total, stack = 0, [folder]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
