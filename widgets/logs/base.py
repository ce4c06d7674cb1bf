"""BasePane: what the log pane is made of, what is in front, and how a page comes onto the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_about import RunSpan
from console.engine.observe.logs_conditions import Narrowing
from console.engine.observe.logs_search import Search
from console.engine.observe.logs_span import is_above
from console.engine.observe.logs_times import Clock
from console.engine.observe.logs_view import Row
from console.engine.text import visible
from widgets.logs.bars import LogBar, LogFoot
from widgets.logs.chooser import LogChooser
from widgets.logs.feed import LogFeed
from widgets.logs.marks import marks_of
from widgets.logs.messages import FollowChanged, Paged, Problem
from widgets.logs.page import MERGED, Page
from widgets.logs.prompt import Prompt
from widgets.logs.rows import LogRows
from widgets.logs.words import empty_text
from widgets.pager import Pager

BYTES_PER_SECOND = 30_000  # what following may send: a page of 120x40 four times a second
FindRun = Callable[[str, float], RunSpan | None]  # by id, or where that is '' by a time within it


def _system_time() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


class BasePane(Vertical):
    """log_files lists the logs there are, find_run knows when a run was; both are called off the event loop. zone: of
    times that name none.
    """

    DEFAULT_CSS = """
    BasePane {
        height: 1fr;
        & > LogChooser, & > Pager, & > Prompt { display: none; }
        & > Pager { padding: 0 1; }
    }
    """

    def __init__(
        self,
        log_files: Callable[[], list[LogFile]],
        *,
        find_run: FindRun | None = None,
        zone: tzinfo = UTC,
        now: Callable[[], datetime] = _system_time,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._log_files, self._find_run, self._zone, self._now = log_files, find_run, zone, now
        self._feed = LogFeed(self._post_page, listing=log_files, clock=Clock(zone))
        self._page = Page()
        self._narrowing = Narrowing()  # as it was asked for; the page's may be behind
        self._cursor: int | None = None
        self._opened, self._ready = False, False
        self._waiting: list[Callable[[], None]] = []  # what was asked for before there was a screen
        self._left, self._wrapped = 0, False
        self._shorts = {MERGED.kind: True}  # by kind of log: rows without what repeats
        self._search: Search | None = None
        self._mark: Row | None = None
        self._mode = "lines"

    @property
    def _short(self) -> bool:
        file = self._page.file
        return file is not None and self._shorts.get(file.kind, False)

    def _post_page(self, page: Page) -> None:
        self.post_message(Paged(page))

    def _problem(self, text: str) -> None:
        self.post_message(Problem(self, visible(text)))

    # -- life ------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield LogBar(id="log-bar")
        yield LogRows(id="log-rows")
        yield LogChooser(self._log_files, self._zone, id="log-files")
        yield Pager(id="log-record")
        yield LogFoot(id="log-foot")
        yield Prompt(id="log-search")

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

    def focus(self, scroll_visible: bool = True, from_app_focus: bool = False) -> BasePane:
        """The lines get the keys."""
        self._target().focus(scroll_visible)
        return self

    def _target(self) -> LogRows | LogChooser | Pager | Prompt:
        if self._mode == "files":
            return self.query_one(LogChooser)
        if self._mode == "record":
            return self.query_one(Pager)
        return self.query_one(Prompt) if self._mode == "prompt" else self.query_one(LogRows)

    def _set_mode(self, mode: str) -> None:
        """What is in front: lines, prompt, files or record. At once, so that keys typed ahead go where they
        belong.
        """
        if mode == self._mode:
            return
        inside = self.screen.focused is not None and self in self.screen.focused.ancestors_with_self
        self._mode = mode
        for widget, modes in (
            (self.query_one(LogRows), ("lines", "prompt")),
            (self.query_one(LogFoot), ("lines", "files", "record")),
            (self.query_one(LogChooser), ("files",)),
            (self.query_one(Pager), ("record",)),
            (self.query_one(Prompt), ("prompt",)),
        ):
            widget.display = mode in modes
        if inside:
            self.screen.set_focus(self._target())
        self.refresh_bindings()
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for lines do nothing while something else is in front of them."""
        return self._mode == "lines" or action == "back"

    # -- what came -------------------------------------------------------------------------------------------

    @on(Paged)
    def _show_page(self, message: Paged) -> None:
        before, page = self._page, message.page
        if page.follow and not before.follow and page.done < self._feed.given:
            page = replace(page, follow=False)  # from before the key that paused
        self._page = page
        if page.refused:
            self._narrowing = page.narrowing
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
            self.post_message(FollowChanged(self, page.follow))
        if page.bad and page.said:
            self._problem(page.said)
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
            chosen=self._chosen(),
            empty=empty_text(page),
        )
        self._feed.pace(drawn / BYTES_PER_SECOND)
        self.query_one(LogBar).show(page, self._narrowing, self._wrapped, self._short)
        at = len(page.rows) - 1 if self._cursor is None else self._cursor
        row = page.rows[at] if 0 <= at < len(page.rows) else None
        number = page.numbers[at] if 0 <= at < len(page.numbers) else None
        foot = self.query_one(LogFoot)
        hints = self._mode if self._mode in ("files", "record") else "mark" if self._mark is not None else ""
        foot.show(page, None if self._cursor is None else row, number, self._search, hints)

    def _chosen(self) -> frozenset[int]:
        """Indexes of the rows from the mark to the cursor."""
        mark, row = self._mark, self._row()
        if mark is None or row is None:
            return frozenset()
        first, last = (row, mark) if is_above(row, mark) else (mark, row)
        return frozenset(
            number
            for number, each in enumerate(self._page.rows)
            if not is_above(each, first) and not is_above(last, each)
        )

    def _bring_into_sight(self, page: Page) -> None:
        """Sideways to the match, where it is off the screen."""
        marks = marks_of(page, self._search, self._short).get(self._cursor or 0)
        if not marks or self._wrapped:
            return
        column, room = marks[0][0], max(8, self.query_one(LogRows).size.width - 4)
        if not self._left <= column < self._left + room:
            self._left = max(0, column - room // 2) if column >= room else 0

    def _row(self) -> Row | None:
        at = self._cursor if self._cursor is not None else len(self._page.rows) - 1
        return self._page.rows[at] if 0 <= at < len(self._page.rows) else None

    def _ask(self, what: str, problem: str = "", hint: str = "") -> None:
        """Say in the bar what is being typed; '' when nothing is any more."""
        self.query_one(LogBar).ask(what, problem, hint)
