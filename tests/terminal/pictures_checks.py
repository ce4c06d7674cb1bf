"""Pictures of the Checklists pane, for `make pictures`."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until


async def checks(folder: Path) -> None:
    """After a migrate, everything looked at once: both sizes, light, NO_COLOR; an item in full."""
    root = sample(folder)
    run_cli(root, "migrate", "--yes")
    run_cli(root, "checklist", "preflight")
    run_cli(root, "checklist", "postflight")
    for size in SIZES:
        async with console(root, size, "ops-dark") as (app, pilot):
            await pilot.press("5")
            await until(pilot, lambda app=app: "Documentation is updated" in page(app), 1000)
            take(app, f"checklists-{size}")
            await pilot.press("end", "up", "up", "enter")
            await until(pilot, lambda app=app: "holds until" in page(app))
            take(app, f"checklists-item-{size}")
    async with console(root, "80x24", "ops-light") as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "Documentation is updated" in page(app), 1000)
        take(app, "checklists-light")
    os.environ["NO_COLOR"] = "1"
    async with console(root, "80x24", "ansi-dark") as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "Documentation is updated" in page(app), 1000)
        take(app, "checklists-no-color")
    del os.environ["NO_COLOR"]
