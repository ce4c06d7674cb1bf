"""What happened over weeks and months, a column a day or a week: for plots, as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from console.engine.context import Context
from console.engine.observe.history import Day, history

WEEK = 7


@dataclass(frozen=True, slots=True)
class Series:
    """One line. unit: count | percent | seconds | bytes. points: one a column, None for a gap: nothing ran, or nothing
    is known of it. least: the least that the plot reaches up to, so that a little looks little."""

    name: str
    unit: str
    points: tuple[float | None, ...]
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class TrendTable:
    """days: of a column, 1 or 7. starts: the first day of each column, the oldest first; the last one holds today."""

    days: int
    starts: tuple[date, ...]
    series: tuple[Series, ...]


def trend_table(ctx: Context, columns: int, days: int = 1) -> TrendTable | None:
    """The last `columns` days or weeks, today in the last; None where there is no ledger. Raises LedgerError."""
    found = history(ctx, columns * days)
    if found is None:
        return None
    spans = [together(found[at : at + days]) for at in range(0, len(found), days)]
    return TrendTable(
        days,
        tuple(span.day for span in spans),
        (
            Series("published", "count", _of(spans, "files"), 1),
            Series("failed", "percent", tuple(_failed(span) for span in spans), 10),
            Series("per file", "seconds", tuple(span.seconds_per_file for span in spans)),
            Series("read", "bytes", _of(spans, "bytes"), 1),
            Series("disk", "percent", tuple(_fullest(span) for span in spans), 100),
            Series("logs", "bytes", tuple(_folder(span, "logs") for span in spans), 1),
            Series("backups", "bytes", tuple(_folder(span, "backups") for span in spans), 1),
        ),
    )


def together(days: Sequence[Day]) -> Day:
    """Several days as one: what happened is summed up, what was sampled is as it was last. Named by the first."""
    whole = Day(days[0].day)
    for each in days:
        for name in ("runs", "worked", "files", "judged", "failed", "seconds", "bytes"):
            setattr(whole, name, getattr(whole, name) + getattr(each, name))
        whole.disks |= each.disks
        whole.folders |= each.folders
    return whole


def rows_by(ctx: Context, columns: int, days: int) -> list[dict[str, Any]] | None:
    """As Day.row, one for each span of `days` days; None where there is no ledger. Raises LedgerError."""
    found = history(ctx, columns * days)
    if found is None:
        return None
    return [together(found[at : at + days]).row() for at in range(0, len(found), days)]


def _of(spans: Sequence[Day], name: str) -> tuple[float | None, ...]:
    return tuple(float(getattr(span, name)) if span.worked else None for span in spans)


def _failed(span: Day) -> float | None:
    return 100 * span.failed / span.judged if span.judged else None


def _fullest(span: Day) -> float | None:
    shares = [disk.share for disk in span.disks.values() if disk.total > 0]
    return 100 * max(shares) if shares else None


def _folder(span: Day, name: str) -> float | None:
    found = span.folders.get(name)
    return None if found is None else float(found)
