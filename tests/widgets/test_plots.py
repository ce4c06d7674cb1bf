"""Plots of blocks: every cell stands for its value, gaps and zeros differ, nothing is wider than its room."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from console.engine.observe.trend_series import Series, TrendTable
from widgets.look import width_of
from widgets.overview.plots import plot, trend_page, words

VALUES = st.lists(st.none() | st.floats(0, 1e12), min_size=1, max_size=60)


def table(points: tuple[float | None, ...], step: int = 1) -> TrendTable:
    end = date(2026, 3, 4)
    starts = tuple(end - timedelta(days=step * back) for back in range(len(points) - 1, -1, -1))
    return TrendTable(step, starts, (Series("published", "count", points, 1), Series("logs", "bytes", points, 1)))


def test_a_gap_is_a_dot_a_zero_a_line_and_a_little_is_seen() -> None:
    assert plot((None, 0.0, 0.001, 50.0, 100.0), 100, 1, 1) == ["·▁▁▄█"]
    assert plot((None, 0.0, 25.0, 100.0), 100, 2, 1) == ["   █", "·▁▄█"]
    assert plot((100.0, None), 100, 1, 2) == ["█ · "]


@given(VALUES, st.integers(1, 4), st.integers(1, 2))
def test_each_line_has_a_cell_for_each_point_and_the_highest_fills_its_column(points, lines, wide) -> None:
    known = [point for point in points if point is not None]
    high = max([1.0, *known])
    drawn = plot(points, high, lines, wide)
    assert len(drawn) == lines and all(width_of(line) == wide * len(points) for line in drawn)
    for at, point in enumerate(points):
        if point == high:
            assert all(line[at * wide] == "█" for line in drawn)
        if point is None:
            assert drawn[-1][at * wide] == "·"


@given(VALUES, st.integers(60, 200), st.integers(4, 50))
def test_a_page_has_its_numbers_and_days_and_fits_where_there_is_room_for_a_cell_a_point(points, width, height) -> None:
    found = trend_page(table(tuple(points)), width, height)
    text = ["".join(cell if isinstance(cell, str) else cell[0] for cell in row) for row in found]
    if all(point is None for point in points):
        assert text == ["nothing has run in this time"]
        return
    assert any(line.startswith("published") for line in text) and any(line.startswith("logs") for line in text)
    assert all(width_of(line.rstrip()) <= max(width, 21 + max(len(points), 8)) for line in text)
    first = table(tuple(points)).starts[0]
    assert f"{first:%d %b}" in text[-1] or f"{first:%b %Y}" in text[-1]


def test_values_are_as_short_as_they_can_be_read() -> None:
    assert words(1234567, "count") == "1,234,567" and words(0, "percent") == "0 %" and words(4.2, "percent") == "4.2 %"
    assert (
        words(0.024, "seconds") == "24 ms" and words(75.04, "seconds") == "75.0 s" and words(1500, "bytes") == "1.5 kB"
    )
