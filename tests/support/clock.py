"""A clock that stands still until a test moves it, and random numbers that are not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from console.engine.environment import Environment, Failpoints, Who

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class Clock:
    """`now` and `monotonic` of an Environment; `step` seconds pass at each look at `now`."""

    def __init__(self, start: datetime = START, step: float = 0.0) -> None:
        self.time = start
        self.step = step
        self.elapsed = 0.0

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.elapsed += seconds

    def now(self) -> datetime:
        time = self.time
        self.advance(self.step)
        return time

    def monotonic(self) -> float:
        return self.elapsed


def counting_token() -> Callable[[int], str]:
    """Tokens 0001, 0002, ... of 2n digits: unique and the same in every test run."""
    numbers = itertools.count(1)
    return lambda size: f"{next(numbers):0{2 * size}x}"[-2 * size :]


def fixed_environment(
    start: datetime = START, *, step: float = 0.0, failpoint: str = "", clock: Clock | None = None
) -> Environment:
    """An Environment with a clock of its own (or `clock`), counting tokens and one known operator."""
    clock = clock or Clock(start, step)
    who = Who("ana", "ana", 1000, "", "/dev/pts/7", "192.0.2.7", "testhost")
    return Environment(clock.now, clock.monotonic, counting_token(), who, Failpoints(failpoint))
