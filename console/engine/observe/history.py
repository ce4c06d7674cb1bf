"""What happened day by day, from the ledger's runs and samples: for the trends on the Overview, as CSV and as JSON.

A day is one of the workspace's time zone. Cost: the runs and the samples of these days, whatever the ledger holds
beside them; one query each.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.observe.files_list import timestamp
from console.engine.settings import find_zone

_ASTRAY = 20  # so many runs with an older date may lie among newer ones (a clock that was wrong) and end nothing


@dataclass(frozen=True, slots=True)
class Disk:
    """The last sample of a file system on a day, bytes. total: as df counts it, 0 where it is not known."""

    used: int
    total: int

    @property
    def share(self) -> float:
        """How full it is, 0 to 1."""
        return self.used / self.total if self.total > 0 else 0.0


@dataclass(slots=True)
class Day:
    """One day. runs: of all actions that ended. worked: migrates and reprocesses among them that were not refused; of
    those: files published, judged, failed (files), seconds (those runs in which any was judged), bytes read.

    disks: mount -> Disk; folders: name (logs, backups) -> bytes; the last samples of the day, where there are any.
    """

    day: date
    runs: int = 0
    worked: int = 0
    files: int = 0
    judged: int = 0
    failed: int = 0
    seconds: float = 0.0
    bytes: int = 0
    disks: dict[str, Disk] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)

    @property
    def seconds_per_file(self) -> float | None:
        """None where nothing was judged."""
        return self.seconds / self.judged if self.judged else None

    def row(self) -> dict[str, Any]:
        """For CSV and JSON; None: not known, or nothing that it could be computed from."""
        fullest = max(self.disks.values(), key=lambda disk: disk.share, default=None)
        each = self.seconds_per_file
        return {
            "day": self.day.isoformat(),
            **{name: getattr(self, name) for name in ("runs", "files", "judged", "failed")},
            "failure_percent": round(100 * self.failed / self.judged, 2) if self.judged else None,
            "seconds": round(self.seconds, 3),
            "seconds_per_file": None if each is None else round(each, 6),
            "bytes": self.bytes,
            "disk_percent": round(100 * fullest.share, 2) if fullest is not None and fullest.total > 0 else None,
            "disk_used_bytes": None if fullest is None else fullest.used,
            "logs_bytes": self.folders.get("logs"),
            "backups_bytes": self.folders.get("backups"),
        }


def history(ctx: Context, days: int) -> list[Day] | None:
    """The last `days` days, today the last, whether anything happened or not; None where there is no ledger.

    Raises LedgerError.
    """
    shown, starts = day_starts(ctx.env.now(), _zone(ctx), days)
    found = [Day(day) for day in shown]
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return None
        add_runs(connection, starts, found)
        add_samples(connection, starts, found)
    return found


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


def add_runs(connection: sqlite3.Connection, starts: list[datetime], found: list[Day]) -> None:
    """What the runs of each day did together."""
    begins = [timestamp(start) for start in starts]
    for at, worked, published, failed, again, seconds, read in connection.execute(
        f"""
        SELECT ended_at, action IN ('migrate', 'reprocess') AND status NOT IN ('running', 'refused'),
          coalesce(json_extract(counts, '$.processed'), 0), coalesce(json_extract(counts, '$.failed'), 0),
          coalesce(json_extract(counts, '$.revalidated'), 0),
          (julianday(ended_at) - julianday(started_at)) * 86400.0, done_bytes
        FROM runs
        WHERE seq > coalesce((SELECT seq FROM runs WHERE started_at < :since ORDER BY seq DESC LIMIT 1
            OFFSET {_ASTRAY}), 0)
          AND ended_at >= :since
        """,
        {"since": begins[0]},
    ):
        day = found[bisect_right(begins, at) - 1]  # the texts compare as the times do
        day.runs += 1
        if not worked:
            continue
        day.worked += 1
        day.files += published
        day.failed += failed
        if judged := published + failed + again:
            day.judged += judged
            day.seconds += max(0.0, seconds or 0.0)
            day.bytes += read


def add_samples(connection: sqlite3.Connection, starts: list[datetime], found: list[Day]) -> None:
    """The last samples of each day."""
    begins = [timestamp(start) for start in starts]
    for kind, name, at, used, total in connection.execute(
        "SELECT kind, name, at, used, total FROM samples WHERE at >= ? AND used >= 0 ORDER BY at", [begins[0]]
    ):
        day = found[bisect_right(begins, at) - 1]
        if kind == "filesystem":
            day.disks[name] = Disk(used, max(0, total))
        else:
            day.folders[name] = used
