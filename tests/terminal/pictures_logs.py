"""Pictures of the Logs pane: filters, all logs by time, one record, the prompts; light and in NO_COLOR."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until


async def logs(root: Path, size: str, theme: str, name: str) -> None:
    """Everything of the pane, at one size in one theme."""
    async with console(root, size, theme) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "Migrate" in page(app) and "following" in page(app), 1000)
        await pilot.press("ampersand", "ctrl+r", *"(failed|complete")
        await until(pilot, lambda: "missing )" in page(app))
        take(app, f"logs-expression-{name}")
        await pilot.press(")", "enter", "l", "l")
        await until(pilot, lambda: "warning+ · /(failed|complete)/" in page(app) and "Processing" not in page(app))
        await pilot.press("up", "m", "up", "up")
        await until(pilot, lambda: sum("*20" in line for line in page(app).splitlines()) == 3)
        take(app, f"logs-filter-{name}")
        await pilot.press("L", "o")
        await until(pilot, lambda: "all logs by time" in page(app))
        take(app, f"logs-choose-{name}")
        await pilot.press("home", "enter")
        await until(pilot, lambda: "in all" in page(app))
        await pilot.press("e")
        await until(pilot, lambda: "paused" in page(app))
        take(app, f"logs-all-{name}")
        await pilot.press("t", *"-2h")
        await until(pilot, lambda: "go to time" in page(app) and "UTC" in page(app).split("go to time")[1][:40])
        await pilot.press("escape", "enter")
        await until(pilot, lambda: "one record" in page(app))
        take(app, f"logs-record-{name}")


async def log_pictures(folder: Path) -> None:
    """At every size, in the other themes, in NO_COLOR."""
    root = sample(folder)
    run_cli(root, "migrate", "--yes")
    for size in ("80x24", "120x40"):
        assert size in SIZES
        await logs(root, size, "ops-dark", size)
    await logs(root, "80x24", "ops-light", "light")
    os.environ["NO_COLOR"] = "1"
    await logs(root, "80x24", "ansi-dark", "no-color")
    del os.environ["NO_COLOR"]
