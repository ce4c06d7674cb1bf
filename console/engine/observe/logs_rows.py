"""Rows of a log in file order and against it: what a view pages through. One log here, several in logs_merge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from console.engine.observe.logs_brief import brief
from console.engine.observe.logs_levels import Level, level_of
from console.engine.observe.logs_lines import BIG_CHUNK, Chunk, LineReader, LogLine
from console.engine.observe.logs_search import Found
from console.engine.observe.logs_stream import Change, LogStream, Segment
from console.engine.observe.logs_times import Clock, offset_at

NOTICE = -1  # the offset of a segment's notice: before its first byte
COUNTED_BYTES = 64 * 1024 * 1024  # of one growth, as far as new lines are counted
Position = tuple[int, int]  # segment serial, and byte offset


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two rows of several logs: in each log, the position before which everything is above."""

    parts: tuple[Position, ...]


Place = Position | Cut


@dataclass(frozen=True)
class Row:
    """One row of a log: a line, or a notice about the file (`line` is None). log: which, where there are several."""

    segment: int
    line: LogLine | None
    notice: str = ""
    log: str = ""
    above: Cut | None = None
    below: Cut | None = None

    @property
    def position(self) -> Position:
        """Where it is: segment serial, and byte offset of its beginning."""
        return self.segment, NOTICE if self.line is None else self.line.start

    @property
    def before(self) -> Place:
        """Where the rows above it are looked for."""
        return self.above or self.position

    @property
    def behind(self) -> Place:
        """Where the next row is looked for."""
        return self.below or (self.segment, 0 if self.line is None else self.line.end)

    @cached_property
    def level(self) -> Level:
        return Level.NONE if self.line is None else level_of(self.line.head)

    @property
    def text(self) -> str:
        """What a screen shows: sanitised, one line."""
        return self.notice if self.line is None else self.line.text

    @cached_property
    def brief(self) -> str:
        """`text` without what repeats from line to line."""
        return self.text if self.line is None else brief(self.line.head, self.line.text)


One = Callable[[LogStream, Position | None, Position | None], Found | None]  # looks in one log: from where, up to where
Rows = Iterator[Row | None]  # None: a piece of file is done, a good moment to do something else


class Chosen(Protocol):
    """Which lines are shown: LevelFilter and Sieve."""

    least: Level

    @property
    def everything(self) -> bool: ...
    def belongs(self, reader: LineReader, run: str) -> None: ...
    def bounds(self, reader: LineReader, low: int, high: int) -> tuple[int, int]: ...
    def select(self, reader: LineReader, chunk: Chunk, *, backward: bool = False) -> Iterator[LogLine]: ...
    def shows(self, reader: LineReader, line: LogLine) -> bool: ...
    def close(self) -> None: ...


class RowSource(Protocol):
    """What a LogView pages through."""

    looked_at: Position

    @property
    def size(self) -> int: ...
    def poll(self) -> Change: ...
    def segment(self, serial: int) -> Segment | None: ...
    def own(self, chosen: Chosen) -> None: ...
    def forward(self, place: Place | None, chosen: Chosen) -> Rows: ...
    def back(self, place: Place | None, chosen: Chosen) -> Rows: ...
    def end(self) -> Place: ...
    def is_new(self, row: Row, seen: Place) -> bool: ...
    def is_end(self, row: Row | None) -> bool: ...
    def is_far(self, seen: Place) -> bool: ...
    def is_above(self, change: Change, seen: Place) -> bool: ...
    def place_of(self, position: Position) -> Place: ...
    def place_at(self, moment: float) -> Place | None: ...
    def find(self, start: Place | None, backward: bool, one: One) -> Found | None: ...


def added_lines(segment: Segment | None, since: int, to: int) -> int:
    """How many line ends the bytes [since, to) of a segment hold, counted as far as COUNTED_BYTES."""
    if segment is None or segment.log is None:
        return 0
    number, to = 0, min(to, since + COUNTED_BYTES)
    while since < to and (data := segment.log.reader.read(since, min(BIG_CHUNK, to - since))):
        number += data.count(b"\n")
        since += len(data)
    return number


class StreamRows:
    """The rows of one log. clock: reads the times of its lines."""

    def __init__(self, stream: LogStream, clock: Clock | None = None, *, most: int = 0, run: str = "") -> None:
        """most: bytes of one read, at most; 0: as many as scanning far is best with. run: that all of it is of."""
        self.stream = stream
        self.clock = clock or Clock()
        self.looked_at: Position = (0, 0)
        self._most, self._run = most, run

    @property
    def size(self) -> int:
        """Bytes of what is written now."""
        return self.stream.last.size if self.stream.last is not None else 0

    def poll(self) -> Change:
        """Look at the file once."""
        return self.stream.poll()

    def segment(self, serial: int) -> Segment | None:
        return self.stream.segment(serial)

    def own(self, chosen: Chosen) -> None:
        """Tell that the file is all of one run."""
        for segment in self.stream.segments if self._run else ():
            if segment.log is not None:
                chosen.belongs(segment.log.reader, self._run)

    def forward(self, place: Place | None, chosen: Chosen) -> Rows:
        """Shown rows from `place` (None: the beginning) to the end as it is now."""
        self.own(chosen)
        position = _position(place)
        for segment in list(self.stream.segments):
            offset = NOTICE
            if position is not None and segment.serial <= position[0]:
                if segment.serial < position[0]:
                    continue
                offset = position[1]
            if offset == NOTICE and segment.notice:
                yield Row(segment.serial, None, segment.notice)
            if segment.log is None:
                continue
            reader = segment.log.reader
            low, high = chosen.bounds(reader, max(offset, segment.start), segment.size)
            for chunk in reader.forward(low, high, self._most):
                self.looked_at = (segment.serial, chunk.end)
                for line in chosen.select(reader, chunk):
                    yield Row(segment.serial, line)
                yield None

    def back(self, place: Place | None, chosen: Chosen) -> Rows:
        """Shown rows before `place` (None: the end), last to first."""
        self.own(chosen)
        position = _position(place)
        for segment in reversed(list(self.stream.segments)):
            limit = segment.size
            if position is not None and segment.serial >= position[0]:
                if segment.serial > position[0] or position[1] == NOTICE:
                    continue
                limit = min(limit, position[1])
            if segment.log is not None:
                reader = segment.log.reader
                low, high = chosen.bounds(reader, segment.start, limit)
                for chunk in reader.back(high, low, self._most):
                    self.looked_at = (segment.serial, chunk.start)
                    for line in chosen.select(reader, chunk, backward=True):
                        yield Row(segment.serial, line)
                    yield None
            if segment.notice:
                yield Row(segment.serial, None, segment.notice)

    def end(self) -> Position:
        """Rows from here on are new later: the end, or the beginning of a last line without end."""
        last = self.stream.last
        if last is None:
            return 0, NOTICE
        if last.log is None or last.size <= last.start:
            return last.serial, last.start
        if last.log.reader.read(last.size - 1, 1) == b"\n":
            return last.serial, last.size
        return last.serial, max(last.start, last.log.reader.line_start(last.size))

    def is_new(self, row: Row, seen: Place) -> bool:
        """Whether a row that is shown will come again from `seen` on: its line had no end yet."""
        return row.position >= _sure(seen)

    def is_end(self, row: Row | None) -> bool:
        """Whether nothing is behind this row; None: behind no row at all."""
        last = self.stream.last
        return last is None or (row is not None and _sure(row.behind) >= (last.serial, last.size))

    def is_far(self, seen: Place) -> bool:
        """Whether so much was added since that the end is found faster from the end."""
        last, at = self.stream.last, _sure(seen)
        return last is not None and at[0] == last.serial and last.size - at[1] > BIG_CHUNK

    def is_above(self, change: Change, seen: Place) -> bool:
        """Whether something was added above what was seen: somebody still writes to the file before."""
        return any(serial < _sure(seen)[0] for serial, _, _ in change.grown)

    def place_of(self, position: Position) -> Place:
        """The place before the row at `position`."""
        return position

    def place_at(self, moment: float) -> Place | None:
        """The place before the first row as young as `moment`; the end where none is; None: no line has a time."""
        dated = False
        for segment in list(self.stream.segments):
            if segment.log is None:
                continue
            offset = offset_at(
                segment.log.reader, self.moments(segment.log.reader), moment, segment.start, segment.size
            )
            if offset is not None and offset < segment.size:
                return segment.serial, offset
            dated = dated or offset is not None
        last = self.stream.last
        return (last.serial, last.size) if dated and last is not None else None

    def find(self, start: Place | None, backward: bool, one: One) -> Found | None:
        """What `one` finds."""
        del backward
        return one(self.stream, _position(start), None)

    def moments(self, reader: LineReader) -> Callable[[LogLine], float | None]:
        """What tells the time of this file's lines."""
        written, clock = reader.written(), self.clock
        return lambda line: clock.of(line.head, written)


def _position(place: Place | None) -> Position | None:
    return place if place is None else _sure(place)


def _sure(place: Place) -> Position:
    assert not isinstance(place, Cut), "a place among several logs, asked of one"
    return place
