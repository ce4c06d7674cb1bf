"""The last two weeks in a few lines: files, failures, seconds a file, disk; one point a day.

A day is one of the workspace's time zone. A day on which no migrate and no reprocess ended is a gap, not a zero.
Cost: the runs and the samples of these days, whatever the ledger holds beside them; one query each.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.observe.files_list import timestamp
from console.engine.settings import find_zone

DAYS = 14
_ASTRAY = 20  # so many runs with an older date may lie among newer ones (a clock that was wrong) and end nothing

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
    shown, starts = day_starts(ctx.env.now(), _zone(ctx), days)
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return None
        runs = _runs(connection, starts)
        samples = _samples(connection, starts)
    mount, total = _fullest(samples)
    return Trends(
        shown,
        tuple(row and row[0] for row in runs),
        tuple(row and row[1] for row in runs),
        tuple(row and row[2] for row in runs),
        tuple(row[3] / row[2] if row and row[2] else None for row in runs),
        tuple(float(day[mount][1]) if mount in day else None for day in samples),
        mount,
        total,
    )


def day_starts(now: datetime, zone: tzinfo, days: int) -> tuple[tuple[date, ...], list[datetime]]:
    """The last `days` days in `zone`, and when each of them began, in UTC; a day may have 23 or 25 hours."""
    today = now.astimezone(zone).date()
    shown = tuple(today - timedelta(days=back) for back in range(days - 1, -1, -1))
    return shown, [datetime.combine(day, time(), zone).astimezone(UTC) for day in shown]


def _zone(ctx: Context) -> tzinfo:
    try:
        return find_zone(ctx.settings.time_zone)
    except LookupError:
        return UTC


def _day(column: str, starts: list[datetime]) -> str:
    """The number of a row's day, as an expression; the texts compare as the times do."""
    return " + ".join(f"({column} >= '{timestamp(start)}')" for start in starts[1:]) or "0"


_Totals = tuple[float, float, float, float]  # published, failed, judged, seconds


def _runs(connection: sqlite3.Connection, starts: list[datetime]) -> list[_Totals | None]:
    """What the runs of each day did together; None for a day on which none ended."""
    found: list[_Totals | None] = [None] * len(starts)
    rows = connection.execute(
        f"""
        SELECT {_day("ended_at", starts)} AS day, sum(published), sum(failed), sum(published + failed + again),
          sum(iif(published + failed + again > 0, seconds, 0.0))
        FROM (
          SELECT ended_at, (julianday(ended_at) - julianday(started_at)) * 86400.0 AS seconds,
            coalesce(json_extract(counts, '$.processed'), 0) AS published,
            coalesce(json_extract(counts, '$.failed'), 0) AS failed,
            coalesce(json_extract(counts, '$.revalidated'), 0) AS again
          FROM runs
          WHERE seq > coalesce((SELECT seq FROM runs WHERE started_at < :since ORDER BY seq DESC LIMIT 1
              OFFSET {_ASTRAY}), 0)
            AND action IN ('migrate', 'reprocess') AND status NOT IN ('running', 'refused') AND ended_at >= :since)
        GROUP BY day
        """,
        {"since": timestamp(starts[0])},
    )
    for day, *totals in rows:
        found[day] = (*(max(0.0, float(total or 0)) for total in totals),)  # type: ignore[assignment]
    return found


def _samples(connection: sqlite3.Connection, starts: list[datetime]) -> list[dict[str, tuple[str, int, int]]]:
    """The last sample of each file system on each day: mount -> time, used, total."""
    found: list[dict[str, tuple[str, int, int]]] = [{} for _ in starts]
    rows = connection.execute(
        f"SELECT {_day('at', starts)} AS day, name, max(at), used, total FROM samples"
        " WHERE kind = 'filesystem' AND at >= ? AND used >= 0 GROUP BY day, name",
        [timestamp(starts[0])],
    )
    for day, name, at, used, total in rows:
        found[day][name] = (at, used, total)
    return found


def _fullest(samples: list[dict[str, tuple[str, int, int]]]) -> tuple[str, int]:
    """The file system that is the fullest by its last sample, with its size; '' where none is known."""
    last: dict[str, tuple[str, int, int]] = {}
    for day in samples:
        last.update(day)
    if not last:
        return "", 0
    mount = max(last, key=lambda name: (last[name][1] / last[name][2] if last[name][2] > 0 else 0.0, name))
    return mount, max(0, last[mount][2])
