"""Pictures of what undoes and repairs: the plans of rollback, archive, prune and verify, maintenance."""

from __future__ import annotations

from pathlib import Path

from console.engine.checks.maintenance import turn_off, turn_on
from console.engine.context import open_context
from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until

ARCHIVE = ("archive", "--source", "sff", "--label", "old", "--reason", "superseded", "--yes")


async def undo(folder: Path) -> None:
    root = sample(folder)
    assert run_cli(root, "migrate", "--yes").returncode in (0, 1)
    for size in SIZES:
        async with console(root, size, "ops-dark") as (app, pilot):
            await pilot.press("a", "b")
            await until(pilot, lambda app=app: "Roll back 20 files" in page(app), 1000)
            take(app, f"rollback-plan-{size}")
            await pilot.press("tab", "tab", "tab", "enter")
            await until(pilot, lambda app=app: "Type the workspace" in page(app))
            take(app, f"rollback-word-{size}")
            await pilot.press("escape", "escape", "a", "a")
            await until(pilot, lambda app=app: "Archive: options" in page(app))
            take(app, f"archive-options-{size}")
            await pilot.press("escape", "escape")
            app.act("verify")
            await until(pilot, lambda app=app: "Verify 49 files" in page(app), 1000)
            take(app, f"verify-plan-{size}")
    assert run_cli(root, *ARCHIVE).returncode == 0
    turn_on(open_context(root), "disk work until six")
    async with console(root, "80x24", "ops-dark") as (app, pilot):
        await until(pilot, lambda: "nothing is processed" in page(app))
        take(app, "maintenance-80x24")
        await pilot.press("a", "b")
        await until(pilot, lambda: "returned" in page(app), 1000)
        take(app, "rollback-archive-80x24")
    turn_off(open_context(root))
