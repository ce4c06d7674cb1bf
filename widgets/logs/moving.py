"""MovingPane: through the lines, and how they are laid out."""

from __future__ import annotations

from dataclasses import replace

from textual import on

from widgets.logs.base import BasePane
from widgets.logs.messages import FollowChanged
from widgets.logs.rows import LogRows


class MovingPane(BasePane):
    """Keys that move."""

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
            self.post_message(FollowChanged(self, False))
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
        if self._page.file is not None:
            self._shorts[self._page.file.kind] = not self._short
        self._left = 0
        self._draw()
