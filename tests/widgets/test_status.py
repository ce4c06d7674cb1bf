"""The status line: everything that matters in 80 cells, and no redraw without a difference."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.widgets.hosting import HOSTILE, Host, shown
from widgets.status import RunState, StatusLine


def line() -> StatusLine:
    status = StatusLine(now=lambda: datetime(2026, 1, 4, 2, 12, tzinfo=UTC))
    status.workspace, status.where = "PROD", "db7:/srv/pdoom-data"
    status.disk, status.zone = ("212 GB free", ""), ZoneInfo("Europe/Berlin")
    return status


async def first_line(status: StatusLine, width: int) -> str:
    app = Host(lambda: status)
    async with app.run_test(size=(width, 3)) as pilot:
        await pilot.pause()
        return shown(app)[0]


async def test_idle() -> None:
    said = await first_line(line(), 80)
    for word in ("PROD", "db7:/srv/pdoom-data", "● idle", "212 GB free", "03:12 CET"):
        assert word in said
    assert "alert" not in said and "READ-ONLY" not in said


async def test_a_run_keeps_its_bar_and_time_left_in_80_cells() -> None:
    status = line()
    status.running, status.alerts = RunState("migrate", "7f3a", 812, 1304, 3.0), 2
    said = await first_line(status, 80)
    for word in ("PROD", "▶ migrate 7f3a", "62%", "█", "812/1,304", "3.0 s left", "! 2 alerts", "03:12 CET"):
        assert word in said, said


async def test_words_for_every_state() -> None:
    status = line()
    status.running, status.read_only = RunState("migrate", "7f3a", phase="scan"), True
    assert "READ-ONLY" in (said := await first_line(status, 100)) and "scan…" in said
    status = line()
    status.running, status.trouble = RunState("migrate", "7f3a", 1, 5, cancelling=True), "ledger"
    assert "cancelling" in (said := await first_line(status, 100)) and "✗ ledger" in said


@pytest.mark.parametrize("width", [70, 80, 120, 200])
async def test_it_fills_its_line_and_no_more(width: int) -> None:
    status = line()
    status.where = "a-very-long-host-name.example.org:/srv/with/a/very/long/path/to/the/workspace"
    status.running, status.alerts = RunState("migrate", "7f3a", 812, 1304, 300.0), 12
    said = await first_line(status, width)
    assert len(said) <= width and said.endswith("03:12 CET")


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names(text: str) -> None:
    status = line()
    status.workspace = status.where = text
    said = await first_line(status, 120)
    assert said.endswith("03:12 CET") and "● idle" in said and "\x1b" not in said


async def test_it_draws_again_only_when_something_differs() -> None:
    status = line()
    app = Host(lambda: status)
    async with app.run_test(size=(80, 3)) as pilot:
        await pilot.pause()
        drawn = []
        status.refresh = lambda *args, **kwargs: drawn.append(1)  # type: ignore[method-assign,assignment,return-value]
        status.update()
        assert drawn == []
        status.alerts = 1
        status.update()
        assert drawn == [1]
