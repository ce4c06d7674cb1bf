"""How rows of a log look: which piece of which row stands on which line of the screen, in which tone."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, chop_cells, set_cell_size

from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_view import Row
from console.engine.text import size as size_text
from widgets.look import fit

GUTTER = 2  # cells: sign, and a blank or CHOSEN
LABEL = 9  # cells: which log, where there are several, and a blank
CHOSEN = "*"
SIGNS = {
    Level.NONE: " ",
    Level.DEBUG: "·",
    Level.INFO: " ",
    Level.WARNING: "!",
    Level.ERROR: "✗",
    Level.CRITICAL: "✗",
}
TONES = {
    Level.NONE: "",
    Level.DEBUG: "debug",
    Level.INFO: "",
    Level.WARNING: "warning",
    Level.ERROR: "error",
    Level.CRITICAL: "critical",
}


@dataclass(frozen=True, slots=True)
class Painted:
    """One line of the screen: sign, log, text (cells fit the width), tone, marked columns of `text`, tag at its
    end. chosen: from the operator's mark to the cursor.
    """

    row: int = -1  # index of the row, -1: none
    sign: str = " "
    text: str = ""
    tone: str = ""
    cursor: bool = False
    marks: tuple[tuple[int, int], ...] = ()
    tag: str = ""
    label: str = ""
    chosen: bool = False


def paint_rows(
    rows: tuple[Row, ...],
    width: int,
    height: int,
    *,
    left: int = 0,
    wrap: bool = False,
    short: bool = False,
    bottom: bool = False,
    cursor: int | None = None,
    marks: dict[int, tuple[tuple[int, int], ...]] | None = None,
    chosen: frozenset[int] = frozenset(),
) -> list[Painted]:
    """`height` lines that show `rows`, the first ones, or with `bottom` the last ones; the cursor's row is
    shown.

    short: rows without what repeats. left: characters scrolled to the right (not when wrapped). marks:
    columns of the text to highlight, by row. chosen: rows from the operator's mark to the cursor.
    """
    several = any(row.log for row in rows)
    room = max(1, width - GUTTER - (LABEL if several else 0))
    marks = marks or {}
    lines: list[list[Painted]] = []
    for at, row in enumerate(rows):
        pieces = _pieces(row.brief if short else row.text, room, height, left, wrap)
        lines.append(
            [
                Painted(
                    at,
                    SIGNS[row.level] if row.line and not number else "▸" if not row.line else " ",
                    text,
                    TONES[row.level] if row.line else "notice",
                    at == cursor,
                    _shift(marks.get(at, ()), offset, len(text)),
                    _tag(row) if not number else "",
                    fit("" if number else row.log, LABEL - 1) + " " if several else "",
                    at in chosen,
                )
                for number, (offset, text) in enumerate(pieces)
            ]
        )
    seen = _window(lines, height, bottom, cursor)
    return seen + [Painted()] * (height - len(seen))


def _pieces(text: str, room: int, height: int, left: int, wrap: bool) -> list[tuple[int, str]]:
    """(column, text) of each screen line of a row."""
    if not wrap:
        more = len(text) > left + room
        text = text[left : left + room]
        if not text.isascii():
            more = more or cell_len(text) > room
            text = set_cell_size(text, min(room, cell_len(text)))
        if more:
            text = (text[:-1] if text.isascii() else set_cell_size(text, room - 1)) + "…"
        return [(left, text)]
    if len(text) <= room and text.isascii():
        return [(0, text)]
    found: list[tuple[int, str]] = []
    offset = 0
    for piece in chop_cells(text[: room * height], room):
        found.append((offset, piece))
        offset += len(piece)
    return found[:height] or [(0, "")]


def _shift(marks: tuple[tuple[int, int], ...], offset: int, length: int) -> tuple[tuple[int, int], ...]:
    moved = ((max(0, start - offset), min(length, end - offset)) for start, end in marks)
    return tuple((start, end) for start, end in moved if start < end)


def _tag(row: Row) -> str:
    """A line that is not shown whole says how long it is."""
    return f" {size_text(row.line.length)} line" if row.line is not None and row.line.cut else ""


def _window(lines: list[list[Painted]], height: int, bottom: bool, cursor: int | None) -> list[Painted]:
    """The `height` screen lines that are shown."""
    flat = [line for row in lines for line in row]
    if len(flat) <= height:
        return flat
    start = len(flat) - height if bottom else 0
    if cursor is not None and cursor < len(lines):
        first = sum(len(row) for row in lines[:cursor])
        last = first + len(lines[cursor])
        if last > start + height:
            start = last - height
        if first < start:
            start = first
    return flat[start : start + height]
