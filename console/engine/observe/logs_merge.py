"""All logs of a workspace as one, by time, in bounded memory: one block of each log is held, whatever their sizes.

A row without a time (a traceback, a notice) goes with the line above it in its own log; a log without any times
stands where it was written last. Logs are taken to be in the order of their own times; where one is not (a clock set
back), its lines stay in their order and the next ones catch up.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_lines import CHUNK, LogLine
from console.engine.observe.logs_rows import NOTICE, Chosen, Cut, One, Place, Position, Row, Rows, StreamRows
from console.engine.observe.logs_search import Found
from console.engine.observe.logs_stream import Change, LogStream, Segment
from console.engine.observe.logs_times import Clock, offset_at
from console.engine.text import visible

SERIALS = 1_000_000  # segment serials of one log
RELIST = 20  # polls until new logs are looked for again
NEAR = 8 * 1024  # bytes above a line in which the time is looked for that it goes with
ENDS = 64 * 1024  # bytes at both ends of a log that decide whether it has times
_BEGINNING: Position = (0, NOTICE)
_LATER = 1e-6


def tag_of(file: LogFile) -> str:
    """The short name that marks a log's lines, at most eight characters or so: `log`, `json`, `log.1`, `err 7f3a`."""
    if file.kind == "stderr":
        return f"err {file.run[-4:]}"
    name = file.label.rsplit("/", 1)[-1]
    if file.kind in ("text", "structured"):
        name = name.removeprefix("migration.") or name
    stem, _, ending = name.rpartition(".")
    if len(name) > 8 and stem and not ending.isdigit():
        name = stem
    return visible(name if len(name) <= 8 else name[:7] + "…")


class _Log:
    """One of the logs."""

    def __init__(self, file: LogFile, clock: Clock) -> None:
        self.file, self.tag, self._clock = file, tag_of(file), clock
        self.rows = StreamRows(LogStream(file.path), clock, most=CHUNK, run=file.run)
        self.change = self.rows.poll()
        self._timed: dict[tuple[int, int], bool] = {}

    def identities(self) -> set[tuple[int, int]]:
        return {segment.log.identity for segment in self.rows.stream.segments if segment.log is not None}

    def poll(self) -> Change:
        if self.file.rotation:
            return Change()  # what it was when it was listed: its name goes to another file at the next rotation
        return self.rows.poll()

    def time(self, row: Row, last: float | None) -> float:
        """When a row was written, or what it goes with; last: the time of the row read before it."""
        segment = self.rows.segment(row.segment)
        if row.line is None or segment is None or segment.log is None:
            return last if last is not None else self._written(segment)
        if not self._has_times(segment):
            return self._written(segment)
        reader = segment.log.reader
        moment_of = self.rows.moments(reader)
        moment = moment_of(row.line)
        if moment is not None:
            return moment
        low = max(segment.start, row.line.start - NEAR)
        for chunk in reader.back(row.line.start, low, CHUNK):
            for line in chunk.lines_back():
                if (moment := moment_of(line)) is not None:
                    return moment
        if last is not None:
            return last
        ahead = offset_at(reader, moment_of, -math.inf, row.line.start, min(segment.size, row.line.start + ENDS))
        if ahead is not None and ahead < segment.size:
            moment = moment_of(reader.line_at(ahead, segment.size))
        return moment if moment is not None else self._written(segment)

    def place_at(self, moment: float) -> Position:
        """The place before the first row as young as that."""
        place = self.rows.place_at(moment)
        if place is None:  # no times in it
            return self.rows.end() if self._written(self.rows.stream.last) < moment else _BEGINNING
        assert not isinstance(place, Cut)
        return place

    def _written(self, segment: Segment | None) -> float:
        return segment.log.reader.written() if segment is not None and segment.log is not None else self.file.mtime

    def _has_times(self, segment: Segment) -> bool:
        """Whether any line near either end has a time; asked again as long as none has."""
        key = (segment.serial, segment.size)
        known = self._timed.get(key)
        if known is None:
            known = any(self._timed.values()) or self._look_for_times(segment)
            self._timed = {key: known}
        return known

    def _look_for_times(self, segment: Segment) -> bool:
        assert segment.log is not None
        reader = segment.log.reader
        moment_of = self.rows.moments(reader)
        middle = reader.line_start(max(segment.start, segment.size - ENDS))
        parts = ((segment.start, min(segment.size, segment.start + ENDS)), (middle, segment.size))
        return any(offset_at(reader, moment_of, -math.inf, low, high) is not None for low, high in parts if low < high)


class MergedRows:
    """The rows of several logs by time. listing: the logs there are, asked again from time to time."""

    def __init__(self, listing: Callable[[], Sequence[LogFile]], clock: Clock) -> None:
        self._listing, self._clock = listing, clock
        self.logs: list[_Log] = []
        self.looked_at: Position = (0, 0)
        self._polls = 0
        self._relist()

    def _relist(self) -> None:
        known = {log.file.path for log in self.logs}
        held = set().union(*(log.identities() for log in self.logs))
        for file in self._listing():
            if file.path in known or not file.path or (file.rotation and not file.size):
                continue
            log = _Log(file, self._clock)
            if not log.identities() & held:  # a file that was rotated meanwhile is still there under its old log
                self.logs.append(log)
                held |= log.identities()

    @property
    def size(self) -> int:
        return sum(log.rows.size for log in self.logs)

    def poll(self) -> Change:
        """Look at every file once; sometimes for new ones."""
        self._polls += 1
        before = len(self.logs)
        changes = [log.poll() for log in self.logs]
        if self._polls % RELIST == 0:
            self._relist()
            changes += [log.change for log in self.logs[before:]]
        grown = (
            (index * SERIALS + serial, since, to)
            for index, change in enumerate(changes)
            for serial, since, to in change.grown
        )
        return Change(tuple(grown), tuple(notice for change in changes for notice in change.notices))

    def segment(self, serial: int) -> Segment | None:
        index, local = divmod(serial, SERIALS)
        return self.logs[index].rows.segment(local) if index < len(self.logs) else None

    def own(self, chosen: Chosen) -> None:
        """Tell which files are all of one run."""
        for log in self.logs:
            log.rows.own(chosen)

    def forward(self, place: Place | None, chosen: Chosen) -> Rows:
        """Shown rows from `place` (None: the beginning) to the ends as they are now, the oldest first."""
        parts = self._parts(place, _BEGINNING)
        found = [log.rows.forward(part, chosen) for log, part in zip(self.logs, parts, strict=False)]
        for index, row in self._merged(found, 1):
            if row is None:
                yield None
                continue
            above = Cut(tuple(parts))
            parts[index] = _single(row.behind)
            yield self._row(index, row, above, Cut(tuple(parts)))

    def back(self, place: Place | None, chosen: Chosen) -> Rows:
        """Shown rows before `place` (None: the end), the youngest first."""
        parts = self._parts(place if place is not None else self._ends(), _BEGINNING)
        found = [log.rows.back(part, chosen) for log, part in zip(self.logs, parts, strict=False)]
        for index, row in self._merged(found, -1):
            if row is None:
                yield None
                continue
            below = Cut(tuple(parts))
            parts[index] = row.position
            yield self._row(index, row, Cut(tuple(parts)), below)

    def _merged(self, found: list[Rows], sign: int) -> Iterator[tuple[int, Row | None]]:
        """(log, row) by time; sign 1: oldest first, -1: youngest first."""
        heap: list[tuple[float, int, Row]] = []
        last: list[float | None] = [None] * len(found)
        waiting = list(range(len(found)))
        while True:
            for index in waiting:
                for row in found[index]:
                    if row is None:
                        self.looked_at = self._looked(index)
                        yield index, None
                        continue
                    if row.line is None and self._is_missing(index, row):
                        continue
                    moment, before = sign * self.logs[index].time(row, last[index]), last[index]
                    moment = moment if before is None else max(moment, sign * before)
                    last[index] = sign * moment
                    heapq.heappush(heap, (moment, sign * index, row))
                    break
            if not heap:
                return
            _, index, row = heapq.heappop(heap)
            yield abs(index), row
            waiting = [abs(index)]

    def _is_missing(self, index: int, row: Row) -> bool:
        """A log that is not there yet is no news among others that are."""
        first = self.logs[index].rows.stream.segments[0]
        return first.serial == row.segment and first.log is None

    def _looked(self, index: int) -> Position:
        serial, offset = self.logs[index].rows.looked_at
        return index * SERIALS + serial, offset

    def _row(self, index: int, row: Row, above: Cut, below: Cut) -> Row:
        return Row(index * SERIALS + row.segment, row.line, row.notice, self.logs[index].tag, above, below)

    def _parts(self, place: Place | None, missing: Position) -> list[Position]:
        known = () if place is None else self._cut(place).parts
        return [known[index] if index < len(known) else missing for index in range(len(self.logs))]

    def _cut(self, place: Place) -> Cut:
        cut = place if isinstance(place, Cut) else self.place_of(place)
        assert isinstance(cut, Cut)
        return cut

    def _ends(self) -> Cut:
        lasts = (log.rows.stream.last for log in self.logs)
        return Cut(tuple((last.serial, last.size) if last is not None else _BEGINNING for last in lasts))

    def end(self) -> Cut:
        """Rows from here on are new later."""
        return Cut(tuple(log.rows.end() for log in self.logs))

    def is_new(self, row: Row, seen: Place) -> bool:
        """Whether a row that is shown will come again from `seen` on."""
        index, serial = divmod(row.segment, SERIALS)
        return (serial, row.position[1]) >= self._parts(seen, _BEGINNING)[index]

    def is_end(self, row: Row | None) -> bool:
        """Whether nothing is behind this row."""
        ends = self._ends().parts
        return row is not None and all(a >= b for a, b in zip(self._parts(row.behind, _BEGINNING), ends, strict=False))

    def is_far(self, seen: Place) -> bool:
        """Whether so much was added to one of them that the end is found faster from the end."""
        parts = self._parts(seen, _BEGINNING)
        return any(log.rows.is_far(part) for log, part in zip(self.logs, parts, strict=False))

    def is_above(self, change: Change, seen: Place) -> bool:
        """Whether something was added to a file before one that was seen already."""
        parts = self._parts(seen, _BEGINNING)
        return any(serial % SERIALS < parts[serial // SERIALS][0] for serial, _, _ in change.grown)

    def place_of(self, position: Position) -> Place:
        """The place before the row at `position`, by its time."""
        own, serial = divmod(position[0], SERIALS)
        local = (serial, position[1])
        moment = self.time_of(position)
        parts = (
            local if index == own else log.place_at(moment + _LATER if index < own else moment)
            for index, log in enumerate(self.logs)
        )
        return Cut(tuple(parts))

    def place_at(self, moment: float) -> Place | None:
        """The place before the first row as young as `moment`; None: there is no log."""
        return Cut(tuple(log.place_at(moment) for log in self.logs)) if self.logs else None

    def time_of(self, position: Position) -> float:
        """The time by which the row at `position` has its place."""
        index, serial = divmod(position[0], SERIALS)
        log = self.logs[index]
        segment = log.rows.segment(serial)
        line: LogLine | None = None
        if segment is not None and segment.log is not None and position[1] != NOTICE:
            line = segment.log.reader.line_at(position[1], segment.size)
        return log.time(Row(serial, line), None)

    def find(self, start: Place | None, backward: bool, one: One) -> Found | None:
        """The nearest of what `one` finds in each log. one: stream, from where, up to where; as find_in_stream."""
        parts: list[Position] | list[None] = (
            [None] * len(self.logs) if start is None else self._parts(start, _BEGINNING)
        )
        best: tuple[float, int] | None = None
        nearest: Found | None = None
        for index, (log, part) in enumerate(zip(self.logs, parts, strict=False)):  # logs may be added meanwhile
            stop = log.place_at(best[0] + (_LATER if not backward else 0)) if best is not None else None
            found = one(log.rows.stream, part, stop)
            if found is None:
                continue
            serial = index * SERIALS + found.segment
            here = (self.time_of((serial, found.line.start)), index)
            if best is None or (here > best if backward else here < best):
                best, nearest = here, Found(serial, found.line, found.spans)
        return nearest


def _single(place: Place) -> Position:
    assert not isinstance(place, Cut)
    return place
