"""LogRows: the lines of a log on the screen. Only screen lines that changed are drawn, and so sent.

A plain widget, not a ScrollView or a RichLog: those repaint everything two or three times for each line that
comes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.engine.observe.logs_view import Row
from widgets.logs.paint import CHOSEN, Painted, paint_rows
from widgets.look import fit

ROW_BYTES = 60  # of colours and cursor movement around a row
MARK_BYTES = 45  # of colours at each end of a mark
_TONES = ("debug", "warning", "error", "critical", "notice")


class LogRows(Widget, can_focus=True):
    """Set with `show`; says Resized and Clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"log--{tone}" for tone in _TONES),
        "log--cursor",
        "log--cursor-blurred",
        "log--match",
        "log--tag",
        "log--label",
        "log--empty",
    }
    DEFAULT_CSS = """
    LogRows {
        height: 1fr; background: transparent;
        & .log--debug { color: $text-muted; }
        & .log--warning { color: $text-warning; }
        & .log--error { color: $text-error; }
        & .log--critical { color: $text-error; text-style: bold; }
        & .log--notice { color: $text-primary; text-style: bold; }
        & .log--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & .log--cursor-blurred { text-style: bold; }
        & .log--match { text-style: reverse bold; }
        & .log--tag { color: $text-muted; text-style: reverse; }
        & .log--label { color: $text-muted; }
        & .log--empty { color: $text-muted; }
    }
    LogRows:nocolor .log--cursor { text-style: bold underline; }
    """

    class Resized(Message):
        """There is room for another number of rows."""

        def __init__(self, height: int) -> None:
            super().__init__()
            self.height = height

    class Clicked(Message):
        """A row was clicked."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    class Wheel(Message):
        """The wheel was turned: rows down, negative up."""

        def __init__(self, rows: int) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: tuple[Row, ...] = ()
        self._lines: list[Painted] = []
        self._empty = ""
        self._options: tuple[int, bool, bool, bool, int | None] = (0, False, False, True, None)
        self._marks: dict[int, tuple[tuple[int, int], ...]] = {}
        self._chosen: frozenset[int] = frozenset()

    @property
    def shown(self) -> list[int]:
        """Indexes of the rows that are on the screen now."""
        return list(dict.fromkeys(line.row for line in self._lines if line.row >= 0))

    def show(
        self,
        rows: tuple[Row, ...],
        *,
        left: int,
        wrap: bool,
        short: bool,
        bottom: bool,
        cursor: int | None,
        marks: dict[int, tuple[tuple[int, int], ...]],
        chosen: frozenset[int],
        empty: str,
    ) -> int:
        """Show these rows; what is the same as before is not drawn again. `empty`: said where there are none.

        Returns about how many bytes that sends to the terminal.
        """
        self._rows, self._marks, self._chosen = rows, marks, chosen
        self._options = (left, wrap, short, bottom, cursor)
        if empty != self._empty:
            self._empty = empty
            self.refresh(Region(0, 0, self.size.width, 1))
        return self._paint()

    def _paint(self) -> int:
        width, height = self.size
        if not width or not height:
            return 0
        left, wrap, short, bottom, cursor = self._options
        before = self._lines
        self._lines = paint_rows(
            self._rows,
            width,
            height,
            left=left,
            wrap=wrap,
            short=short,
            bottom=bottom,
            cursor=cursor,
            marks=self._marks,
            chosen=self._chosen,
        )
        if len(before) != len(self._lines):
            self.refresh()
            return height * (width + ROW_BYTES)
        changed = [y for y, line in enumerate(self._lines) if _differ(line, before[y])]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))
        return sum(width + ROW_BYTES + 2 * MARK_BYTES * len(self._lines[y].marks) for y in changed)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y == 0 and self._empty and not self._rows:
            style = base + self.get_component_rich_style("log--empty", partial=True)
            return Strip([Segment(fit("  " + self._empty, width), style)], width)
        if y >= len(self._lines) or self._lines[y].row < 0:
            return Strip.blank(width, base)
        line = self._lines[y]
        style = base
        if line.tone:
            style += self.get_component_rich_style(f"log--{line.tone}", partial=True)
        if line.cursor:
            name = "log--cursor" if self.has_focus else "log--cursor-blurred"
            style += self.get_component_rich_style(name, partial=True)
        strip = Strip(self._segments(line, style))
        if line.tag:
            tag = fit(line.tag + " ", len(line.tag) + 1)
            tag_style = style + self.get_component_rich_style("log--tag", partial=True)
            strip = Strip([*strip.adjust_cell_length(max(0, width - len(tag)), style), Segment(tag, tag_style)])
        # one segment where one style: colours are sent once a row
        return strip.adjust_cell_length(width, style).simplify()

    def _segments(self, line: Painted, style: Style) -> list[Segment]:
        text = line.text
        segments = [Segment(line.sign + (CHOSEN if line.chosen else " "), style)]
        if line.label:
            quiet = style if line.cursor else style + self.get_component_rich_style("log--label", partial=True)
            segments.append(Segment(line.label, quiet))
        if not line.marks:
            segments.append(Segment(text, style))
            return segments
        match = style + self.get_component_rich_style("log--match", partial=True)
        position = 0
        for start, end in line.marks:
            if start > position:
                segments.append(Segment(text[position:start], style))
            if end > max(start, position):
                segments.append(Segment(text[max(start, position) : end], match))
                position = end
        segments.append(Segment(text[position:], style))
        return segments

    # -- what happens

    def on_resize(self, event: events.Resize) -> None:
        self._paint()
        self.refresh()
        self.post_message(self.Resized(event.size.height))

    def on_focus(self) -> None:
        self._draw_cursor()

    def on_blur(self) -> None:
        self._draw_cursor()

    def _draw_cursor(self) -> None:
        lines = [y for y, line in enumerate(self._lines) if line.cursor]
        if lines:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in lines))

    def on_click(self, event: events.Click) -> None:
        if 0 <= event.y < len(self._lines) and self._lines[event.y].row >= 0:
            self.post_message(self.Clicked(self._lines[event.y].row))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Wheel(-3))


def _differ(line: Painted, other: Painted) -> bool:
    """Whether two screen lines look different: the row's number is not seen."""
    return (line.row < 0) != (other.row < 0) or replace(line, row=0) != replace(other, row=0)
