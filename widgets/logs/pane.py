"""LogPane: read, follow, filter and search the logs of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_search import Search
from console.engine.observe.logs_view import Position, Row
from console.engine.text import visible
from widgets.logs.bars import LogBar, LogFoot
from widgets.logs.chooser import LogChooser
from widgets.logs.feed import LogFeed, Page
from widgets.logs.keys import HELP, KEYS
from widgets.logs.marks import marks_of
from widgets.logs.messages import FileShown, FollowChanged, Paged, Problem, RecordRead
from widgets.logs.prompt import SearchPrompt
from widgets.logs.rows import LogRows
from widgets.logs.words import LEVELS, empty_text, record_lines
from widgets.pager import Pager

BYTES_PER_SECOND = 30_000  # what following may send: a page of 120x40 four times a second


class LogPane(Vertical):
    """One log at a time, opened at its end. `log_files` lists the logs there are; it is called off the event
    loop.

    Methods for others: `open_log`, `show_run`, `find`. Says FileShown, FollowChanged and Problem.
    """

    BINDINGS: ClassVar[list[BindingType]] = KEYS
    HELP = HELP
    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        & > LogChooser, & > Pager, & > SearchPrompt { display: none; }
        & > Pager { padding: 0 1; }
    }
    """

    FileShown = FileShown
    FollowChanged = FollowChanged
    Problem = Problem

    def __init__(self, log_files: Callable[[], list[LogFile]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._log_files = log_files
        self._feed = LogFeed(self._post_page)
        self._page = Page()
        self._cursor: int | None = None
        self._opened, self._ready = False, False
        self._waiting: list[Callable[[], None]] = []  # what was asked for before there was a screen
        self._left, self._wrapped, self._short = 0, False, False
        self._search: Search | None = None
        self._mode = "lines"

    def _post_page(self, page: Page) -> None:
        self.post_message(Paged(page))

    # -- for others ------------------------------------------------------------------------------------------

    def open_log(self, file: LogFile) -> None:
        """Show this log at its end."""
        self._opened = True
        if not self._ready:
            self._waiting.append(lambda: self.open_log(file))
            return
        self._set_mode("lines")
        self._open(file)

    def _open(self, file: LogFile) -> None:
        """Whatever is in front stays there: somebody may be typing already."""
        self._opened = True
        self._cursor, self._left = None, 0
        self._feed.open(file)
        self.post_message(self.FileShown(self, file))

    def show_run(self, run_id: str) -> None:
        """Show what the structured log says of a run, from its last line on; its error output where that is
        all.
        """
        if self._ready:
            self.query_one(LogChooser).ask("run", run_id)
        else:
            self._waiting.append(lambda: self.show_run(run_id))

    def find(self, text: str) -> None:
        """Look for `text`, upwards from the end."""
        self._search = Search(text)
        self._feed.view(lambda view: view.end())
        self._feed.find(self._search, None, backward=True)

    # -- life ------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield LogBar(id="log-bar")
        yield LogRows(id="log-rows")
        yield LogChooser(self._log_files, id="log-files")
        yield Pager(id="log-record")
        yield LogFoot(id="log-foot")
        yield SearchPrompt(id="log-search")

    def on_mount(self) -> None:
        self._feed.start()
        self._ready = True
        self.query_one(LogChooser).ask("start")
        for asked in self._waiting:
            asked()

    def on_unmount(self) -> None:
        self._feed.stop()

    def on_show(self) -> None:
        self._feed.show(True)

    def on_hide(self) -> None:
        self._feed.show(False)

    def focus(self, scroll_visible: bool = True, from_app_focus: bool = False) -> LogPane:
        """The lines get the keys."""
        self._target().focus(scroll_visible)
        return self

    def _target(self) -> LogRows | LogChooser | Pager | SearchPrompt:
        if self._mode == "files":
            return self.query_one(LogChooser)
        if self._mode == "record":
            return self.query_one(Pager)
        return self.query_one(SearchPrompt) if self._mode == "search" else self.query_one(LogRows)

    def _set_mode(self, mode: str) -> None:
        """What is in front: lines, search, files or record. At once, so that keys typed ahead go where they
        belong.
        """
        if mode == self._mode:
            return
        inside = self.screen.focused is not None and self in self.screen.focused.ancestors_with_self
        self._mode = mode
        for widget, modes in (
            (self.query_one(LogRows), ("lines", "search")),
            (self.query_one(LogFoot), ("lines", "files", "record")),
            (self.query_one(LogChooser), ("files",)),
            (self.query_one(Pager), ("record",)),
            (self.query_one(SearchPrompt), ("search",)),
        ):
            widget.display = mode in modes
        if inside:
            self.screen.set_focus(self._target())
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for lines do nothing while something else is in front of them."""
        return self._mode == "lines" or action == "back"

    # -- what came -------------------------------------------------------------------------------------------

    @on(Paged)
    def _show_page(self, message: Paged) -> None:
        before, self._page = self._page, message.page
        page = self._page
        if page.at is not None:
            places = [number for number, row in enumerate(page.rows) if row.position == page.at]
            self._cursor = places[0] if places else self._cursor
        if page.follow:
            self._cursor = None
        elif page.rows:
            last = len(page.rows) - 1
            self._cursor = last if self._cursor is None else min(self._cursor, last)
        if page.found is not None and page.found is not before.found:
            self._bring_into_sight(page)
        if before.follow != page.follow:
            self.post_message(self.FollowChanged(self, page.follow))
        if page.bad and page.said:
            self.post_message(self.Problem(self, visible(page.said)))
        self._draw()

    def _draw(self) -> None:
        page = self._page
        drawn = self.query_one(LogRows).show(
            page.rows,
            left=self._left,
            wrap=self._wrapped,
            short=self._short,
            bottom=page.at_end and (page.follow or page.new_lines == 0),
            cursor=self._cursor,
            marks=marks_of(page, self._search, self._short),
            empty=empty_text(page),
        )
        self._feed.pace(drawn / BYTES_PER_SECOND)
        self.query_one(LogBar).show(page, self._wrapped, self._short)
        at = len(page.rows) - 1 if self._cursor is None else self._cursor
        row = page.rows[at] if 0 <= at < len(page.rows) else None
        number = page.numbers[at] if 0 <= at < len(page.numbers) else None
        self.query_one(LogFoot).show(page, None if self._cursor is None else row, number, self._search)

    def _bring_into_sight(self, page: Page) -> None:
        """Sideways to the match, where it is off the screen."""
        marks = marks_of(page, self._search, self._short).get(self._cursor or 0)
        if not marks or self._wrapped:
            return
        column, room = marks[0][0], max(8, self.query_one(LogRows).size.width - 4)
        if not self._left <= column < self._left + room:
            self._left = max(0, column - room // 2) if column >= room else 0

    # -- moving ----------------------------------------------------------------------------------------------

    @on(LogRows.Resized)
    def _resized(self, message: LogRows.Resized) -> None:
        self._feed.resize(message.height)

    @on(LogRows.Clicked)
    def _clicked(self, message: LogRows.Clicked) -> None:
        self._pause_at(message.row)

    @on(LogRows.Wheel)
    def _wheel(self, message: LogRows.Wheel) -> None:
        rows = message.rows
        self._feed.view(lambda view: view.scroll(rows))

    def _pause_at(self, row: int) -> None:
        self._cursor = row
        if self._page.follow:
            self._page = replace(self._page, follow=False)
            self._feed.view(lambda view: view.pause())
            self.post_message(self.FollowChanged(self, False))
        self._draw()

    def action_cursor(self, step: int) -> None:
        """One line up or down; at the edge the page moves."""
        last = len(self._page.rows) - 1
        if self._cursor is None:
            if step < 0 <= last:
                self._pause_at(last)
            return
        target = self._cursor + step
        if 0 <= target <= last:
            self._pause_at(target)
        else:
            self._feed.view(lambda view: view.scroll(step))

    def action_page(self, step: int) -> None:
        """A page up or down, one line kept."""
        rows = step * max(1, len(self.query_one(LogRows).shown) - 1)
        if self._cursor is None and step > 0:
            return
        self._feed.view(lambda view: view.scroll(rows))

    def action_start(self) -> None:
        self._cursor = 0
        self._feed.view(lambda view: view.home())

    def action_end(self) -> None:
        self._cursor = None
        self._feed.view(lambda view: view.end())

    def action_follow(self) -> None:
        """Pause, or go to the end and follow."""
        if self._page.follow:
            self._pause_at(len(self._page.rows) - 1)
        else:
            self.action_end()

    def action_sideways(self, step: int) -> None:
        if not self._wrapped:
            self._left = max(0, self._left + step * max(8, self.query_one(LogRows).size.width // 2))
            self._draw()

    def action_wrap(self) -> None:
        self._wrapped, self._left = not self._wrapped, 0
        self._draw()

    def action_short(self) -> None:
        self._short, self._left = not self._short, 0
        self._draw()

    # -- level, search ---------------------------------------------------------------------------------------

    def action_level(self, step: int) -> None:
        """The next level of the filter; backwards: all levels."""
        at = LEVELS.index(self._page.least) if self._page.least in LEVELS else 0
        least = LEVELS[(at + 1) % len(LEVELS)] if step > 0 else LEVELS[0]
        self._page = replace(self._page, least=least)
        row = self._row()
        self._feed.show_levels(least, row.position if row is not None and not self._page.follow else None)
        self._draw()

    @on(LogBar.LevelClicked)
    def _level_clicked(self) -> None:
        self.action_level(1)

    def _row(self) -> Row | None:
        at = self._cursor if self._cursor is not None else len(self._page.rows) - 1
        return self._page.rows[at] if 0 <= at < len(self._page.rows) else None

    def action_search(self) -> None:
        self._set_mode("search")
        self.query_one(SearchPrompt).begin(self._search)

    @on(SearchPrompt.Typed)
    def _typed(self, message: SearchPrompt.Typed) -> None:
        message.stop()
        if self._mode == "search":
            self.query_one(LogBar).ask(f"find {message.kind}", message.problem)

    @on(SearchPrompt.Asked)
    def _asked(self, message: SearchPrompt.Asked) -> None:
        message.stop()
        self.action_back()
        self._search = message.search
        if message.search is None:
            self._feed.forget_mark()
        else:
            self._look(backward=self._page.follow, here=True)
        self._draw()

    @on(SearchPrompt.Left)
    def _left_prompt(self, message: SearchPrompt.Left) -> None:
        message.stop()
        self.action_back()

    def action_again(self, backward: bool) -> None:
        """Next or previous match."""
        if self._search is None:
            self.action_search()
        else:
            following = self._page.follow
            self._look(backward=backward or following, here=following)

    def action_error(self, backward: bool) -> None:
        """Next or previous error."""
        following = self._page.follow  # nothing is below the end: the newest error is meant
        start = self._start(backward or following, here=following)
        if start is not None:
            self._feed.next_record(Level.ERROR, start, backward or following)

    def _look(self, *, backward: bool, here: bool = False) -> None:
        start = self._start(backward, here=here)
        if self._search is not None and start is not None:
            self._feed.find(self._search, start, backward)

    def _start(self, backward: bool, *, here: bool = False) -> Position | None:
        """Where to look from: behind or before the cursor's line; with `here` that line counts too."""
        row = self._row()
        if row is None:
            return None
        return row.position if backward != here else row.behind

    # -- other logs, one record ------------------------------------------------------------------------------

    def action_files(self) -> None:
        self.query_one(LogChooser).ask("choose")

    @on(LogChooser.Listed)
    def _listed(self, message: LogChooser.Listed) -> None:
        message.stop()
        if message.purpose == "choose":
            shown = self._page.file.path if self._page.file is not None else ""
            self.query_one(LogChooser).offer(message.files, shown)
            self._set_mode("files")
        elif message.purpose == "run":
            file = message.for_run()
            if file is None:
                self.post_message(self.Problem(self, f"no log names run {visible(message.run)}"))
                return
            self.open_log(file)
            if file.run != message.run:
                self.find(message.run)
        elif message.files and not self._opened:
            self._open(message.files[0])

    @on(LogChooser.Picked)
    def _picked(self, message: LogChooser.Picked) -> None:
        message.stop()
        self.open_log(message.file)

    def action_record(self) -> None:
        row = self._row()
        if row is None or row.line is None:
            return
        if self._cursor is None:
            self._pause_at(len(self._page.rows) - 1)
        self._feed.read_record(row, self._show_record)

    def _show_record(self, row: Row, whole: bytes) -> None:
        """Called from the feed's thread with the bytes of a record."""
        self.post_message(RecordRead(record_lines(row, whole)))

    @on(RecordRead)
    def _record_read(self, message: RecordRead) -> None:
        pager = self.query_one(Pager)
        pager.lines = message.lines
        pager.scroll_home(animate=False)
        self._set_mode("record")
        self.query_one(LogBar).ask("one record, Esc: back", "")

    def action_back(self) -> None:
        """Close what is in front; then drop a search under way, then its marks."""
        if self._mode != "lines":
            self._set_mode("lines")
            self.query_one(LogBar).ask("", "")
        elif self._page.busy:
            self._feed.drop_search()
        elif self._search is not None:
            self._search = None
            self._feed.forget_mark()
        self._draw()
