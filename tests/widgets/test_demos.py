"""Each widget works alone: `python -m widgets.NAME`."""

from __future__ import annotations

import importlib

import pytest

from tests.widgets.hosting import page, until

SHOWS = {
    "actionbar": "[ Migrate a m ]",
    "checklists": "■ Backups are current",
    "disk": "full in about 211 days",
    "overview": "34 new",
    "pager": "A report",
    "plan": "source-empty",
    "procedures": "2 % free on /data",
    "push": "[ Cancel ]",
    "runs": "partial",
    "state": "1,000,000 files",
    "status": "▶ migrate",
    "table": "data/raw/[b]0.json",
    "tabs": "2 Logs",
}


@pytest.mark.parametrize("name", SHOWS)
async def test_the_demo_runs(name: str) -> None:
    demo = importlib.import_module(f"widgets.{name}.__main__").Demo()
    async with demo.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: SHOWS[name] in page(demo))
