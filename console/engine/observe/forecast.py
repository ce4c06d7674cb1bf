"""How something grows, and when it is full: from samples of it, not thrown off by one jump or what comes and goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

LEAST_DAYS = 3
JUMP_DAYS = 5  # from so many days on the one step that is most unlike the others is set aside
KEPT_DAYS = 90  # more are not looked at


@dataclass(frozen=True, slots=True)
class Growth:
    """per_day: units a day, negative where it shrinks; None: not enough history. days: how many have samples."""

    per_day: float | None
    days: int

    def days_left(self, free: float) -> float | None:
        """Days until `free` more are used up; None where it does not grow, or nobody knows. 0 where nothing is free."""
        if free <= 0:
            return 0.0
        if self.per_day is None or self.per_day <= 0:
            return None
        return free / self.per_day


def growth(samples: Iterable[tuple[datetime, float]]) -> Growth:
    """The growth of what was sampled, in any order; times are aware.

    The least value of each (UTC) day stands for it, so that what a run needs for a while does not count. One step
    between two days, the one most unlike the others, is set aside (somebody copied or removed much, once); the
    growth is the median of the slopes between every two days (Theil and Sen).
    """
    lowest: dict[int, float] = {}
    for moment, value in samples:
        day = moment.toordinal()
        lowest[day] = min(value, lowest.get(day, value))
    points = sorted(lowest.items())[-KEPT_DAYS:]
    if len(points) < LEAST_DAYS:
        return Growth(None, len(points))
    return Growth(_slope(_without_jump(points)), len(points))


def _without_jump(points: Sequence[tuple[int, float]]) -> Sequence[tuple[float, float]]:
    if len(points) < JUMP_DAYS:
        return points
    steps = [(later[0] - earlier[0], later[1] - earlier[1]) for earlier, later in pairwise(points)]
    usual = _median([rise / days for days, rise in steps])
    jump = max(range(len(steps)), key=lambda at: abs(steps[at][1] - usual * steps[at][0]))
    excess = steps[jump][1] - usual * steps[jump][0]
    return [(day, value - excess if at > jump else value) for at, (day, value) in enumerate(points)]


def _slope(points: Sequence[tuple[float, float]]) -> float:
    return _median(
        [
            (later[1] - earlier[1]) / (later[0] - earlier[0])
            for number, later in enumerate(points)
            for earlier in points[:number]
        ]
    )


def _median(values: list[float]) -> float:
    """The standard library's costs 10 ms to import, at the start of every run."""
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
