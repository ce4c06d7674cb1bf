"""VirtualTable: rows of any number, drawn line by line as they come into view (Textual's Line API).

A stock DataTable takes 2.8 s to show 10,000 rows and cuts nothing to fit; this one costs what is on the screen.
Every cell is made visible and is never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from console.engine.text import visible
from widgets.look import Cell, fit


@dataclass(frozen=True, slots=True)
class Column:
    """width: cells, 0 for a part of what is left, by `share`. from_width: shown only in tables at least so wide."""

    title: str
    width: int = 0
    align: str = "left"  # left | right
    cut: str = "end"  # end | middle
    from_width: int = 0
    share: int = 1


class VirtualTable(ScrollView, can_focus=True):
    """Set `columns` once and `rows` at any time: a sequence of rows, each a sequence of cells.

    Messages out: Chosen (Enter or click on the row under the cursor), Moved (the cursor), NearEnd (the last rows
    came into view: whoever pages may append).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
        Binding("j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "go(0)", "First", show=False),
        Binding("end", "go(-1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head",
        "table--cursor",
        "table--cursor-blurred",
        "table--good",
        "table--warn",
        "table--bad",
        "table--dim",
        "table--strong",
        "table--accent",
        "table--running",
        "table--empty",
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr; background: transparent; scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto;
        & .table--head { color: $text-muted; text-style: none; }
        & .table--cursor { background: $primary-muted; color: $foreground; text-style: bold; }
        & .table--cursor-blurred { text-style: bold; }
        & .table--good { color: $text-success; }
        & .table--warn { color: $text-warning; }
        & .table--bad { color: $text-error; text-style: bold; }
        & .table--dim { color: $text-muted; }
        & .table--strong { text-style: bold; }
        & .table--accent { color: $text-primary; text-style: bold; }
        & .table--running { color: $text-primary; text-style: bold; }
        & .table--empty { color: $text-muted; }
    }
    VirtualTable:ansi .table--cursor { background: ansi_default; color: ansi_default; text-style: bold reverse; }
    """

    class Chosen(Message):
        """Enter, or a click on the row under the cursor."""

        def __init__(self, table: VirtualTable, index: int) -> None:
            super().__init__()
            self.table, self.index = table, index

        @property
        def control(self) -> VirtualTable:
            return self.table

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: VirtualTable, index: int) -> None:
            super().__init__()
            self.table, self.index = table, index

        @property
        def control(self) -> VirtualTable:
            return self.table

    class NearEnd(Message):
        """The last rows came into view."""

        def __init__(self, table: VirtualTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> VirtualTable:
            return self.table

    def __init__(
        self, columns: Sequence[Column], *, head: bool = True, empty: str = "nothing here", id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.head = head
        self._empty = empty
        self._rows: Sequence[Sequence[Cell]] = ()
        self._cursor = 0
        self._marked = -1

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def rows(self) -> Sequence[Sequence[Cell]]:
        return self._rows

    @rows.setter
    def rows(self, rows: Sequence[Sequence[Cell]]) -> None:
        if rows == self._rows:
            return
        self._rows = rows
        self._cursor = max(0, min(self._cursor, len(rows) - 1))
        self._resize_rows()
        self.refresh()

    def extend(self, rows: Sequence[Sequence[Cell]]) -> None:
        """More rows below, without looking at those that are there."""
        had = len(self._rows)
        if not isinstance(self._rows, list):
            self._rows = list(self._rows)
        self._rows.extend(rows)
        self._resize_rows()
        if had < self.scroll_offset.y + self._body_height:
            self.refresh()

    def recount(self) -> None:
        """The rows are the same object and have become more or fewer. Where that is in view, the size or the scroll
        changes with it, and either draws."""
        self._cursor = max(0, min(self._cursor, len(self._rows) - 1))
        self._resize_rows()

    @property
    def at_end(self) -> bool:
        """Whether the last row is on the screen, or would be."""
        return self.scroll_offset.y + self._body_height >= len(self._rows)

    @property
    def empty(self) -> str:
        """What an empty table says: what would fill it."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        if text != self._empty:
            self._empty = text
            if not self._rows:
                self.refresh()

    @property
    def cursor(self) -> int:
        """Index of the row under the cursor."""
        return self._cursor

    @cursor.setter
    def cursor(self, index: int) -> None:
        index = max(0, min(index, len(self._rows) - 1))
        before, self._cursor = self._cursor, index
        if before == index:
            return
        self._refresh_row(before)
        self._refresh_row(index)
        top, height = self.scroll_offset.y, self._body_height
        if index < top:
            self.scroll_to(y=index, animate=False, immediate=True, force=True)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False, immediate=True, force=True)
        self.post_message(self.Moved(self, index))
        if index >= len(self._rows) - height:
            self.post_message(self.NearEnd(self))

    @property
    def marked(self) -> int:
        """Index of a row that has a sign at its left, -1 for none."""
        return self._marked

    @marked.setter
    def marked(self, index: int) -> None:
        if index != self._marked:
            before, self._marked = self._marked, index
            self._refresh_row(before)
            self._refresh_row(index)

    @property
    def _body_height(self) -> int:
        return max(1, self.size.height - self.head)

    def _resize_rows(self) -> None:
        size = Size(self.size.width, len(self._rows) + self.head)
        if self.show_vertical_scrollbar and size.height > self.size.height and size.width == self.virtual_size.width:
            self.set_reactive(Widget.virtual_size, size)  # only the bar says it: the table is not sent once more
            self._scroll_update(size)
        else:
            self.virtual_size = size

    def on_resize(self) -> None:
        self._resize_rows()

    def _refresh_row(self, index: int) -> None:
        self.refresh(Region(0, index - self.scroll_offset.y + self.head, self.size.width, 1))

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _widths(self, width: int) -> list[tuple[int, Column]]:
        """Which columns are shown, by their index, with their width in cells."""
        shown = [(at, column) for at, column in enumerate(self.columns) if width >= column.from_width]
        fixed = sum(column.width for _, column in shown) + 2 * (len(shown) - 1) + 2
        flexible = [column for _, column in shown if not column.width]
        left = max(0, width - fixed)
        parts = sum(column.share for column in flexible) or 1
        self._shown = [at for at, _ in shown]
        return [(column.width or left * column.share // parts, column) for _, column in shown]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if self.head and y == 0:
            return self._head_line(width, base)
        index = y - self.head + self.scroll_offset.y
        if not self._rows and y == self.head:
            style = base + self.get_component_rich_style("table--empty", partial=True)
            return Strip([Segment(fit(" " + self._empty, width), style)], width)
        if index >= len(self._rows):
            return Strip.blank(width, base)
        return self._row_line(index, width, base)

    def _head_line(self, width: int, base: Style) -> Strip:
        style = base + self.get_component_rich_style("table--head", partial=True)
        cells = [fit(column.title, size, align=column.align) for size, column in self._widths(width)]
        return Strip([Segment(fit(" " + "  ".join(cells), width), style)], width)

    def _row_line(self, index: int, width: int, base: Style) -> Strip:
        current = index == self._cursor
        cursor = Style()
        if current:
            name = "table--cursor" if self.has_focus else "table--cursor-blurred"
            cursor = self.get_component_rich_style(name, partial=True)
        plain = base + cursor
        here = "▸" if current and self.has_focus else "●" if index == self._marked else " "
        segments = [Segment(here, plain)]
        row = self._rows[index]
        for number, (size, column) in enumerate(self._widths(width)):
            cell = row[self._shown[number]] if self._shown[number] < len(row) else ""
            text, tone = (cell, "") if isinstance(cell, str) else cell
            style = plain
            if tone and not (current and self.has_focus):
                style = base + self.get_component_rich_style(f"table--{tone}", partial=True) + cursor
            if number:
                segments.append(Segment("  ", plain))
            segments.append(Segment(fit(visible(text), size, cut=column.cut, align=column.align), style))
        return Strip(segments).adjust_cell_length(width, plain)

    # ── keys and mouse ────────────────────────────────────────────────────────────────────────────────────────

    def action_move(self, step: int) -> None:
        self.cursor += step

    def action_page(self, step: int) -> None:
        self.cursor += step * self._body_height

    def action_go(self, index: int) -> None:
        self.cursor = index if index >= 0 else len(self._rows) - 1

    def action_choose(self) -> None:
        if self._rows:
            self.post_message(self.Chosen(self, self._cursor))

    def on_focus(self) -> None:
        self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        self._refresh_row(self._cursor)

    def on_click(self, event: events.Click) -> None:
        index = event.y - self.head + self.scroll_offset.y
        if 0 <= index < len(self._rows):
            if index == self._cursor:
                self.action_choose()
            self.cursor = index

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._rows and new_value + self._body_height >= len(self._rows):
            self.post_message(self.NearEnd(self))
