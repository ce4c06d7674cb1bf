"""LogFeed: the thread that reads a log for a pane, so that no read ever happens where keys are answered.

It owns a LogView. The pane sends commands (closures, run one after the other in the thread) and gets pages:
plain frozen data. Growth of the file is looked for PER_SECOND times a second while the pane is seen, and not
at all while it is hidden. A daemon thread of its own, not one of Textual's few pool threads: a file system
that hangs then stops neither other workers nor the way out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_conditions import Narrowing, Sieve
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_merge import MergedRows
from console.engine.observe.logs_record import RECORD_BYTES
from console.engine.observe.logs_rows import Place, StreamRows
from console.engine.observe.logs_search import Found, Search, SearchError
from console.engine.observe.logs_span import span_bytes
from console.engine.observe.logs_stream import LogStream
from console.engine.observe.logs_times import Clock
from console.engine.observe.logs_view import LogView, Position, Row
from widgets.logs.looking import Looking
from widgets.logs.numbers import LineNumbers
from widgets.logs.page import MERGED, Page

__all__ = ["LogFeed", "Page"]
PER_SECOND = 4.0
SLICE = 0.08  # seconds of work between two looks at the commands


class LogFeed:
    """Commands in, pages out. `post` is called from the thread."""

    def __init__(
        self,
        post: Callable[[Page], None],
        height: int = 24,
        *,
        listing: Callable[[], Sequence[LogFile]] = tuple,
        clock: Clock | None = None,
    ) -> None:
        """listing: the logs that are merged; clock: reads the times of lines."""
        self._post = post
        self._height = height
        self._listing, self.clock = listing, clock or Clock()
        self._file: LogFile | None = None
        self._view: LogView | None = None
        self._numbers: LineNumbers | None = None
        self._looking = Looking(self.do)
        self._said, self._bad = "", False
        self._found: Found | None = None
        self._at: Position | None = None
        self._narrowing, self._refused = Narrowing(), False
        self._visible, self._stopped = True, False
        self._pause = 0.0  # monotonic time before which growth is not looked for
        self._commands: deque[Callable[[], None]] = deque()
        self.given = self._done = 0  # commands, and how many of them were carried out
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="log feed")

    # -- asked by the pane; returns at once ------------------------------------------------------------------

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread soon, and whatever it started."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def join(self, seconds: float) -> bool:
        """Wait for the end; True when it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def do(self, command: Callable[[], None]) -> None:
        """Run `command` in the thread, after those before it."""
        with self._wake:
            self._commands.append(command)
            self.given += 1
            self._wake.notify()

    def show(self, visible: bool) -> None:
        """Whether anybody looks; nobody: the file is left alone."""
        with self._wake:
            self._visible = visible
            self._wake.notify()

    def pace(self, seconds: float) -> None:
        """After drawing much: leave the screen alone so long before showing what was added."""
        self._pause = time.monotonic() + seconds

    def open(self, file: LogFile) -> None:
        """Show another log, at its end."""
        self.do(lambda: self._open(file))

    def view(self, command: Callable[[LogView], None]) -> None:
        """Run `command` on the view, if there is one."""

        def run() -> None:
            if self._view is not None:
                command(self._view)

        self.do(run)

    def resize(self, height: int) -> None:
        """Another number of rows."""

        def run() -> None:
            self._height = height
            if self._view is not None:
                self._view.resize(height)

        self.do(run)

    def narrow(self, narrowing: Narrowing, anchor: Place | None) -> None:
        """Show what is left by `narrowing`; `anchor`: the row that stays in sight."""

        def run() -> None:
            self._narrowing = narrowing
            if self._view is not None:
                self._view.show_only(narrowing, anchor)

        self.do(run)

    def find(self, what: Search | Level, start: Place | None, backward: bool) -> None:
        """Look for the next or previous match, or record of a level and above; an earlier search is dropped."""

        def run() -> None:
            if self._view is not None:
                shown = (self._narrowing, self.clock)
                self._looking.find(self._view.log, what, start, backward, shown, self._answer)

        self.do(run)

    def drop_search(self) -> None:
        """Stop looking."""
        self.do(self._looking.drop)

    def forget_mark(self) -> None:
        """No match is shown any more."""
        self.do(self._forget)

    def go_to_time(self, moment: float, text: str) -> None:
        """To the first line as young as `moment` (seconds since 1970); text: how it is called."""

        def run() -> None:
            if self._view is None:
                return
            if not self._view.go_to_time(moment):
                self._say("no line of this log has a time", bad=True)
            else:
                self._say(f"at {text}")

        self.do(run)

    def go(self, position: Position) -> None:
        """To the row at `position`."""
        self.view(lambda view: view.go(position))

    def read_span(self, first: Row, last: Row, give: Callable[[Callable[[], Iterator[bytes]]], None]) -> None:
        """Call `give`, in the thread, with what reads the shown lines between two rows, in any thread, later."""

        def run() -> None:
            if self._view is None:
                return
            source, shown = self._view.log, (self._narrowing, self.clock)

            def pieces() -> Iterator[bytes]:
                sieve = Sieve(*shown)
                try:
                    yield from span_bytes(source, sieve, first, last, lambda: self._stopped)
                finally:
                    sieve.close()

            give(pieces)

        self.do(run)

    def read_record(self, row: Row, give: Callable[[Row, bytes], None]) -> None:
        """Call `give`, in the thread, with the row's bytes, up to RECORD_BYTES."""

        def run() -> None:
            segment = self._view.log.segment(row.segment) if self._view is not None else None
            if row.line is not None and segment is not None and segment.log is not None:
                wanted = min(row.line.length, RECORD_BYTES)
                give(row, segment.log.reader.read(row.line.start, wanted))
            else:
                self._say("this line is gone from the file", bad=True)

        self.do(run)

    # -- the thread

    def _run(self) -> None:
        due = published = 0.0
        while not self._stopped:
            with self._wake:
                if not self._commands and not self._working():
                    # hidden: sleeps until it is shown or told something
                    due = max(due, self._pause)
                    self._wake.wait(max(0.0, due - time.monotonic()) if self._visible else None)
                commands = [self._commands.popleft() for _ in range(len(self._commands))]
            changed = bool(commands)
            for command in commands:
                self._guard(command)
                self._done += 1
                self._guard(self._advance)
            if self._visible and time.monotonic() >= max(due, self._pause):
                due = time.monotonic() + 1 / PER_SECOND
                grown = self._guard(self._poll)
                changed = changed or grown
            if self._working():
                self._guard(self._advance)
                if not self._working() or time.monotonic() >= published + 1 / PER_SECOND:
                    changed = True
            if changed and not self._stopped:
                published = time.monotonic()
                self._guard(self._publish)
        self._close()

    def _working(self) -> bool:
        return self._view is not None and self._view.busy

    def _publish(self) -> None:
        page = self._page()
        self._said, self._bad, self._at, self._refused = "", False, None, False
        self._post(page)

    def _guard(self, step: Callable[[], bool | None]) -> bool:
        """Nothing that a file does ends the thread; what went wrong is said."""
        try:
            return bool(step())
        except OSError as error:
            self._say(f"cannot read the log: {error}", bad=True)
        except SearchError as error:
            self._refuse(str(error))
        except Exception as error:  # noqa: BLE001 - a thread that dies unseen would leave a pane that stands still
            self._say(f"an error of this program: {type(error).__name__}: {error}", bad=True)
        return True

    def _say(self, text: str, *, bad: bool = False) -> None:
        self._said, self._bad = text, bad

    def _refuse(self, why: str) -> None:
        """A filter that cannot be followed is taken off: a page that shows nothing would tell a lie."""
        kept = tuple(each for each in self._narrowing.conditions if not each.search.regex)
        self._narrowing, self._refused = Narrowing(self._narrowing.least, kept), True
        self._say(f"filter taken off: {why}", bad=True)
        if self._view is not None:
            self._view.show_only(self._narrowing)

    def _advance(self) -> None:
        if self._view is not None:
            until = time.monotonic() + SLICE
            self._view.advance(lambda: time.monotonic() < until and not self._stopped)

    def _poll(self) -> bool:
        if self._view is None or not self._view.poll():
            return False
        self._advance()
        self._count()
        return True

    def _open(self, file: LogFile) -> None:
        self._close()
        self._forget()
        self._file = file
        if file.kind == MERGED.kind:
            self._view = LogView(MergedRows(self._listing, self.clock), self._height, clock=self.clock)
        else:
            stream = LogStream(file.path)
            self._view = LogView(StreamRows(stream, self.clock, run=file.run), self._height, clock=self.clock)
            self._numbers = LineNumbers(stream, lambda: self.do(self._count))
        self._view.show_only(self._narrowing)
        self._advance()
        self._count()

    def _close(self) -> None:
        """Whatever belongs to the log that was shown."""
        self._looking.drop()
        if self._numbers is not None:
            self._numbers.stop()
        if self._view is not None:
            self._view.filter.close()
        self._numbers = None

    def _forget(self) -> None:
        self._found = None

    def _count(self) -> None:
        if self._numbers is not None:
            self._numbers.keep()

    def _answer(self, found: Found | None, nothing: str, bad: bool) -> None:
        if self._view is None:
            return
        if found is None:
            self._say(nothing, bad=bad)
            return
        self._found, self._at = found, (found.segment, found.line.start)
        self._view.pause()
        if all(row.position != self._at for row in self._view.rows):
            self._view.go(self._at)

    def _page(self) -> Page:
        view = self._view
        if view is None:
            return Page(said=self._said, bad=self._bad, file=self._file, done=self._done)
        lines, numbers = self._numbers.of(view.rows) if self._numbers is not None else (None, ())
        busy = self._looking.busy
        if not busy and view.busy:
            serial, offset = view.log.looked_at
            segment = view.log.segment(serial)
            busy = f"filtering, at {100 * offset // max(1, segment.size if segment else 1)} %"
        if view.landed is not None and not view.busy:
            self._at, view.landed = self._at or view.landed, None
        return Page(
            view.rows,
            view.follow,
            view.at_start,
            view.at_end,
            view.new_lines,
            self._narrowing,
            view.log.size,
            lines,
            numbers,
            busy,
            self._at,
            self._found,
            self._said,
            self._bad,
            self._file,
            self._refused,
            self._done,
        )
