"""TabLine: the panes with the number key of each, the current one marked by more than colour."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from widgets.look import Cell, paint


class TabLine(Widget):
    """Attributes in: tabs, a sequence of (id, title, number key); current, an id; hint, what stands at the right.

    Message out: Picked(id) on a click. Keys belong to the console.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = "TabLine { height: 1; background: $background; }"

    class Picked(Message):
        """A tab was clicked; '?' is the hint at the right."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self, tabs: Sequence[tuple[str, str, int]], *, hint: str = "? help", id: str | None = None) -> None:
        super().__init__(id=id)
        self.tabs = tuple(tabs)
        self.hint = hint
        self._current = self.tabs[0][0] if self.tabs else ""
        self._spans: list[tuple[int, int, str]] = []

    @property
    def current(self) -> str:
        return self._current

    @current.setter
    def current(self, tab: str) -> None:
        if tab != self._current:
            self._current = tab
            self.refresh()

    def render(self) -> Content:
        parts: list[Cell] = []
        self._spans, at = [], 0
        for tab, title, number in self.tabs:
            text = f"▐{number} {title}▌" if tab == self._current else f" {number} {title} "
            parts.append((text, "accent") if tab == self._current else (text, "dim"))
            self._spans.append((at, at + len(text), tab))
            at += len(text)
        width = self.size.width or 80
        self._spans.append((width - len(self.hint) - 1, width, "?"))
        return paint(*parts, " " * max(1, width - at - len(self.hint) - 1), (self.hint, "dim"))

    def on_click(self, event: events.Click) -> None:
        for start, end, tab in self._spans:
            if start <= event.x < end:
                self.post_message(self.Picked(tab))
