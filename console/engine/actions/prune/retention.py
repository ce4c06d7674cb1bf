"""Which backups a policy keeps, in the words and with the meanings of restic's `forget`.

The union of all rules is kept. A day or a week counts where it has a backup, and its newest one stands for it; where
fewer have one than a rule wants, the oldest backup stays as well. Weeks are those of ISO 8601. `within` reaches back
from the newest backup that is not of the future, not from now: a clock that jumps prunes nothing.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.engine.errors import UsageError

_DURATION = re.compile(r"(?:([0-9]{1,4})y)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})d)?(?:([0-9]{1,7})h)?")


@dataclass(frozen=True, slots=True)
class Span:
    """A time back in calendar years and months, days and hours."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    def before(self, moment: datetime) -> datetime:
        """`moment` less this span; a day that the month does not have is its last. The beginning of time at most."""
        months = moment.year * 12 + moment.month - 1 - self.years * 12 - self.months
        year, month = divmod(months, 12)
        earliest = datetime.min.replace(tzinfo=moment.tzinfo)
        if year < 1:
            return earliest
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        try:
            return moment.replace(year=year, month=month + 1, day=day) - timedelta(days=self.days, hours=self.hours)
        except OverflowError:
            return earliest


def parse_span(text: str) -> Span:
    """`14d`, `1y5m7d2h`: years, months, days, hours, in this order. Raises UsageError."""
    found = _DURATION.fullmatch(text.strip())
    span = Span(*(int(part or 0) for part in found.groups())) if found else Span()
    if span == Span():
        raise UsageError(
            f"{text!r} is no duration",
            untouched="everything",
            next_step="write it as restic does: 14d, 36h, or 1y5m7d2h for years, months, days and hours",
        )
    return span


@dataclass(frozen=True, slots=True)
class Policy:
    """How many are kept; 0: that rule says nothing. within: as `parse_span` has it."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    within: Span = Span()

    @property
    def empty(self) -> bool:
        return self == Policy()


def kept(moments: Sequence[datetime], policy: Policy, now: datetime) -> list[list[str]]:
    """Why each backup is kept; an empty list: the policy keeps it not.

    moments: when each was made, newest first by the order of runs, aware, in the zone whose days and weeks are
    meant. now: aware.
    """
    reasons: list[list[str]] = [[] for _ in moments]
    if policy.within != Span():
        latest = max((moment for moment in moments if moment <= now), default=None)
        if latest is not None:
            since = policy.within.before(latest)
            for at, moment in enumerate(moments):
                if moment > since:
                    reasons[at].append("within")
    rules: tuple[tuple[int, str, Callable[[int], Hashable]], ...] = (
        (policy.last, "last", lambda at: at),
        (policy.daily, "daily", lambda at: moments[at].date()),
        (policy.weekly, "weekly", lambda at: tuple(moments[at].isocalendar())[:2]),
    )
    for number, name, bucket in rules:
        left, seen = number, set[Hashable]()
        for at in range(len(moments)):
            if left and (bucket(at) not in seen or at == len(moments) - 1):
                reasons[at].append(name)
                seen.add(bucket(at))
                left -= 1
    return reasons
