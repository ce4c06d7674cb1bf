"""What happened day by day, from the ledger's runs and samples: for trends as CSV and JSON.

Days are UTC, as the ledger's times are. Reads only; works without a ledger.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.model import Counts


@dataclass(slots=True)
class Day:
    """One day. runs: of all actions that ended. files: published; failed, judged: files of migrate and reprocess.

    seconds: that those took; bytes: that they read. disk_percent: of the fullest file system, the last sample of the
    day; logs_bytes, backups_bytes: the last samples. None: not known, or nothing that it could be computed from.
    """

    day: str
    runs: int = 0
    files: int = 0
    judged: int = 0
    failed: int = 0
    failure_percent: float | None = None
    seconds: float = 0.0
    seconds_per_file: float | None = None
    bytes: int = 0
    disk_percent: float | None = None
    disk_used_bytes: int | None = None
    logs_bytes: int | None = None
    backups_bytes: int | None = None


COLUMNS = tuple(field.name for field in fields(Day))


def history(ctx: Context, days: int) -> list[Day]:
    """The last `days` days, today the last, each of them whether anything happened or not. Raises LedgerError."""
    today = ctx.env.now()
    names = [(today - timedelta(days=back)).strftime("%Y-%m-%d") for back in range(days - 1, -1, -1)]
    found = {name: Day(name) for name in names}
    with reading(ctx.workspace.ledger) as connection:
        if connection is not None and names:
            _runs(connection, found, names[0])
            _samples(connection, found, names[0])
    return list(found.values())


def _runs(connection: sqlite3.Connection, found: dict[str, Day], first: str) -> None:
    for row in connection.execute(
        "SELECT action, ended_at, counts, timings, done_bytes FROM runs WHERE ended_at >= ? ORDER BY seq", [first]
    ):
        day = found.get(row["ended_at"][:10])
        if day is None:  # the clock was ahead
            continue
        day.runs += 1
        if row["action"] not in ("migrate", "reprocess"):
            continue
        counts = Counts.from_json(json.loads(row["counts"]))
        day.files += counts.processed
        day.failed += counts.failed
        judged = counts.processed + counts.revalidated + counts.failed
        if judged:
            day.judged += judged
            day.bytes += row["done_bytes"]
            day.seconds += sum(float(value) for value in json.loads(row["timings"]).values())
    for day in found.values():
        if day.judged:
            day.failure_percent = round(100 * day.failed / day.judged, 2)
            day.seconds_per_file = round(day.seconds / day.judged, 6)
        day.seconds = round(day.seconds, 3)


def _samples(connection: sqlite3.Connection, found: dict[str, Day], first: str) -> None:
    for kind, name, at, used, total in _last_of_days(connection, first):
        day = found.get(at[:10])
        if day is None or used < 0:
            continue
        if kind == "filesystem" and total > 0:
            percent = round(100 * used / total, 2)
            if day.disk_percent is None or percent > day.disk_percent:
                day.disk_percent, day.disk_used_bytes = percent, used
        elif name == "logs":
            day.logs_bytes = used
        elif name == "backups":
            day.backups_bytes = used


def _last_of_days(connection: sqlite3.Connection, first: str) -> Iterator[tuple[str, str, str, int, int]]:
    """The last sample of each day, of everything that is sampled."""
    yield from connection.execute(
        "SELECT kind, name, max(at), used, total FROM samples WHERE at >= ? GROUP BY kind, name, substr(at, 1, 10)",
        [first],
    )
