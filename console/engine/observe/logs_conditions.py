"""What a log view is narrowed down to: a level, texts and expressions a line must have or must not have, one run,
one file; and the Sieve that sorts out the lines.

A level goes by records (logs_filter); every other condition looks at one line alone, at its first LONG_BYTES bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_helper import Helper
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_lines import LONG_BYTES, Chunk, LineReader, LogLine
from console.engine.observe.logs_regex import TooSlowError
from console.engine.observe.logs_search import Needle, Search, SearchError
from console.engine.observe.logs_times import Clock, offset_at

_REMEMBERED = 100  # files whose part of a run is known


@dataclass(frozen=True, slots=True)
class Condition:
    """Lines that have `search`, or with `invert` those that have not. kind: text | file | run.

    A run's lines: those that name it; and, of lines that name no run (the text log's), those written from `since` to
    `until` (seconds since 1970; 0: not known, until then only lines that name it).
    """

    search: Search
    invert: bool = False
    kind: str = "text"
    since: float = 0.0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Everything that is in force: `least` level, and all of `conditions`."""

    least: Level = Level.NONE
    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return self.least is not Level.NONE or bool(self.conditions)

    def with_condition(self, condition: Condition) -> Narrowing:
        """One more; of a run or a file there is one at a time, and the same again takes it away."""
        if condition in self.conditions:
            return replace(self, conditions=tuple(each for each in self.conditions if each != condition))
        kept = (each for each in self.conditions if condition.kind == "text" or each.kind != condition.kind)
        return replace(self, conditions=(*kept, condition))

    def inverted(self) -> Narrowing:
        """With the newest condition turned round."""
        if not self.conditions:
            return self
        *others, last = self.conditions
        return replace(self, conditions=(*others, replace(last, invert=not last.invert)))

    def without_newest(self) -> Narrowing:
        """Without the newest condition, or where there is none without the level."""
        if self.conditions:
            return replace(self, conditions=self.conditions[:-1])
        return Narrowing()


class Sieve:
    """Sorts out lines; does what LevelFilter does, for a Narrowing. Used by one thread; `close` ends its helpers."""

    def __init__(self, narrowing: Narrowing = Narrowing(), clock: Clock | None = None) -> None:
        self.narrowing = narrowing
        self.least = narrowing.least
        self._clock = clock or Clock()
        self._level = LevelFilter(narrowing.least)
        conditions = narrowing.conditions
        self._helpers = [
            (Helper(each.search.text, each.search.ignore_case), each.invert) for each in conditions if each.search.regex
        ]
        self._texts = [(Needle(each.search), each) for each in conditions if not each.search.regex and each.search.text]
        # the one that lets whole blocks be skipped
        self._first = next((needle for needle, each in self._texts if not each.invert and not each.since), None)
        self._folds = any(needle.fold for needle, _ in self._texts)
        self._parts: dict[tuple[int, Condition], tuple[LineReader, int, tuple[int, int] | None]] = {}
        self._owners: dict[int, str] = {}

    @property
    def everything(self) -> bool:
        """Whether every line is shown."""
        return not self.narrowing

    def close(self) -> None:
        """Nothing more is asked of it."""
        for helper, _ in self._helpers:
            helper.close()

    def belongs(self, reader: LineReader, run: str) -> None:
        """All of this file is of that run: its error output, which does not name it."""
        self._owners[id(reader)] = run

    def bounds(self, reader: LineReader, low: int, high: int) -> tuple[int, int]:
        """The part of [low, high) outside of which nothing is shown."""
        for condition in self.narrowing.conditions:
            if condition.since and not condition.invert and not self._is_its_own(reader, condition):
                part = self._part(reader, condition)
                if part is not None:
                    low, high = max(low, part[0]), min(high, part[1])
        return low, max(low, high)

    def select(self, reader: LineReader, chunk: Chunk, *, backward: bool = False) -> Iterator[LogLine]:
        """The shown lines of `chunk`, first to last, or last to first. Raises SearchError: an expression is too
        slow.
        """
        if not self.narrowing.conditions:
            return self._level.select(reader, chunk, backward=backward)
        found = self._kept(reader, chunk)
        return iter(found[::-1] if backward else found)

    def shows(self, reader: LineReader, line: LogLine) -> bool:
        """Whether this one line is shown. Raises SearchError."""
        if not self.narrowing.conditions:
            return self._level.shows(reader, line)
        data = reader.read(line.start, min(line.end - line.start, LONG_BYTES))
        chunk = Chunk(line.start, line.end, data, cut=line.end - line.start > LONG_BYTES)
        return any(each.start == line.start for each in self._kept(reader, chunk))

    def _kept(self, reader: LineReader, chunk: Chunk) -> list[LogLine]:
        folded, helpers = chunk.data.lower() if self._folds else chunk.data, self._helpers
        if self._first is not None and id(reader) not in self._owners:
            lines = [line for line in self._candidates(chunk, folded) if self._level.shows(reader, line)]
        elif helpers and not helpers[0][1] and not chunk.cut:  # few lines match: only those are looked at
            found = sorted(_starts(helpers[0][0], chunk))
            lines = [line for line in _lines_at(chunk, found) if self._level.shows(reader, line)]
            helpers = helpers[1:]
        else:
            lines = list(self._level.select(reader, chunk))
        lines = [line for line in lines if self._passes(reader, chunk, folded, line)] if self._texts else lines
        for helper, invert in helpers:
            if not lines:
                break
            starts = _starts(helper, chunk)
            lines = [line for line in lines if (line.start in starts) != invert]
        return lines

    def _candidates(self, chunk: Chunk, folded: bytes) -> Iterator[LogLine]:
        """Lines that have the first text somewhere."""
        needle, data, position = self._first, chunk.data, 0
        assert needle is not None
        if chunk.cut:
            yield from chunk.lines()
            return
        sought = folded if needle.fold else data
        while position < len(data) and (at := needle.find(sought, position)) >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            position = data.find(b"\n", at) + 1 or len(data)
            yield chunk.line(start, position)

    def _passes(self, reader: LineReader, chunk: Chunk, folded: bytes, line: LogLine) -> bool:
        start = line.start - chunk.start
        stop = start + min(line.length, LONG_BYTES)
        for needle, condition in self._texts:
            has = needle.find((folded if needle.fold else chunk.data)[start:stop], 0) >= 0
            if not has and condition.kind == "run":
                has = self._is_its_own(reader, condition)
                if not has and condition.since and not line.head.startswith(b"{"):
                    part = self._part(reader, condition)
                    has = part is not None and part[0] <= line.start < part[1]
            if has == condition.invert:
                return False
        return True

    def _part(self, reader: LineReader, condition: Condition) -> tuple[int, int] | None:
        """Where in a file the lines of a run's time are; None in a log without times."""
        key, size = (id(reader), condition), reader.size()
        known = self._parts.get(key)
        if known is None or known[0] is not reader or known[1] != size:
            if len(self._parts) >= _REMEMBERED:
                self._parts.clear()
            known = (reader, size, self._window(reader, size, condition))
            self._parts[key] = known
        return known[2]

    def _window(self, reader: LineReader, size: int, condition: Condition) -> tuple[int, int] | None:
        written = reader.written()

        def moment(line: LogLine) -> float | None:
            return self._clock.of(line.head, written)

        low = offset_at(reader, moment, condition.since, 0, size)
        if low is None:
            return None
        high = offset_at(reader, moment, condition.until, low, size) if condition.until else size
        return low, size if high is None else high

    def _is_its_own(self, reader: LineReader, condition: Condition) -> bool:
        return condition.kind == "run" and self._owners.get(id(reader)) == condition.search.text


def _starts(helper: Helper, chunk: Chunk) -> set[int]:
    """Where the lines begin that match. Raises SearchError."""
    try:
        return helper.starts(chunk)
    except TooSlowError as error:
        raise SearchError(str(error)) from None


def _lines_at(chunk: Chunk, starts: list[int]) -> Iterator[LogLine]:
    """The lines of `chunk` that begin there in the file."""
    for start in starts:
        begin = start - chunk.start
        yield chunk.line(begin, chunk.data.find(b"\n", begin) + 1 or len(chunk.data))
