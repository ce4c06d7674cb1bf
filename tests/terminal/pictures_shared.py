"""Pictures of a workspace that is shared with another program: found, adopted, written by both, left, newer."""

from __future__ import annotations

import os
from pathlib import Path

from textual.pilot import Pilot

from console.tui.app import ConsoleApp
from tests.support import run_cli
from tests.support.another import (
    STATE,
    forget_one,
    large_state,
    publish_as_another,
    upgrade_beyond,
    write_as_another,
)
from tests.terminal.pictures import console, sample, take
from tests.widgets.hosting import page, until


def found(folder: Path) -> Path:
    """The sample as another program left it two years ago: most agrees, some does not."""
    root = publish_as_another(sample(folder), missing=23, backups=True)
    validated = root / "data/transformed/validated"
    (validated / "ftx_future_fund").mkdir(exist_ok=True)
    for name in ("awards.csv", "notes.json"):
        (validated / "ftx_future_fund" / name).write_text("{}")
    forget_one(root)
    first = sorted(path for path in (root / "data/raw").rglob("data.json"))[0]
    os.utime(first)
    return root


async def _adopt(app: ConsoleApp, pilot: Pilot[None], name: str) -> None:
    """The first screen, the dialog on the way and at its end, the run, and what is left to see."""
    await until(pilot, lambda: "Enter: plan to adopt" in page(app))
    await pilot.pause()
    take(app, f"found-{name}")
    await pilot.press("enter")
    await until(pilot, lambda: "Pre-flight" in page(app), 2000)
    take(app, f"adopt-plan-{name}")
    await pilot.press("e")
    await until(pilot, lambda: "Adopt: examples" in page(app))
    take(app, f"adopt-examples-{name}")
    await pilot.press("escape")
    await until(pilot, lambda: "Adopt: examples" not in page(app))
    app.screen.query_one("#adopt").focus()
    await pilot.press("enter")
    await until(pilot, lambda: "Show failed" in page(app) and " in 0" in page(app), 3000)
    await until(pilot, lambda: "▶" not in page(app) and "reading…" not in page(app))
    take(app, f"adopted-run-{name}")
    await pilot.press("escape", "1")
    await until(pilot, lambda: "To know" in page(app) and "looking…" not in page(app), 1000)
    take(app, f"adopted-{name}")


async def shared(folder: Path, size: str, theme: str, name: str) -> None:
    """Everything in order, as it may come to pass on one server."""
    root = found(folder)
    async with console(root, size, theme) as (app, pilot):
        await _adopt(app, pilot, name)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Adopt" in page(app))
        await pilot.press(*"leave")
        await pilot.pause()
        await until(pilot, lambda: "give the workspace back" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Leave: plan" in page(app) and "Pre-flight" in page(app), 2000)
        take(app, f"leave-plan-{name}")
        await pilot.press("escape")
        await until(pilot, lambda: "Leave: plan" not in page(app))
        app.leave(0)
    run_cli(root, "migrate", "--yes")
    run_cli(root, "failures", "accept", "--all", "--reason", "old")
    run_cli(root, "migrate", "--yes")
    async with console(root, size, theme) as (app, pilot):
        await until(pilot, lambda: "Since you were here" in page(app), 1000)
        take(app, f"away-{name}")
        app.leave(0)
    write_as_another(root)
    async with console(root, size, theme) as (app, pilot):
        await until(pilot, lambda: "another program wrote" in page(app), 1000)
        take(app, f"foreign-writer-{name}")
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "Close" in page(app))
        await pilot.pause()
        take(app, f"alerts-{name}")
        await pilot.press("enter")
        await until(pilot, lambda: "State file" in page(app) or "Failures" in page(app))
        take(app, f"foreign-writer-detail-{name}")
    good = (root / STATE).read_text()
    (root / STATE).write_text(good[: len(good) // 2])
    async with console(root, size, theme) as (app, pilot):
        await until(pilot, lambda: "does not parse" in page(app), 1000)
        take(app, f"broken-mirror-{name}")
    (root / STATE).write_text(good)
    await _left_and_newer(root, size, theme, name)


async def _left_and_newer(root: Path, size: str, theme: str, name: str) -> None:
    run_cli(root, "leave", "--yes")
    async with console(root, size, theme) as (app, pilot):
        await until(pilot, lambda: "given back" in page(app), 1000)
        await pilot.pause()
        take(app, f"left-{name}")
    run_cli(root, "adopt", "--yes")
    upgrade_beyond(root)
    async with console(root, size, theme) as (app, pilot):
        await until(pilot, lambda: "0.9.0" in page(app), 1000)
        await pilot.pause()
        take(app, f"newer-ledger-{name}")


async def shared_looks(folder: Path) -> None:
    """A large state file while it is read; and the first screen in 16 colours, in NO_COLOR and light."""
    root = found(folder)
    for theme, name in (("ops-light", "light"), ("ansi-dark", "16-colours")):
        async with console(root, "80x24", theme) as (app, pilot):
            await until(pilot, lambda app=app: "Enter: plan to adopt" in page(app))
            await pilot.pause()
            take(app, f"found-{name}")
    os.environ["NO_COLOR"] = "1"
    async with console(root, "80x24", "ansi-dark") as (app, pilot):
        await until(pilot, lambda: "Enter: plan to adopt" in page(app))
        await pilot.pause()
        take(app, "found-no-color")
        await pilot.press("enter")
        await until(pilot, lambda: "Pre-flight" in page(app), 2000)
        take(app, "adopt-plan-no-color")
    del os.environ["NO_COLOR"]
    large_state(root, 400_000)
    async with console(root, "80x24", "ops-dark") as (app, pilot):
        await until(pilot, lambda: "Enter: plan to adopt" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "of about" in page(app) and "Changes" in page(app), 2000)
        take(app, "adopt-plan-large")
