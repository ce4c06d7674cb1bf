"""One log as a screenful that scrolls, follows and filters: the viewer without a screen.

A `LogView` holds one page of rows and moves it through a `LogStream` by byte offsets, in either direction,
reading no more than the page needs. Long work (a filter that finds nothing in a gigabyte) is done in slices
by `advance`, so that the caller can show how far it is, and drop it for something else. One thread uses a
view; it starts none.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from console.engine.observe.logs_conditions import Narrowing, Sieve
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_rows import (
    NOTICE,
    Chosen,
    Place,
    Position,
    Row,
    Rows,
    RowSource,
    StreamRows,
    added_lines,
)
from console.engine.observe.logs_stream import Change, LogStream
from console.engine.observe.logs_times import Clock

__all__ = ["LogView", "Position", "Row"]
_Work = Generator[None, None, None]


class LogView:
    """A page of `height` rows of a log, or of several. Attributes are for reading; the methods change them.

    Working on it (`advance`, `poll`) may raise OSError, and SearchError where an expression is too slow.
    """

    def __init__(
        self, log: LogStream | RowSource, height: int, *, least: Level = Level.NONE, clock: Clock | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.log: RowSource = StreamRows(log, self.clock) if isinstance(log, LogStream) else log
        self.height = max(1, height)
        self.filter: Chosen = Sieve(Narrowing(least), self.clock)
        self.landed: Position | None = None  # the row that was gone to; whoever reads it, takes it away
        self.rows: tuple[Row, ...] = ()
        self.follow = True
        self.at_start = False
        self.at_end = False
        self.new_lines = 0  # added while not following, whatever the filter
        self._work: _Work | None = None
        self._seen: Place = (0, NOTICE)
        self._grown = False
        self.log.poll()
        self.end()

    # -- what there is to do

    @property
    def busy(self) -> bool:
        """Whether `advance` has something to do."""
        return self._work is not None

    def advance(self, more: Callable[[], bool] = lambda: True) -> bool:
        """Go on with the work at hand as long as `more()` holds. True when the page is complete."""
        while self._work is not None and more():
            try:
                for _ in self._work:
                    break
                else:
                    self._work = self._append() if self.follow and self._grown else None
            except BaseException:
                self._work = None  # a generator that raised is at its end
                raise
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
        self._work = self._around(self.log.place_of(position), land=True)

    def go_to_time(self, moment: float) -> bool:
        """To the first row as young as `moment` (seconds since 1970); False where no line has a time."""
        place = self.log.place_at(moment)
        if place is None:
            return False
        self.follow = False
        self._work = self._around(place, land=True)
        return True

    def resize(self, height: int) -> None:
        """Another page height; the page's end, or else its beginning, stays."""
        height = max(1, height)
        if height == self.height:
            return
        self.height = height
        self._again(self.rows[0].before if self.rows else None)

    def show_only(self, narrowing: Narrowing, anchor: Place | None = None) -> None:
        """Show what is left by `narrowing`; `anchor`: the row that should stay on the page."""
        self.filter.close()
        self.filter = Sieve(narrowing, self.clock)
        self._again(anchor, land=True)

    def _again(self, anchor: Place | None, *, land: bool = False) -> None:
        if self.follow or anchor is None:
            self.end()
        else:
            self._work = self._around(anchor, land=land)

    def poll(self) -> bool:
        """Look at the file; True when page or count of new lines changed, or there is work for `advance`."""
        change = self.log.poll()
        if not change:
            return False
        if self.follow:
            self._grown = True
            if self.log.is_above(change, self._seen):
                self._work = self._tail()
            self._work = self._work or self._append()
        else:
            self.at_end = False
            self.new_lines += self._count(change)
            if self.rows and (line := self.rows[-1].line) is not None and not line.complete:
                self._work = self._work or self._regrow()
        return True

    def _count(self, change: Change) -> int:
        return sum(added_lines(self.log.segment(serial), since, to) for serial, since, to in change.grown)

    # -- pieces of work: generators that yield where they can be interrupted, and show what they have so far

    def _tail(self) -> _Work:
        rows: list[Row] = []
        self._seen = self.log.end()

        def show() -> None:
            self.rows = tuple(rows[::-1])

        ended = yield from self._collect(self._back(None), self.height, rows, show)
        show()
        self.at_start, self.at_end = ended, True

    def _from_start(self) -> _Work:
        rows: list[Row] = []
        self._seen = self.log.end()

        def show() -> None:
            self.rows = tuple(rows)

        ended = yield from self._collect(self._forward(None), self.height, rows, show)
        show()
        self.at_start, self.at_end = True, ended

    def _up(self, count: int) -> _Work:
        if not self.rows:
            return
        rows: list[Row] = []
        ended = yield from self._collect(self._back(self.rows[0].before), count, rows)
        whole = (*rows[::-1], *self.rows)
        self.at_start = ended
        self.at_end = self.at_end and len(whole) <= self.height
        self.rows = whole[: self.height]

    def _down(self, count: int) -> _Work:
        rows: list[Row] = []
        self._seen = self.log.end()
        behind = self.rows[-1].behind if self.rows else None
        ended = yield from self._collect(self._forward(behind), count, rows)
        whole = (*self.rows, *rows)
        self.at_start = self.at_start and len(whole) <= self.height
        self.rows = whole[-self.height :]
        self.at_end = ended or self._is_end()
        if self.at_end:
            self.follow, self.new_lines = True, 0

    def _around(self, place: Place, *, land: bool = False) -> _Work:
        above: list[Row] = []
        start = yield from self._collect(self._back(place), self.height // 3, above)
        below: list[Row] = []
        end = yield from self._collect(self._forward(place), self.height - len(above), below)
        if land:
            self.landed = below[0].position if below else above[0].position if above else None
        missing = self.height - len(above) - len(below)
        if missing > 0 and not start:
            first = above[-1].before if above else place
            start = yield from self._collect(self._back(first), missing, above)
        self.rows, self.at_start, self.at_end = (*above[::-1], *below), start, end

    def _append(self) -> _Work:
        """New rows below the others. A full page moves up by a third at once, not by every line: what is
        being read stands still, and over a slow line a page is drawn once for several lines.
        """
        self._grown = False
        seen = self._seen
        if self.filter.everything and self.log.is_far(seen):
            yield from self._tail()
            return
        known = [row for row in self.rows if not self.log.is_new(row, seen)]
        self._seen = self.log.end()
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
        yield from self._collect(self._forward(self.rows[-1].before), 1, rows)
        self.rows = (*self.rows[:-1], *rows)

    # -- rows in file order, and against it

    def _collect(
        self, found: Rows, count: int | None, rows: list[Row], show: Callable[[], None] = lambda: None
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

    def _forward(self, place: Place | None) -> Rows:
        return self.log.forward(place, self.filter)

    def _back(self, place: Place | None) -> Rows:
        return self.log.back(place, self.filter)

    def _is_end(self) -> bool:
        return self.log.is_end(self.rows[-1] if self.rows else None)
