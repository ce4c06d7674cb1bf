"""Columns of a day or of a week: sums of what happened, the last of what was sampled, gaps where nothing ran."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.engine.context import Context, open_context
from console.engine.observe.history import history
from console.engine.observe.trend_series import TrendTable, rows_by, trend_table
from tests.engine.observe.test_trends import ctx, days, ran, sampled  # noqa: F401 - a fixture
from tests.support import make_workspace


def points(table: TrendTable, name: str) -> tuple[float | None, ...]:
    return next(series.points for series in table.series if series.name == name)


def test_a_week_is_what_its_days_were_together(ctx: Context) -> None:  # noqa: F811
    ran(ctx, days(9), {"processed": 30, "failed": 10}, 80.0)
    ran(ctx, days(8), {"processed": 10, "revalidated": 30}, 40.0)
    ran(ctx, days(1), {"processed": 5, "failed": 5}, 10.0)
    sampled(ctx, days(9), "/srv", 300)
    sampled(ctx, days(8), "/srv", 400)
    sampled(ctx, days(2), "/srv", 700)
    table = trend_table(ctx, 4, 7)
    assert table is not None and table.days == 7
    assert (table.starts[-1] - table.starts[0]) == timedelta(days=21)
    assert points(table, "published") == (None, None, 40.0, 5.0)
    assert points(table, "failed") == (None, None, 100 * 10 / 80, 50.0)
    assert points(table, "per file") == (None, None, pytest.approx(1.5, abs=1e-3), pytest.approx(1.0, abs=1e-3))
    assert points(table, "disk") == (None, None, pytest.approx(40.0), pytest.approx(70.0))
    assert points(table, "logs") == (None,) * 4


def test_columns_of_a_day_are_the_days_and_rows_by_week_add_up_to_them(ctx: Context) -> None:  # noqa: F811
    for back in range(20):
        ran(ctx, days(back), {"processed": back, "failed": back % 3}, 1.0 + back)
    table, found = trend_table(ctx, 14), history(ctx, 14)
    assert table is not None and found is not None
    assert table.starts == tuple(day.day for day in found)
    assert points(table, "published") == tuple(float(day.files) for day in found)
    weeks = rows_by(ctx, 2, 7)
    assert weeks is not None
    for name in ("runs", "files", "judged", "failed", "bytes"):
        assert sum(week[name] for week in weeks) == sum(day.row()[name] for day in found)
    assert [week["day"] for week in weeks] == [found[0].day.isoformat(), found[7].day.isoformat()]


def test_there_is_nothing_to_tell_without_a_ledger(tmp_path: Path) -> None:
    bare = open_context(make_workspace(tmp_path / "bare", {}))
    assert trend_table(bare, 28) is None and rows_by(bare, 4, 7) is None
