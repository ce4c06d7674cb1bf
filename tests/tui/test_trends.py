"""Trends from the Overview: t opens the plots, d, w and y turn to other spans, a ledger that cannot be read is said."""

from __future__ import annotations

from pathlib import Path

from console.engine.context import open_context
from console.tui.app import ConsoleApp
from tests.support import make_workspace, run_cli, valid_record
from tests.widgets.hosting import page, until


async def test_t_shows_plots_over_days_and_weeks(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {f"alpha/{n}.json": [valid_record(n)] for n in range(4)})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    app = ConsoleApp(open_context(root))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "free" in page(app) and "published" in page(app))
        await pilot.press("t")
        await until(pilot, lambda: "28 days, a column a day" in page(app) and "per file" in page(app))
        assert "backups" in page(app)
        await pilot.press("w")
        await until(pilot, lambda: "26 weeks, a column a week" in page(app) and "per file" in page(app))
        await pilot.press("y")
        await until(pilot, lambda: "Year, a column a week" in page(app) and "per file" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "a column a week" not in page(app))
        (root / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger" * 1000)
        await pilot.press("t")
        await until(pilot, lambda: "a column a day" in page(app) and "ledger" in page(app))
