"""Pictures of the State pane: files, causes, the record that fails, the choices; wide, light, in NO_COLOR."""

from __future__ import annotations

import json
import os
from pathlib import Path

from textual.pilot import Pilot

from console.tui.app import ConsoleApp
from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until

SIZES["160x45"] = (160, 45)


def two_schemas(folder: Path) -> Path:
    """The sample after two runs; between them its schema began to want a topic."""
    root = sample(folder)
    run_cli(root, "migrate", "--yes")
    schema = root / "config/schemas/funding_data_v1.json"
    document = json.loads(schema.read_text())
    schema.write_text(json.dumps({**document, "required": [*document["required"], "topic"]}, indent=2))
    run_cli(root, "reprocess", "--stale-schema", "--yes")
    return root


async def _into(app: ConsoleApp, pilot: Pilot[None], name: str) -> None:
    await pilot.press("3")
    await until(pilot, lambda: "19 files" in page(app), 3000)
    await pilot.pause()
    take(app, f"state-{name}")
    await pilot.press("c")
    await until(pilot, lambda: "causes" in page(app) and "for example" in page(app), 1000)
    take(app, f"state-causes-{name}")
    await pilot.press("enter")
    await until(pilot, lambda: "✗ failed" in page(app), 1000)
    await pilot.press("enter")
    await until(pilot, lambda: "Record" in page(app), 1000)
    take(app, f"state-file-{name}")


async def state(root: Path, size: str, theme: str, name: str) -> None:
    """Everything of the pane, at one size in one theme."""
    async with console(root, size, theme) as (app, pilot):
        await _into(app, pilot, name)
        await pilot.press("s")
        await until(pilot, lambda: "every file that the ledger knows" in page(app) and "…" not in page(app)[400:900])
        take(app, f"state-status-{name}")
        await pilot.press("escape", "A")
        await until(pilot, lambda: "Accept failures?" in page(app))
        take(app, f"state-accept-{name}")
        await pilot.press("escape")
        await until(pilot, lambda: "Accept failures?" not in page(app))
        await pilot.press("slash", *"data")
        await until(pilot, lambda: "/data" in page(app))
        take(app, f"state-filter-{name}")
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("g")
        await until(pilot, lambda: "sources" in page(app) and "reading…" not in page(app))
        take(app, f"state-sources-{name}")


async def state_pictures(folder: Path) -> None:
    """At every size, and in the other themes."""
    root = two_schemas(folder)
    for size in SIZES:
        await state(root, size, "ops-dark", size)
    for theme, name in (("ops-light", "light"), ("ansi-dark", "16-colours")):
        async with console(root, "80x24", theme) as (app, pilot):
            await _into(app, pilot, name)
    os.environ["NO_COLOR"] = "1"
    async with console(root, "80x24", "ansi-dark") as (app, pilot):
        await _into(app, pilot, "no-color")
    del os.environ["NO_COLOR"]
