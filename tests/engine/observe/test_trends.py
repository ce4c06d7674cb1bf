"""Two weeks as one point a day: gaps where nothing ran, days of the workspace's zone, the same cost for any ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.context import Context, open_context
from console.engine.ledger.store import reading, transaction
from console.engine.observe.history import Day, add_runs, add_samples, day_starts, history
from console.engine.observe.trends import trends
from tests.engine.ledger.filled import add_run, filled_workspace, opened
from tests.support import Clock, fixed_environment, make_workspace

STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    ctx = filled_workspace(tmp_path / "ws", env=fixed_environment(clock=Clock(NOW)))
    with opened(ctx) as connection, transaction(connection):
        connection.execute("DELETE FROM runs")
    return ctx


def ran(ctx: Context, ago: timedelta, counts: dict[str, int], seconds: float = 10.0, **values: Any) -> None:
    """A run that ended so long ago."""
    end = NOW - ago
    with opened(ctx) as connection, transaction(connection):
        seq = connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM runs").fetchone()[0]
        started = (end - timedelta(seconds=seconds)).strftime(STAMP)
        values = {"started_at": started, "ended_at": end.strftime(STAMP), "counts": json.dumps(counts), **values}
        add_run(connection, seq, **values)


def sampled(ctx: Context, ago: timedelta, name: str, used: int, total: int = 1000) -> None:
    with opened(ctx) as connection, transaction(connection):
        at = (NOW - ago).strftime(STAMP)
        connection.execute("INSERT INTO samples VALUES ('filesystem', ?, ?, ?, ?, -1, -1)", [name, at, used, total])


def days(number: int, hours: float = 0.0) -> timedelta:
    return timedelta(days=number, hours=hours)


def test_a_day_is_what_its_runs_did_together_and_a_day_without_is_a_gap(ctx: Context) -> None:
    ran(ctx, days(5), {"processed": 30, "failed": 10}, 80.0)
    ran(ctx, days(5, -1), {"processed": 10, "revalidated": 30}, 40.0, action="reprocess")
    ran(ctx, days(5, -2), {"whole": 500}, 900.0, action="verify")
    ran(ctx, days(3), {"skipped": 70, "known_failed": 9}, 1.0)
    ran(ctx, days(2), {"processed": 9}, status="refused")
    ran(ctx, days(0), {"processed": 1, "failed": 3}, 2.0)
    ran(ctx, days(40), {"processed": 999})
    found = trends(ctx)
    assert found is not None and found.worth
    assert len(found.days) == 14 and found.days[-1] == NOW.date()
    gap = [None] * 8
    assert list(found.published) == [*gap, 40.0, None, 0.0, None, None, 1.0]
    assert list(found.failed) == [*gap, 10.0, None, 0.0, None, None, 3.0]
    assert list(found.judged) == [*gap, 80.0, None, 0.0, None, None, 4.0]
    assert [value and round(value, 3) for value in found.seconds] == [*gap, 1.5, None, None, None, None, 0.5]


def test_what_is_plotted_is_what_is_exported(ctx: Context) -> None:
    """One reading for the Overview and for CSV and JSON, years of it too."""
    ran(ctx, days(2), {"processed": 30, "failed": 10}, 80.0, done_bytes=4000)
    ran(ctx, days(1), {"processed": 9}, status="refused")
    sampled(ctx, days(1), "/srv", 250)
    shown, exported = trends(ctx), history(ctx, 3660)
    assert shown is not None and exported is not None and len(exported) == 3660
    for at in (-1, -2, -3):
        row, plotted = exported[at].row(), shown.seconds[at]
        assert row["seconds_per_file"] == (plotted and round(plotted, 6)) and row["failed"] == (shown.failed[at] or 0)
    assert exported[-3].row() | {"seconds_per_file": 2.0, "bytes": 4000, "failure_percent": 25.0} == exported[-3].row()
    assert (exported[-2].runs, exported[-2].worked, exported[-2].row()["disk_percent"]) == (1, 0, 25.0)


def test_a_day_is_one_of_the_workspace_s_zone(ctx: Context) -> None:
    ran(ctx, timedelta(hours=5), {"processed": 1})  # 00:06 UTC, 19:06 of the day before in New York
    ran(ctx, timedelta(hours=6), {"processed": 2})
    (utc,) = [trends(ctx)]
    assert utc is not None and utc.published[-2:] == (2.0, 1.0)
    there = replace(ctx, settings=replace(ctx.settings, time_zone="America/New_York"))
    found = trends(there)
    assert found is not None and found.published[-2:] == (3.0, None)


def test_disk_is_the_last_of_each_day_of_what_is_the_fullest_by_now(ctx: Context) -> None:
    for hours, used in ((30, 400), (26, 500), (2, 600), (1, 650)):
        sampled(ctx, timedelta(hours=hours), "/srv", used)
        sampled(ctx, timedelta(hours=hours), "/mnt/[b]", 900 - hours)
    sampled(ctx, days(3), "/srv", 100)
    found = trends(ctx)
    assert found is not None and (found.mount, found.total) == ("/mnt/[b]", 1000)
    assert found.used[-4:] == (None, 870.0, 874.0, 899.0)
    with opened(ctx) as connection, transaction(connection):
        connection.execute("DELETE FROM samples WHERE name LIKE '/mnt%'")
    found = trends(ctx)
    assert found is not None and found.used[-4:] == (100.0, 400.0, 500.0, 650.0)


def test_nothing_to_show(ctx: Context, tmp_path: Path) -> None:
    found = trends(ctx)
    assert found is not None and not found.worth
    ran(ctx, days(1), {"processed": 1})
    ran(ctx, days(1, 1), {"processed": 1})
    found = trends(ctx)
    assert found is not None and not found.worth  # one day is no trend
    assert trends(open_context(make_workspace(tmp_path / "new"))) is None


def test_a_clock_that_was_wrong_for_a_while_hides_nothing(ctx: Context) -> None:
    ran(ctx, days(2), {"processed": 5})
    for _ in range(5):
        ran(ctx, days(4000), {"processed": 7})
    ran(ctx, days(0), {"processed": 1})
    found = trends(ctx)
    assert found is not None and found.published[-3:] == (5.0, None, 1.0)


def test_a_long_ledger_costs_what_a_short_one_does(ctx: Context) -> None:
    """Counted in steps of SQLite's machine, not in seconds."""
    ran(ctx, days(1), {"processed": 1})
    short = steps(ctx)
    with opened(ctx) as connection, transaction(connection):
        last = connection.execute("SELECT max(seq) FROM runs").fetchone()[0]
        connection.execute("UPDATE runs SET seq = 100000 WHERE seq = ?", [last])
        old = (NOW - days(100)).strftime(STAMP)
        for seq in range(2, 3000):
            add_run(connection, seq, started_at=old, ended_at=old)
    found = trends(ctx)
    assert found is not None and found.published[-2] == 1.0
    assert steps(ctx) < short + 2000


def steps(ctx: Context) -> int:
    """Instructions that the two queries take."""
    shown, starts = day_starts(NOW, UTC, 14)
    found = [Day(day) for day in shown]
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with reading(ctx.workspace.ledger) as connection:
        assert connection is not None
        connection.set_progress_handler(step, 1)
        add_runs(connection, starts, found)
        add_samples(connection, starts, found)
    return taken


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"]),
    st.integers(1, 40),
)
def test_days_are_whole_and_without_holes(naive: datetime, name: str, number: int) -> None:
    zone, now = ZoneInfo(name), naive.replace(tzinfo=UTC)
    shown, starts = day_starts(now, zone, number)
    assert len(shown) == len(starts) == number and shown[-1] == now.astimezone(zone).date()
    assert starts[-1] <= now < starts[-1] + timedelta(hours=25, seconds=1)
    # Samoa skipped a day in 2011: that one began when the next one did
    assert all(timedelta() <= later - earlier <= timedelta(hours=25) for earlier, later in pairwise(starts))
