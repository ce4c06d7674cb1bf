"""The last lines of the migration logs, across segments, and what comes after them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from console.engine.context import Context
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_levels import Level, level_of
from console.engine.observe.logs_lines import LogLine
from console.engine.observe.logs_stream import LogStream, OpenLog
from console.engine.runs.log_segments import segments_of
from console.engine.runs.migration_log import JSON_LOG, TEXT_LOG
from console.engine.text import visible

_RECORD = 256 * 1024  # bytes of a record that are parsed


@dataclass(frozen=True, slots=True)
class TailLine:
    """text: on one line, sanitised. level: '' where none is recognised. notice: about the file, no line of it."""

    text: str
    level: str = ""
    notice: bool = False


class Tail:
    """One log as `tail` shows it: the text log, or, for one run only, what the structured log has of that run."""

    def __init__(self, ctx: Context, *, least: Level = Level.NONE, run: str = "") -> None:
        """least: records of that level and above. run: the id of a run; '' for all."""
        self._folder: Path = ctx.workspace.path(ctx.settings.log_dir)
        self._log = JSON_LOG if run else TEXT_LOG
        self._filter, self._run = LevelFilter(least), run
        self._stream = LogStream(str(self._folder / self._log))
        self._seen: dict[int, int] = {}  # segment serial -> up to where it is shown

    def last(self, number: int) -> list[TailLine]:
        """The newest `number` lines, oldest first; `follow` goes on behind them. Raises nothing for what is missing."""
        self._stream.poll()
        for shown_until in self._stream.segments:
            self._seen[shown_until.serial] = shown_until.size
        held = self._stream.last
        found: list[TailLine] = []
        if number < 1:
            return found
        for segment in segments_of(self._folder, self._log):
            try:
                log = OpenLog(str(segment.path))
            except OSError:
                continue
            size = log.reader.size()
            if held is not None and held.log is not None and log.identity == held.log.identity:
                size = held.size  # what came since is for `follow`
            for chunk in log.reader.back(size):
                for line in self._filter.select(log.reader, chunk, backward=True):
                    shown = self._shown(line, log)
                    if shown is not None:
                        found.append(shown)
                    if len(found) >= number:
                        return found[::-1]
        return found[::-1]

    def follow(self) -> Iterator[TailLine]:
        """What was added since the last call, whole lines only, through rotations; notices of what befell the file."""
        change = self._stream.poll()
        for notice in change.notices:
            yield TailLine(notice, notice=True)
        for segment in list(self._stream.segments):
            if segment.log is None:
                continue
            since = max(self._seen.get(segment.serial, segment.start), segment.start)
            for chunk in segment.log.reader.forward(since, segment.size):
                for line in chunk.lines():
                    if not line.complete:
                        break
                    since = line.end
                    if self._filter.shows(segment.log.reader, line):
                        shown = self._shown(line, segment.log)
                        if shown is not None:
                            yield shown
            self._seen[segment.serial] = since

    def _shown(self, line: LogLine, log: OpenLog) -> TailLine | None:
        if not self._run:
            return TailLine(line.text, level_of(line.head).word)
        record = parse_record(line.head if not line.cut else log.reader.read(line.start, min(line.length, _RECORD)))
        if record is None or record.get("run") != self._run:
            return None
        return TailLine(record_text(record), str(record.get("level", "")).lower())


def parse_record(data: bytes) -> dict[str, Any] | None:
    """A line of a structured log; None where it is none."""
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def record_text(record: dict[str, Any]) -> str:
    """A structured record as the text log would have it, sanitised."""
    time = record.get("asctime") or record.get("timestamp") or ""
    parts = [str(record.get("message", ""))]
    parts += [str(record[key]) for key in ("file", "detail") if record.get(key)]
    return visible(f"{time} - {record.get('logger', '')} - {record.get('level', '')} - {': '.join(parts)}")
