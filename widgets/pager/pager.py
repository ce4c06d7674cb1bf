"""Pager: text of any length, each line made visible and wrapped to the width. Headings of Markdown are bold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.engine.text import visible
from widgets.look import fit, wrap

_COLUMNS = re.compile(r"\S(?:[^ ]| (?! )){0,20} {2,}(?=\S)")  # a name of some letters, and what is said of it


class Pager(ScrollView, can_focus=True):
    """Attribute in: text (lines parted by newlines) or, with tones, lines: a sequence of (text, tone)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown,space", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pager--strong",
        "pager--dim",
        "pager--good",
        "pager--warn",
        "pager--bad",
        "pager--accent",
        "pager--running",
    }
    DEFAULT_CSS = """
    Pager {
        height: 1fr; background: transparent; scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto;
        & .pager--strong { text-style: bold; }
        & .pager--dim { color: $text-muted; }
        & .pager--good { color: $text-success; }
        & .pager--warn { color: $text-warning; }
        & .pager--bad { color: $text-error; text-style: bold; }
        & .pager--accent { color: $text-primary; text-style: bold; }
        & .pager--running { color: $text-primary; text-style: bold; }
    }
    """

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source: tuple[tuple[str, str], ...] = ()
        self._lines: list[tuple[str, str]] = []
        self._wrapped_to = 0
        self.text = text

    @property
    def text(self) -> str:
        return "\n".join(line for line, _ in self._source)

    @text.setter
    def text(self, text: str) -> None:
        self.lines = [(line, "strong" if line.startswith("#") else "") for line in text.split("\n")]

    @property
    def lines(self) -> Sequence[tuple[str, str]]:
        return self._source

    @lines.setter
    def lines(self, lines: Sequence[tuple[str, str]]) -> None:
        self._source = tuple(lines)
        self._wrapped_to = 0
        self._wrap()
        self.refresh()

    def _wrap(self) -> None:
        width = self.size.width
        if not width or width == self._wrapped_to:
            return
        self._wrapped_to = width
        self._lines = []
        for text, tone in self._source:
            shown = visible(text.replace("\t", "    "))
            indent = " " * _hang(shown)
            self._lines += [(piece, tone) for piece in wrap(shown, width - 1, indent)] if shown else [("", "")]
        self.virtual_size = Size(width, len(self._lines))

    def on_resize(self) -> None:
        self._wrap()

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        index = y + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(width, base)
        text, tone = self._lines[index]
        style = base + self.get_component_rich_style(f"pager--{tone}", partial=True) if tone else base
        return Strip([Segment(fit(text, width), style)], width)


def _hang(line: str) -> int:
    """Where what does not fit goes on: under what is said of a key or a name, else a little in."""
    columns = _COLUMNS.match(line)
    return columns.end() if columns else min(12, len(line) - len(line.lstrip(" ")) + 2)
