"""Growth by a reference that is slow and plain, and what it must not be thrown off by."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.observe.forecast import JUMP_DAYS, LEAST_DAYS, Growth, growth

START = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = st.integers(0, 10**15)
SAMPLES = st.lists(st.tuples(st.integers(0, 24 * 60), VALUES), max_size=40)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def reference(samples: list[tuple[int, int]]) -> float | None:
    """The rule as its words have it."""
    days = sorted({hours // 24 for hours, _ in samples})
    lowest = {day: min(value for hours, value in samples if hours // 24 == day) for day in days}
    if len(days) < LEAST_DAYS:
        return None
    values = [float(lowest[day]) for day in days]
    if len(days) >= JUMP_DAYS:
        rises = [(values[i + 1] - values[i]) for i in range(len(days) - 1)]
        gaps = [days[i + 1] - days[i] for i in range(len(days) - 1)]
        usual = statistics.median(rise / gap for rise, gap in zip(rises, gaps, strict=True))
        odd = [abs(rise - usual * gap) for rise, gap in zip(rises, gaps, strict=True)]
        jump = odd.index(max(odd))
        excess = rises[jump] - usual * gaps[jump]
        values = [value - excess if i > jump else value for i, value in enumerate(values)]
    slopes = [(values[j] - values[i]) / (days[j] - days[i]) for j in range(len(days)) for i in range(j)]
    return statistics.median(slopes)


@given(SAMPLES)
def test_it_is_what_the_reference_says(samples: list[tuple[int, int]]) -> None:
    found = growth((at(hours), value) for hours, value in samples)
    expected = reference(samples)
    assert found.days == len({hours // 24 for hours, _ in samples})
    assert (found.per_day is None) == (expected is None)
    if expected is not None:
        assert found.per_day == pytest.approx(expected, rel=1e-9, abs=1e-3)


@given(st.integers(-1000, 1000), st.integers(JUMP_DAYS, 60), st.data())
def test_one_jump_of_any_size_on_any_day_changes_nothing(slope: int, days: int, data: st.DataObject) -> None:
    day = data.draw(st.integers(1, days - 1))
    jump = data.draw(st.integers(-(10**12), 10**12))
    line = [(at(24 * n + 3), 10**13 + slope * n + (jump if n >= day else 0)) for n in range(days)]
    assert growth(line).per_day == pytest.approx(slope, abs=1e-2)


@given(st.integers(-1000, 1000), st.integers(LEAST_DAYS, 40), st.lists(st.integers(1, 10**12), max_size=20))
def test_what_comes_and_goes_within_a_day_does_not_count(slope: int, days: int, peaks: list[int]) -> None:
    line = [(at(24 * n + 3), 10**9 + slope * n) for n in range(days)]
    line += [(at(24 * (n % days) + 5), 10**9 + slope * (n % days) + peak) for n, peak in enumerate(peaks)]
    assert growth(line).per_day == pytest.approx(slope)


def test_growth_that_comes_once_a_week_is_still_growth() -> None:
    line = [(at(24 * n), 1000.0 + 700 * (n // 7)) for n in range(70)]
    assert growth(line).per_day == pytest.approx(100, rel=0.15)


@pytest.mark.parametrize("hours", [[], [1], [1, 2, 3, 23], [1, 30]])
def test_less_than_three_days_is_not_enough(hours: list[int]) -> None:
    found = growth((at(hour), float(hour)) for hour in hours)
    assert found.per_day is None and found.days_left(100.0) is None


def test_days_left() -> None:
    assert Growth(10.0, 5).days_left(1000) == 100
    assert Growth(0.0, 5).days_left(1000) is None
    assert Growth(-5.0, 5).days_left(1000) is None
    assert Growth(None, 1).days_left(0) == 0
