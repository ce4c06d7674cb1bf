"""The last two weeks in a few lines: files, failures, seconds a file, disk; one point a day.

A day on which no migrate and no reprocess ended is a gap, not a zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from console.engine.context import Context
from console.engine.observe.history import history

DAYS = 14

Points = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Trends:
    """days: the oldest first, the last one is today. Every line has a point a day, None for a gap.

    published: files that migrate and reprocess put into the validated zone. failed: files that they judged and
    refused. judged: files that they read and judged. seconds: of these runs, for each file judged; a gap where none
    was. used: bytes used on the file system `mount`, the fullest, at the end of the day; total: its size at the last
    sample, 0 not known.
    """

    days: tuple[date, ...]
    published: Points
    failed: Points
    judged: Points
    seconds: Points
    used: Points
    mount: str = ""
    total: int = 0

    @property
    def worth(self) -> bool:
        """Whether at least two days have something to show."""
        return any(sum(point is not None for point in line) >= 2 for line in (self.published, self.used))


def trends(ctx: Context, *, days: int = DAYS) -> Trends | None:
    """The last `days` days, today among them; None where there is no ledger. Raises LedgerError."""
    found = history(ctx, days)
    if found is None:
        return None
    last = {mount: disk for day in found for mount, disk in day.disks.items()}
    mount = max(last, key=lambda name: (last[name].share, name), default="")
    return Trends(
        tuple(day.day for day in found),
        tuple(float(day.files) if day.worked else None for day in found),
        tuple(float(day.failed) if day.worked else None for day in found),
        tuple(float(day.judged) if day.worked else None for day in found),
        tuple(day.seconds_per_file for day in found),
        tuple(float(day.disks[mount].used) if mount in day.disks else None for day in found),
        mount,
        last[mount].total if mount else 0,
    )
