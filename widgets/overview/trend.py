"""Two weeks as sparklines: files, failures, seconds a file, disk; a day a cell, beside each its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from console.engine.text import count, plural, size, visible
from widgets.look import Cell, fit, width_of

if TYPE_CHECKING:
    from console.engine.observe.trends import Points, Trends

STEPS = "▁▂▃▄▅▆▇█"
GAP = "·"  # a day on which nothing ran
_NAMES = 11  # cells of what a line is about
_ROOM_OF_TWO = 62  # cells from which two lines stand side by side
_ROOM_TO_ALIGN = 90


def spark(points: Points, low: float, high: float) -> str:
    """One cell a point, from `low` to `high`; a gap stays one."""
    span = high - low
    cells = []
    for point in points:
        if point is None:
            cells.append(GAP)
        else:
            part = (point - low) / span if span > 0 else 0.0
            cells.append(STEPS[min(7, max(0, round(part * 7)))])
    return "".join(cells)


def trend_rows(trends: Trends, room: int, lines: int) -> list[list[Cell]]:
    """The lines beside the label, in `room` cells: four of them, or two by two where fewer than four fit; none where
    there is no room or nothing to compare yet."""
    if lines < 2 or not trends.worth:
        return []
    each = [row for row in (_files(trends), _failing(trends), _seconds(trends), _disk(trends)) if row]
    if lines >= len(each):
        last = max(width_of(row.last) for row in each) if room >= _ROOM_TO_ALIGN else 0
        return [_line(row, room, last) for row in each]
    if room < _ROOM_OF_TWO:
        return []
    half = (room - 2) // 2
    rows: list[list[Cell]] = []
    for at in range(0, len(each), 2):
        beside = _line(each[at + 1], half, bare=True) if at + 1 < len(each) else []
        rows.append([*_line(each[at], half, bare=True), "  ", *beside])
    return rows


@dataclass(frozen=True, slots=True)
class _Row:
    """name: of what; drawn: the sparkline; short, last: the newest number, alone and with its day; rest: more of
    them, what matters most first."""

    name: str
    drawn: str
    tone: str
    short: str
    last: str
    rest: tuple[str, ...]


def _line(row: _Row, room: int, last: int = 0, *, bare: bool = False) -> list[Cell]:
    """last: cells for the newest number. bare: with that alone, and exactly `room` cells."""
    if bare:
        name, drawn = fit(row.name, _NAMES - 1), (row.drawn, row.tone)
        return [(name, "dim"), drawn, fit(f" {row.short}", max(0, room - width_of(name) - width_of(row.drawn)))]
    said = f"{row.last:<{last}}"
    left = room - _NAMES - width_of(row.drawn) - 2
    cells: list[Cell] = [(fit(row.name, _NAMES), "dim"), (row.drawn, row.tone), "  "]
    cells.append(fit(said, max(0, min(left, width_of(said)))))
    left -= width_of(said)
    for at, part in enumerate(row.rest):
        text = visible(f", {part}" if at else f"   {part}")
        left -= width_of(text)
        if left < 0:
            break
        cells.append((text, "dim"))
    return cells


def _last(points: Points) -> tuple[int, float] | None:
    """The newest day that has a point, and the point."""
    return next(((at, point) for at in range(len(points) - 1, -1, -1) if (point := points[at]) is not None), None)


def _when(days: Sequence[date], at: int) -> str:
    back = (days[-1] - days[at]).days
    return "today" if not back else "yesterday" if back == 1 else f"{days[at]:%a}" if back < 7 else f"{days[at]:%m-%d}"


def _files(trends: Trends) -> _Row | None:
    last = _last(trends.published)
    if last is None:
        return None
    known = [point for point in trends.published if point is not None]
    said = count(int(last[1]))
    rest = f"at most {count(int(max(known)))}", f"{count(int(sum(known)))} in all"
    return _Row(
        "published",
        spark(trends.published, 0, max(known)),
        "accent",
        said,
        f"{said} {_when(trends.days, last[0])}",
        rest,
    )


def _failing(trends: Trends) -> _Row | None:
    rates = tuple(
        None if failed is None or not judged else failed / judged
        for failed, judged in zip(trends.failed, trends.judged, strict=True)
    )
    last = _last(rates)
    if last is None:
        return None
    known = [rate for rate in rates if rate is not None]
    total = sum(point for point in trends.failed if point is not None)
    said = _percent(last[1])
    rest = f"at most {_percent(max(known))}", f"{count(int(total))} in all"
    return _Row(
        "failed",
        spark(rates, 0, max(0.1, *known)),
        "warn" if last[1] else "dim",
        said,
        f"{said} {_when(trends.days, last[0])}",
        rest,
    )


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %" if part >= 0.1 or not part else f"{part * 100:.1f} %"


def _seconds(trends: Trends) -> _Row | None:
    last = _last(trends.seconds)
    if last is None:
        return None
    known = [point for point in trends.seconds if point is not None]
    said = _length(last[1])
    rest = (f"{_length(min(known))} to {_length(max(known))}",)
    return _Row(
        "per file", spark(trends.seconds, 0, max(known)), "dim", said, f"{said} {_when(trends.days, last[0])}", rest
    )


def _length(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _disk(trends: Trends) -> _Row | None:
    last = _last(trends.used)
    if last is None:
        return None
    known = [(at, point) for at, point in enumerate(trends.used) if point is not None]
    low, high = min(point for _, point in known), max(point for _, point in known)
    span = max(high - low, trends.total * 0.01)  # else a few bytes more would look like a flood
    days = last[0] - known[0][0]
    grown = last[1] - known[0][1]
    sign = "+" if grown >= 0 else "-"
    said = size(int(last[1]))
    rest = (*((f"{sign}{size(int(abs(grown)))} in {plural(days, 'day')}",) if days else ()), f"on {trends.mount}")
    return _Row("disk", spark(trends.used, low, low + span), "dim", said, f"{said} used", rest)
