"""Errors of all segments of the migration logs, grouped by what went wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_levels import Level, level_of
from console.engine.observe.logs_stream import OpenLog
from console.engine.observe.logs_tail import parse_record
from console.engine.runs.log_segments import Segment, segments_of, time_of
from console.engine.runs.migration_log import JSON_LOG, TEXT_LOG, workspace_zone
from console.engine.text import recordable

_FILES = 20  # named of one group
_GROUPS = 2000  # kept apart; what comes later is counted as one
_WHOLE = 256 * 1024
_TEXT = re.compile(r"\S+ \S+ - .*? - [A-Z]+ - (.*)", re.DOTALL)
# What tells two errors of one kind apart: numbers, quoted text, checksums and paths.
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S+|\b[0-9a-f]{8,}\b|\d+(?:[.,]\d+)*")
_COUNT = re.compile(r":\s*\d+\Z")


@dataclass(slots=True)
class ErrorGroup:
    """message: the phrase; cause: what a validation found, or the reason with what varies left out ('' for none).

    count: records. first, last: UTC ISO 8601, '' where the lines have no time. files: the first _FILES of them.
    """

    message: str
    cause: str
    count: int = 0
    first: str = ""
    last: str = ""
    files: list[str] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        """What names this group among others, in eight digits."""
        return key_of(self.message, self.cause)


def key_of(message: str, cause: str) -> str:
    """As ErrorGroup.key."""
    return hashlib.sha256(f"{message}\0{cause}".encode()).hexdigest()[:8]


@dataclass(slots=True)
class LogErrors:
    """groups: most records first. lines: of ERROR and above, those answered for left out. segments: how many
    files were read, newest first.
    """

    groups: list[ErrorGroup]
    lines: int
    segments: list[str]
    unreadable: list[tuple[str, str]]


def log_errors(
    ctx: Context,
    since: datetime | None = None,
    *,
    run: str = "",
    answered: Mapping[str, datetime] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> LogErrors:
    """Every error since then (aware) in all segments of the structured log; of the text log where there is no other.

    run: only those of the run with this id, which the text log does not name.
    answered: ErrorGroup.key -> until when somebody has answered for errors of that cause, which are left out.

    Raises nothing for what cannot be read: it is named.
    """
    folder: Path = ctx.workspace.path(ctx.settings.log_dir)
    segments = segments_of(folder, JSON_LOG) or segments_of(folder, TEXT_LOG)
    zone = workspace_zone(ctx.settings)
    groups: dict[tuple[str, str], ErrorGroup] = {}
    found = LogErrors([], 0, [segment.name for segment in segments], [])
    for segment in segments:
        if since is not None and segment.mtime_ns / 1e9 < since.timestamp():
            continue
        try:
            for data in _error_lines(segment):
                if cancelled():
                    break
                moment = time_of(data[:4096], zone)
                if since is not None and moment is not None and moment < since:
                    continue
                record = parse_record(data) if data.startswith(b"{") else None
                if run and (record is None or record.get("run") != run):
                    continue
                found.lines += _add(groups, data, record, moment, answered or {})
        except OSError as error:
            found.unreadable.append((segment.name, error.strerror or str(error)))
    found.groups = sorted(groups.values(), key=lambda group: (-group.count, group.message, group.cause))
    return found


def _error_lines(segment: Segment) -> Iterator[bytes]:
    log = OpenLog(str(segment.path))
    chosen = LevelFilter(Level.ERROR)
    for chunk in log.reader.forward(0, log.reader.size()):
        for line in chosen.heads(chunk):
            if level_of(line.head) >= Level.ERROR:
                yield line.head if not line.cut else log.reader.read(line.start, min(line.length, _WHOLE))


def _add(
    groups: dict[tuple[str, str], ErrorGroup],
    data: bytes,
    record: dict[str, Any] | None,
    moment: datetime | None,
    answered: Mapping[str, datetime],
) -> bool:
    """Whether the record counts: not all of its causes are answered for."""
    counts = False
    message, causes = _of_record(record) if record is not None else _of_text(data)
    at = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
    for cause in causes or [""]:
        key = (message, cause)
        if key not in groups and len(groups) >= _GROUPS:
            key = ("other errors", "")
        if answered and moment and key_of(*key) in answered and moment <= answered[key_of(*key)]:
            continue
        counts = True
        group = groups.setdefault(key, ErrorGroup(*key))
        group.count += 1
        if at:
            group.first = min(group.first or at, at)
            group.last = max(group.last, at)
        if record is not None:
            file = record.get("file") or record.get("source") or record.get("file_path")
            if isinstance(file, str) and len(group.files) < _FILES and recordable(file) not in group.files:
                group.files.append(recordable(file))
            if isinstance(record.get("run"), str) and len(group.runs) < _FILES:
                group.runs.add(record["run"])
    return counts


def _of_record(record: dict[str, Any]) -> tuple[str, list[str]]:
    message = general(str(record.get("message", "")))
    errors = record.get("errors")
    if isinstance(errors, list) and errors and all(isinstance(each, str) for each in errors):
        return message, list(dict.fromkeys(general(_COUNT.sub("", each)) for each in errors[:50]))
    why = record.get("detail") or record.get("error") or record.get("reason") or ""
    return message, [general(str(why))] if why else []


def _of_text(data: bytes) -> tuple[str, list[str]]:
    text = data.decode("utf-8", "surrogateescape")
    found = _TEXT.match(text)
    phrase, _, rest = (found[1] if found else text).partition(": ")
    return general(phrase), [general(rest.rpartition(": ")[2])] if rest else []


def general(text: str) -> str:
    """A phrase without what differs from file to file, so that what is alike becomes one group."""
    return _VARYING.sub("…", recordable(text[:400]))[:160]
