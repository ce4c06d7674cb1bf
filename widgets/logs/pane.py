"""LogPane: read, follow, filter and search the logs of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_record import describe_record
from console.engine.observe.logs_search import Search, SearchError, compile_search
from console.engine.observe.logs_view import Position, Row
from console.engine.text import visible
from widgets.logs.bars import LogBar, LogFoot
from widgets.logs.feed import LogFeed, Page
from widgets.logs.rows import LogRows
from widgets.logs.words import LEVELS, empty_text, file_rows, level_text
from widgets.pager import Pager
from widgets.table import Column, VirtualTable


class LogPane(Vertical):
    """One log at a time, opened at its end. `log_files` lists the logs there are; it is called off the event
    loop.

    Methods for others: `open_log`, `show_run`, `find`. Says FileShown, FollowChanged and Problem.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("g,home", "start", "To the beginning", show=False),
        Binding("G,end", "end", "To the end, follow", show=False),
        Binding("left", "sideways(-1)", "Left", show=False),
        Binding("right", "sideways(1)", "Right", show=False),
        Binding("f", "follow", "Follow or pause"),
        Binding("l", "level(1)", "Level"),
        Binding("L", "level(-1)", "All levels again", show=False),
        Binding("slash", "search", "Find"),
        Binding("n", "again(False)", "Next match", show=False),
        Binding("N", "again(True)", "Previous match", show=False),
        Binding("e", "error(False)", "Next error", show=False),
        Binding("E", "error(True)", "Previous error", show=False),
        Binding("w", "wrap", "Wrap long lines", show=False),
        Binding("o", "files", "Other logs"),
        Binding("enter", "record", "Whole record"),
        Binding("ctrl+r", "regex", "Text or expression", show=False),
        Binding("escape", "back", "Back", show=False),
    ]
    HELP = """\
# Logs
One log at a time, opened at its end. A full page moves up by a third at once, so that what you read stands
still.

up down j k      the line under the cursor; moving up pauses
PageUp PageDown  a page; arriving at the end follows again
g G Home End     beginning; end, and follow
f                follow or pause; paused, new lines are counted
l L              only records of a level and above: all, info, warning, error, and all again
/                find a text; Ctrl+R: a regular expression; capitals count as soon as you type one
n N              next and previous match, among the lines that the level filter shows
e E              next and previous error
left right w     sideways in long lines; wrap them instead
Enter            the whole record, a structured one laid out; Esc: back
o                other logs: structured, rotated, error output of runs

✗ error or worse   ! warning   · debug   ▸ what happened to the file: rotated, truncated, replaced, gone
Controls and bytes that are no text are shown as ␛, \\x9b, \\xff; nothing in a log is ever carried out.
"""
    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        & > VirtualTable, & > Pager, & > Input { display: none; }
        &.-files > VirtualTable, &.-record > Pager, &.-search > Input { display: block; }
        &.-files > LogRows, &.-record > LogRows, &.-search > LogFoot { display: none; }
        & > Input { height: 1; border: none; padding: 0 1; background: $panel; }
        & > Input:focus { border: none; }
    }
    """

    class FileShown(Message):
        """Another log is shown."""

        def __init__(self, pane: LogPane, file: LogFile) -> None:
            super().__init__()
            self.pane, self.file = pane, file

    class FollowChanged(Message):
        """The newest lines are followed, or not any more."""

        def __init__(self, pane: LogPane, following: bool) -> None:
            super().__init__()
            self.pane, self.following = pane, following

    class Problem(Message):
        """Something that the operator asked for did not work; `text` is sanitised."""

        def __init__(self, pane: LogPane, text: str) -> None:
            super().__init__()
            self.pane, self.text = pane, text

    class _Paged(Message):
        """From the feed: another page."""

        def __init__(self, page: Page) -> None:
            super().__init__()
            self.page = page

        def can_replace(self, message: Message) -> bool:
            """Several pages waiting: the newest is enough, unless an older one says something of its own."""
            return isinstance(message, LogPane._Paged) and not (message.page.said or message.page.at)

    class _Listed(Message):
        """From the thread that lists: the logs there are, and what to do with them."""

        def __init__(self, files: list[LogFile], purpose: str, run: str) -> None:
            super().__init__()
            self.files, self.purpose, self.run = files, purpose, run

    def __init__(self, log_files: Callable[[], list[LogFile]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._log_files = log_files
        self._files: list[LogFile] = []
        self._feed = LogFeed(self._post_page)
        self._page = Page()
        self._cursor: int | None = None
        self._left, self._wrapped = 0, False
        self._search: Search | None = None
        self._regex = False
        self._mode = "lines"
        self._before_search: Position | None = None

    def _post_page(self, page: Page) -> None:
        self.post_message(self._Paged(page))

    # -- for others ------------------------------------------------------------------------------------------

    def open_log(self, file: LogFile) -> None:
        """Show this log at its end."""
        self._set_mode("lines")
        self._cursor, self._left = None, 0
        self._feed.open(file)
        self.post_message(self.FileShown(self, file))

    def show_run(self, run_id: str) -> None:
        """Show what the structured log says of a run, from its last line on; its error output where that is
        all.
        """
        self._list("run", run_id)

    def find(self, text: str) -> None:
        """Look for `text`, upwards from the end."""
        self._search = Search(text)
        self._feed.view(lambda view: view.end())
        self._feed.find(self._search, None, backward=True)

    # -- life ------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield LogBar(id="log-bar")
        yield LogRows(id="log-rows")
        columns = [
            Column("log", cut="middle"),
            Column("what", 18),
            Column("size", 8, "right"),
            Column("written", 12),
        ]
        yield VirtualTable(columns, empty="no log has been written yet", id="log-files")
        yield Pager(id="log-record")
        yield LogFoot(id="log-foot")
        prompt = Input(id="log-search", placeholder="text to find; Ctrl+R: regular expression", compact=True)
        prompt.cursor_blink = False
        yield prompt

    def on_mount(self) -> None:
        self._feed.start()
        self._list("start")

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

    def _target(self) -> LogRows | VirtualTable | Pager | Input:
        if self._mode == "files":
            return self.query_one(VirtualTable)
        if self._mode == "record":
            return self.query_one(Pager)
        return self.query_one(Input) if self._mode == "search" else self.query_one(LogRows)

    def _set_mode(self, mode: str) -> None:
        if mode == self._mode:
            return
        inside = self.screen.focused is not None and self in self.screen.focused.ancestors_with_self
        self._mode = mode
        for name in ("files", "record", "search"):
            self.set_class(name == mode, f"-{name}")
        if inside:
            self._target().focus()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for lines do nothing while something else is in front of them."""
        if action == "regex":
            return self._mode == "search"
        return self._mode == "lines" or action == "back"

    # -- what came -------------------------------------------------------------------------------------------

    @on(_Paged)
    def _show_page(self, message: _Paged) -> None:
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
        self.query_one(LogRows).show(
            page.rows,
            left=self._left,
            wrap=self._wrapped,
            bottom=page.at_end and (page.follow or page.new_lines == 0),
            cursor=self._cursor,
            marks=self._marks(),
            empty=empty_text(page),
        )
        self.query_one(LogBar).show(page, self._wrapped)
        at = len(page.rows) - 1 if self._cursor is None else self._cursor
        row = page.rows[at] if 0 <= at < len(page.rows) else None
        number = page.numbers[at] if 0 <= at < len(page.numbers) else None
        self.query_one(LogFoot).show(page, None if self._cursor is None else row, number, self._search)

    def _marks(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """What is highlighted: every occurrence of a text; of an expression, the matches in the line found.

        An expression is not run here: it could take for ever.
        """
        search, found = self._search, self._page.found
        if search is None:
            return {}
        if search.regex:
            if found is None:
                return {}
            places = [
                number
                for number, row in enumerate(self._page.rows)
                if row.position == (found.segment, found.line.start)
            ]
            return {number: found.columns() for number in places}
        return {
            number: spans
            for number, row in enumerate(self._page.rows)
            if row.line is not None and (spans := _occurrences(row.text, search))
        }

    def _bring_into_sight(self, page: Page) -> None:
        """Sideways to the match, where it is off the screen."""
        if page.found is None or self._wrapped:
            return
        columns = page.found.columns()
        room = max(8, self.query_one(LogRows).size.width - 4)
        if columns and not self._left <= columns[0][0] < self._left + room:
            self._left = max(0, columns[0][0] - room // 2) if columns[0][0] >= room else 0

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
        prompt = self.query_one(Input)
        prompt.value = self._search.text if self._search is not None else ""
        prompt.select_all()
        self._show_prompt()

    def action_regex(self) -> None:
        self._regex = not self._regex
        self._show_prompt()

    def _show_prompt(self) -> None:
        """Under the pane's name: what is typed, and whether it compiles."""
        kind = "expression" if self._regex else "text"
        problem = ""
        try:
            compile_search(self.query_one(Input).value, regex=self._regex)
        except SearchError as error:
            problem = str(error)
        self.query_one(LogBar).ask(f"find {kind}", problem)

    @on(Input.Changed, "#log-search")
    def _typed(self) -> None:
        if self._mode == "search":
            self._show_prompt()

    @on(Input.Submitted, "#log-search")
    def _searched(self, message: Input.Submitted) -> None:
        message.stop()
        if not message.value:
            self._search = None
            self._feed.forget_mark()
            self.action_back()
            return
        try:
            self._search = compile_search(message.value, regex=self._regex)
        except SearchError:
            return  # it is said in the bar; what was typed stays
        self.action_back()
        self._look(backward=self._page.follow, here=True)

    def action_again(self, backward: bool) -> None:
        """Next or previous match."""
        if self._search is None:
            self.action_search()
        else:
            self._look(backward=backward)

    def action_error(self, backward: bool) -> None:
        """Next or previous error."""
        start = self._start(backward)
        if start is not None:
            self._feed.next_record(Level.ERROR, start, backward)

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
        self._list("choose")

    @work(thread=True, exclusive=True, exit_on_error=False, group="logs-list")
    def _list(self, purpose: str, run: str = "") -> None:
        self.post_message(self._Listed(self._log_files(), purpose, run))

    @on(_Listed)
    def _listed(self, message: _Listed) -> None:
        self._files = message.files
        if message.purpose == "choose":
            table = self.query_one(VirtualTable)
            table.rows = file_rows(self._files)
            shown = self._page.file.path if self._page.file is not None else ""
            table.cursor = next((n for n, file in enumerate(self._files) if file.path == shown), 0)
            self._set_mode("files")
            table.focus()
        elif message.purpose == "run":
            self._open_run(message.run)
        elif self._files and self._page.file is None:
            self.open_log(self._files[0])

    def _open_run(self, run: str) -> None:
        log = next((file for file in self._files if file.kind == "structured" and file.size), None)
        own = next((file for file in self._files if file.run == run), None)
        if log is not None:
            self.open_log(log)
            self.find(run)
        elif own is not None:
            self.open_log(own)
        else:
            self.post_message(self.Problem(self, f"no log names run {visible(run)}"))

    @on(VirtualTable.Chosen)
    def _chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if message.index < len(self._files):
            self.open_log(self._files[message.index])

    @on(VirtualTable.Moved)
    @on(VirtualTable.NearEnd)
    def _keep(self, message: Message) -> None:
        message.stop()  # of no interest outside

    def action_record(self) -> None:
        row = self._row()
        if row is None or row.line is None:
            return
        if self._cursor is None:
            self._pause_at(len(self._page.rows) - 1)
        self._feed.read_record(row, self._show_record)

    def _show_record(self, row: Row, whole: bytes) -> None:
        """Called from the feed's thread with the bytes of a record."""
        lines = describe_record(row, whole)
        self.post_message(self._RecordRead(lines))

    class _RecordRead(Message):
        def __init__(self, lines: list[tuple[str, str]]) -> None:
            super().__init__()
            self.lines = lines

    @on(_RecordRead)
    def _record_read(self, message: _RecordRead) -> None:
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


def _occurrences(text: str, search: Search) -> tuple[tuple[int, int], ...]:
    sought = visible(search.text)
    if search.ignore_case:
        text, sought = text.lower(), sought.lower()
    found: list[tuple[int, int]] = []
    at = text.find(sought)
    while at >= 0 and len(found) < 100:
        found.append((at, at + len(sought)))
        at = text.find(sought, at + len(sought))
    return tuple(found)


__all__ = ["LogPane", "level_text"]
