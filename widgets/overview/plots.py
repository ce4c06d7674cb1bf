"""Series as plots of blocks, several lines high, with their numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.engine.text import count, size
from widgets.look import Cell, fit, width_of

if TYPE_CHECKING:
    from console.engine.observe.trend_series import Series, TrendTable

_STEPS = " ▁▂▃▄▅▆▇█"
_GAP = "·"
_NAMES, _NUMBERS = 11, 10  # cells left of a plot
_TONES = {"failed": "warn", "published": "accent", "disk": "accent"}


def plot(points: Sequence[float | None], high: float, lines: int, wide: int) -> list[str]:
    """`lines` lines of text, the highest first, `wide` cells for each point; a gap is a dot at the bottom."""
    drawn = ["" for _ in range(lines)]
    for point in points:
        full = 0 if point is None or high <= 0 else max(1 if point > 0 else 0, round(point / high * lines * 8))
        for line in range(lines):
            part = min(8, max(0, full - 8 * (lines - 1 - line)))
            cell = _STEPS[part]
            if line == lines - 1 and not part:
                cell = _GAP if point is None else "▁"
            drawn[line] += (cell * max(1, wide - 1)).ljust(wide) if wide > 1 else cell
    return drawn


def words(value: float, unit: str) -> str:
    """A value as short as it can be read."""
    if unit == "bytes":
        return size(int(value))
    if unit == "percent":
        return f"{value:.0f} %" if value >= 10 or not value else f"{value:.1f} %"
    if unit == "seconds":
        return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.1f} s"
    return count(int(value))


def trend_page(table: TrendTable, width: int, height: int) -> list[list[Cell]]:
    """Every series with the last of its values and its highest, and the days below: at least one line each, more where
    `height` has room."""
    columns = len(table.starts)
    wide = 2 if _NAMES + _NUMBERS + 2 * columns <= width else 1
    shown = [series for series in table.series if any(point is not None for point in series.points)]
    if not shown:
        return [[("nothing has run in this time", "dim")]]
    lines = max(1, min(4, (height - 1) // len(shown)))
    if lines > 2 and len(shown) * lines + len(shown) > height:
        lines -= 1
    rows: list[list[Cell]] = []
    for series in shown:
        rows += _rows(series, lines, wide)
    return [*rows, _axis(table, wide, width)]


def _rows(series: Series, lines: int, wide: int) -> list[list[Cell]]:
    known = [point for point in series.points if point is not None]
    high = max(series.least, *known) if known else series.least
    last = known[-1]
    drawn = plot(series.points, high, lines, wide)
    beside = [words(last, series.unit)]
    if lines > 1:
        beside = [f"↑ {words(max(known), series.unit)}", *[""] * (lines - 2), words(last, series.unit)]
    rows: list[list[Cell]] = []
    for line, text in enumerate(drawn):
        name = series.name if line == 0 else ""
        number = fit(beside[line], _NUMBERS - 1).rjust(_NUMBERS - 1) + " "
        tone = "dim" if line < lines - 1 else ""
        rows.append([(fit(name, _NAMES - 1).ljust(_NAMES), ""), (number, tone), (text, _TONES.get(series.name, ""))])
    return rows


def _axis(table: TrendTable, wide: int, width: int) -> list[Cell]:
    """Dates below the plots, as many as have room: each begins under its column."""
    drawn = " " * (_NAMES + _NUMBERS)
    for at, day in enumerate(table.starts):
        place = _NAMES + _NUMBERS + at * wide
        text = f"{day:%d %b}" if day.year == table.starts[-1].year else f"{day:%b %Y}"
        if not at or (place >= width_of(drawn) + 2 and place + len(text) <= width):
            drawn = drawn.ljust(place) + text
    return [(drawn, "dim")]
