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
from collections.abc import Callable
from dataclasses import dataclass

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_index import IndexThread, LineIndex
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_record import RECORD_BYTES
from console.engine.observe.logs_search import Found, Search, SearchError, find_in_stream, find_record
from console.engine.observe.logs_stream import LogStream, OpenLog
from console.engine.observe.logs_view import LogView, Position, Row

PER_SECOND = 4.0
SLICE = 0.08  # seconds of work between two looks at the commands
SMALL = 4 * 1024 * 1024  # bytes of growth that are indexed at once, without a thread


@dataclass(frozen=True, slots=True)
class Page:
    """What the pane shows. `at`: where the cursor belongs, where a command says so."""

    rows: tuple[Row, ...] = ()
    follow: bool = True
    at_start: bool = False
    at_end: bool = False
    new_lines: int = 0
    least: Level = Level.NONE
    size: int = 0  # bytes of the newest segment
    lines: int | None = None  # of the newest segment, once they are counted
    numbers: tuple[int | None, ...] = ()  # of the rows, as far as known
    busy: str = ""  # what takes long, with how far it is
    at: Position | None = None
    found: Found | None = None
    said: str = ""  # the answer to the last command
    bad: bool = False  # the answer is an error
    file: LogFile | None = None


_Look = Callable[[Callable[[], bool], Callable[[int, int], None]], Found | None]


class LogFeed:
    """Commands in, pages out. `post` is called from the thread."""

    def __init__(self, post: Callable[[Page], None], height: int = 24) -> None:
        self._post = post
        self._height = height
        self._file: LogFile | None = None
        self._view: LogView | None = None
        self._index: LineIndex | None = None
        self._index_log: OpenLog | None = None
        self._index_thread: IndexThread | None = None
        self._indexed = 0
        self._searching: threading.Event | None = None
        self._busy = ""
        self._said, self._bad = "", False
        self._found: Found | None = None
        self._at: Position | None = None
        self._least = Level.NONE
        self._visible, self._stopped = True, False
        self._pause = 0.0  # monotonic time before which growth is not looked for
        self._commands: deque[Callable[[], None]] = deque()
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

    def show_levels(self, least: Level, anchor: Position | None) -> None:
        """Filter by level; `anchor`: the row that stays in sight."""

        def run() -> None:
            self._least, self._at = least, anchor
            if self._view is not None:
                self._view.show_levels(least, anchor)

        self.do(run)

    def find(self, search: Search, start: Position | None, backward: bool) -> None:
        """Look for the next or previous match; an earlier search still under way is dropped."""
        self.do(lambda: self._find(search, start, backward))

    def drop_search(self) -> None:
        """Stop looking."""
        self.do(self._drop_search)

    def forget_mark(self) -> None:
        """No match is shown any more."""
        self.do(self._forget)

    def next_record(self, least: Level, start: Position, backward: bool) -> None:
        """Go to the next or previous record of `least` and above."""
        self.do(lambda: self._next_record(least, start, backward))

    def read_record(self, row: Row, give: Callable[[Row, bytes], None]) -> None:
        """Call `give`, in the thread, with the row's bytes, up to RECORD_BYTES."""

        def run() -> None:
            segment = self._view.stream.segment(row.segment) if self._view is not None else None
            if row.line is not None and segment is not None and segment.log is not None:
                wanted = min(row.line.length, RECORD_BYTES)
                give(row, segment.log.reader.read(row.line.start, wanted))
            else:
                self._said, self._bad = "this line is gone from the file", True

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
        self._drop_search()
        if self._index_thread is not None:
            self._index_thread.stop()

    def _working(self) -> bool:
        return self._view is not None and self._view.busy

    def _publish(self) -> None:
        page = self._page()
        self._said, self._bad, self._at = "", False, None
        self._post(page)

    def _guard(self, step: Callable[[], bool | None]) -> bool:
        """Nothing that a file does ends the thread; what went wrong is said."""
        try:
            return bool(step())
        except OSError as error:
            self._said, self._bad = f"cannot read the log: {error}", True
            return True
        except Exception as error:  # noqa: BLE001 - a thread that dies unseen would leave a pane that stands still
            self._said, self._bad = f"an error of this program: {type(error).__name__}: {error}", True
            return True

    def _advance(self) -> None:
        if self._view is not None:
            until = time.monotonic() + SLICE
            self._view.advance(lambda: time.monotonic() < until and not self._stopped)

    def _poll(self) -> bool:
        if self._view is None or not self._view.poll():
            return False
        self._advance()
        self._keep_index()
        return True

    def _open(self, file: LogFile) -> None:
        self._drop_search()
        self._forget()
        self._file = file
        self._view = LogView(LogStream(file.path), self._height, least=self._least)
        self._advance()
        self._keep_index()

    def _forget(self) -> None:
        self._found = None

    def _keep_index(self) -> None:
        """Line numbers for the newest segment: counted in the background, kept up as the file grows."""
        last = self._view.stream.last if self._view is not None else None
        if last is None or last.log is None:
            return
        if self._index is None or last.log is not self._index_log or last.serial != self._indexed:
            if self._index_thread is not None:
                self._index_thread.stop()
            self._index_log, self._indexed = last.log, last.serial
            self._index, self._index_thread = LineIndex(last.log.reader), None
        if self._index_thread is not None and self._index_thread.ended:
            self._index_thread = None
        if self._index_thread is not None:
            return
        if last.size - self._index.covered <= SMALL:
            self._index.extend(last.size)
        else:
            self._index_thread = IndexThread(self._index, last.size, lambda: self.do(self._keep_index))

    def _find(self, search: Search, start: Position | None, backward: bool) -> None:
        if self._view is None:
            return
        stream, shown = self._view.stream, self._view.filter

        def look(cancelled: Callable[[], bool], progress: Callable[[int, int], None]) -> Found | None:
            return find_in_stream(
                stream,
                search,
                start,
                backward=backward,
                least=shown,
                cancelled=cancelled,
                progress=progress,
            )

        self._look(look, backward, "match")

    def _next_record(self, least: Level, start: Position, backward: bool) -> None:
        if self._view is None:
            return
        stream = self._view.stream

        def look(cancelled: Callable[[], bool], progress: Callable[[int, int], None]) -> Found | None:
            return find_record(stream, least, start, backward=backward, cancelled=cancelled, progress=progress)

        self._look(look, backward, least.word)

    def _look(self, look: _Look, backward: bool, what: str) -> None:
        """In a thread of its own: looks, then hands the answer to the feed."""
        self._drop_search()
        view, cancel = self._view, threading.Event()
        assert view is not None
        stream, told = view.stream, time.monotonic()
        self._searching, self._busy = cancel, "looking"

        def progress(serial: int, offset: int) -> None:
            nonlocal told
            if time.monotonic() > told + 1 / PER_SECOND:
                told = time.monotonic()
                segment = stream.segment(serial)
                size = segment.size if segment is not None else 0
                self.do(lambda: self._progress(cancel, offset, size))

        def run() -> None:
            found: Found | None = None
            problem = ""
            try:
                found = look(cancel.is_set, progress)
            except (SearchError, OSError) as error:
                problem = str(error)
            nothing = problem or f"no {what} {'above' if backward else 'below'}"
            self.do(lambda: self._answer(cancel, found, nothing, bool(problem)))

        threading.Thread(target=run, daemon=True, name="log search").start()

    def _progress(self, cancel: threading.Event, offset: int, size: int) -> None:
        if cancel is self._searching:
            self._busy = f"looking, at {100 * offset // max(1, size)} %"

    def _answer(self, cancel: threading.Event, found: Found | None, nothing: str, bad: bool) -> None:
        if cancel is not self._searching or self._view is None:
            return  # nobody waits for it any more
        self._searching, self._busy = None, ""
        if found is None:
            self._said, self._bad = nothing, bad
            return
        self._found, self._at = found, (found.segment, found.line.start)
        self._view.pause()
        if all(row.position != self._at for row in self._view.rows):
            self._view.go(self._at)

    def _drop_search(self) -> None:
        if self._searching is not None:
            self._searching.set()
        self._searching, self._busy = None, ""

    def _page(self) -> Page:
        view = self._view
        if view is None:
            return Page(said=self._said, bad=self._bad, file=self._file)
        last = view.stream.last
        size = last.size if last is not None else 0
        lines, numbers = self._numbers(view, size)
        busy = self._busy
        if not busy and view.busy:
            serial, offset = view.looked_at
            segment = view.stream.segment(serial)
            busy = f"filtering, at {100 * offset // max(1, segment.size if segment else 1)} %"
        return Page(
            view.rows,
            view.follow,
            view.at_start,
            view.at_end,
            view.new_lines,
            view.filter.least,
            size,
            lines,
            numbers,
            busy,
            self._at,
            self._found,
            self._said,
            self._bad,
            self._file,
        )

    def _numbers(self, view: LogView, size: int) -> tuple[int | None, tuple[int | None, ...]]:
        """How many lines there are, and the numbers of the rows, as far as the index has come."""
        if self._index is None or view.stream.last is None or view.stream.last.serial != self._indexed:
            return None, (None,) * len(view.rows)
        offsets = [row.position[1] for row in view.rows if row.line and row.segment == self._indexed]
        numbers = iter(self._index.line_numbers(offsets))
        of_rows = (next(numbers) if row.line and row.segment == self._indexed else None for row in view.rows)
        return self._index.lines(size), tuple(of_rows)
