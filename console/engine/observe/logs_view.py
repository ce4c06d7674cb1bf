"""One log as a screenful that scrolls, follows and filters: the viewer without a screen.

A `LogView` holds one page of rows and moves it through a `LogStream` by byte offsets, in either direction,
reading no more than the page needs. Long work (a filter that finds nothing in a gigabyte) is done in slices
by `advance`, so that the caller can show how far it is, and drop it for something else. One thread uses a
view; it starts none.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cached_property

from console.engine.observe.logs_brief import brief
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_levels import Level, level_of
from console.engine.observe.logs_lines import BIG_CHUNK, LogLine
from console.engine.observe.logs_stream import Change, LogStream

COUNTED_BYTES = 64 * 1024 * 1024  # of one growth, as far as new lines are counted
NOTICE = -1  # the offset of a segment's notice: before its first byte


@dataclass(frozen=True)
class Row:
    """One row of the stream: a line, or a notice about the file (`line` is None)."""

    segment: int
    line: LogLine | None
    notice: str = ""

    @property
    def position(self) -> tuple[int, int]:
        """Where it is: segment serial, and byte offset of its beginning."""
        return self.segment, NOTICE if self.line is None else self.line.start

    @property
    def behind(self) -> tuple[int, int]:
        """Where the next row is looked for."""
        return self.segment, 0 if self.line is None else self.line.end

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


Position = tuple[int, int]
_Rows = Iterator[Row | None]  # None: a piece of file is done, a good moment to do something else
_Work = Generator[None, None, None]


class LogView:
    """A page of `height` rows of a stream. Attributes are for reading; the methods change them."""

    def __init__(self, stream: LogStream, height: int, *, least: Level = Level.NONE) -> None:
        self.stream = stream
        self.height = max(1, height)
        self.filter = LevelFilter(least)
        self.rows: tuple[Row, ...] = ()
        self.follow = True
        self.at_start = False
        self.at_end = False
        self.new_lines = 0  # added while not following, whatever the filter
        self.looked_at = (0, 0)  # while busy: the position that the work has come to
        self._work: _Work | None = None
        self._seen: Position = (0, NOTICE)
        self._grown = False
        self.stream.poll()
        self.end()

    # -- what there is to do

    @property
    def busy(self) -> bool:
        """Whether `advance` has something to do."""
        return self._work is not None

    def advance(self, more: Callable[[], bool] = lambda: True) -> bool:
        """Go on with the work at hand as long as `more()` holds. True when the page is complete."""
        while self._work is not None and more():
            for _ in self._work:
                break
            else:
                self._work = self._append() if self.follow and self._grown else None
        return self._work is None

    def end(self) -> None:
        """To the newest rows, and follow them."""
        self.follow, self.new_lines = True, 0
        self._work = self._tail()

    def home(self) -> None:
        """To the oldest row there is."""
        self.follow = False
        self._work = self._from_start()

    def pause(self) -> None:
        """Stay where it is."""
        self.follow = False

    def scroll(self, rows: int) -> None:
        """Down by `rows`, or up where negative. Upwards stops following; arriving at the end goes on with it."""
        if rows < 0:
            self.follow = False
            self._work = self._up(-rows)
        elif rows > 0 and self.at_end:
            self.end()
        elif rows > 0:
            self._work = self._down(rows)

    def go(self, position: Position) -> None:
        """To the row at `position`, a third of a page from the top."""
        self.follow = False
        self._work = self._around(position)

    def resize(self, height: int) -> None:
        """Another page height; the page's end, or else its beginning, stays."""
        height = max(1, height)
        if height == self.height:
            return
        self.height = height
        self._again(self.rows[0].position if self.rows else None)

    def show_levels(self, least: Level, anchor: Position | None = None) -> None:
        """Show records of `least` and above; `anchor`: the row that should stay on the page."""
        self.filter = LevelFilter(least)
        self._again(anchor)

    def _again(self, anchor: Position | None) -> None:
        if self.follow or anchor is None:
            self.end()
        else:
            self._work = self._around(anchor)

    def poll(self) -> bool:
        """Look at the file; True when page or count of new lines changed, or there is work for `advance`."""
        change = self.stream.poll()
        if not change:
            return False
        if self.follow:
            self._grown = True
            if any(serial < self._seen[0] for serial, _, _ in change.grown):
                self._work = self._tail()  # somebody still writes to the file before: that is above what is new
            self._work = self._work or self._append()
        else:
            self.at_end = False
            self.new_lines += self._count(change)
            if self.rows and (line := self.rows[-1].line) is not None and not line.complete:
                self._work = self._work or self._regrow()
        return True

    def _count(self, change: Change) -> int:
        count = 0
        for serial, since, to in change.grown:
            segment = self.stream.segment(serial)
            if segment is None or segment.log is None:
                continue
            to = min(to, since + COUNTED_BYTES)
            while since < to and (data := segment.log.reader.read(since, min(BIG_CHUNK, to - since))):
                count += data.count(b"\n")
                since += len(data)
        return count

    # -- pieces of work: generators that yield where they can be interrupted, and show what they have so far

    def _tail(self) -> _Work:
        rows: list[Row] = []
        self._mark_seen()

        def show() -> None:
            self.rows = tuple(rows[::-1])

        ended = yield from self._collect(self._back(None), self.height, rows, show)
        show()
        self.at_start, self.at_end = ended, True

    def _from_start(self) -> _Work:
        rows: list[Row] = []
        self._mark_seen()

        def show() -> None:
            self.rows = tuple(rows)

        ended = yield from self._collect(self._forward(None), self.height, rows, show)
        show()
        self.at_start, self.at_end = True, ended

    def _up(self, count: int) -> _Work:
        if not self.rows:
            return
        rows: list[Row] = []
        ended = yield from self._collect(self._back(self.rows[0].position), count, rows)
        whole = (*rows[::-1], *self.rows)
        self.at_start = ended
        self.at_end = self.at_end and len(whole) <= self.height
        self.rows = whole[: self.height]

    def _down(self, count: int) -> _Work:
        rows: list[Row] = []
        self._mark_seen()
        behind = self.rows[-1].behind if self.rows else None
        ended = yield from self._collect(self._forward(behind), count, rows)
        whole = (*self.rows, *rows)
        self.at_start = self.at_start and len(whole) <= self.height
        self.rows = whole[-self.height :]
        self.at_end = ended or self._is_end()
        if self.at_end:
            self.follow, self.new_lines = True, 0

    def _around(self, position: Position) -> _Work:
        above: list[Row] = []
        start = yield from self._collect(self._back(position), self.height // 3, above)
        below: list[Row] = []
        end = yield from self._collect(self._forward(position), self.height - len(above), below)
        missing = self.height - len(above) - len(below)
        if missing > 0 and not start:
            first = above[-1].position if above else position
            start = yield from self._collect(self._back(first), missing, above)
        self.rows, self.at_start, self.at_end = (*above[::-1], *below), start, end

    def _append(self) -> _Work:
        """New rows below the others. A full page moves up by a third at once, not by every line: what is
        being read stands still, and over a slow line a page is drawn once for several lines.
        """
        self._grown = False
        last = self.stream.last
        everything = self.filter.least is Level.NONE
        if everything and last and self._seen[0] == last.serial and last.size - self._seen[1] > BIG_CHUNK:
            yield from self._tail()
            return
        known = list(self.rows)
        if known and known[-1].position >= self._seen:
            known.pop()  # it had no end yet and is read again
        seen = self._seen
        self._mark_seen()
        rows: list[Row] = []
        yield from self._collect(self._forward(seen), None, rows)
        whole = (*known, *rows)
        if len(whole) > self.height:
            step = self.height // 3
            whole = whole[-(self.height - (step if len(rows) < step else 0)) :]
            self.at_start = False
        self.rows, self.at_end = whole, True

    def _regrow(self) -> _Work:
        """The last row of a page that stands still had no end yet."""
        rows: list[Row] = []
        yield from self._collect(self._forward(self.rows[-1].position), 1, rows)
        self.rows = (*self.rows[:-1], *rows)

    # -- rows in file order, and against it

    def _collect(
        self, found: _Rows, count: int | None, rows: list[Row], show: Callable[[], None] = lambda: None
    ) -> Generator[None, None, bool]:
        """Adds up to `count` rows of `found` to `rows`. Returns True where the stream ended before."""
        left = -1 if count is None else count
        if left == 0:
            return False
        for row in found:
            if row is None:
                show()
                yield
                continue
            rows.append(row)
            left -= 1
            if left == 0:
                return False
        return True

    def _forward(self, position: Position | None) -> _Rows:
        """Rows from `position` (None: the beginning) to the end as it is now."""
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
            for chunk in reader.forward(max(offset, segment.start), segment.size):
                self.looked_at = (segment.serial, chunk.end)
                for line in self.filter.select(reader, chunk):
                    yield Row(segment.serial, line)
                yield None

    def _back(self, position: Position | None) -> _Rows:
        """Rows before `position` (None: the end), last to first."""
        for segment in reversed(list(self.stream.segments)):
            limit = segment.size
            if position is not None and segment.serial >= position[0]:
                if segment.serial > position[0] or position[1] == NOTICE:
                    continue
                limit = min(limit, position[1])
            if segment.log is not None:
                reader = segment.log.reader
                for chunk in reader.back(limit, segment.start):
                    self.looked_at = (segment.serial, chunk.start)
                    for line in self.filter.select(reader, chunk, backward=True):
                        yield Row(segment.serial, line)
                    yield None
            if segment.notice:
                yield Row(segment.serial, None, segment.notice)

    def _mark_seen(self) -> None:
        """Rows from here on are new at the next `_append`: the end, or the beginning of a last line without
        end.
        """
        last = self.stream.last
        if last is None:
            self._seen = (0, NOTICE)
        elif last.log is None or last.size <= last.start:
            self._seen = (last.serial, last.start)
        elif last.log.reader.read(last.size - 1, 1) == b"\n":
            self._seen = (last.serial, last.size)
        else:
            self._seen = (last.serial, max(last.start, last.log.reader.line_start(last.size)))

    def _is_end(self) -> bool:
        last = self.stream.last
        return last is None or (bool(self.rows) and self.rows[-1].behind >= (last.serial, last.size))
