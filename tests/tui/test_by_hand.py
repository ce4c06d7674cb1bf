"""What somebody did by hand is an alert of the console, with what helps; damage leads to its repair."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.engine.context import open_context
from console.tui.app import ConsoleApp
from console.tui.screens.change import ChangeScreen
from console.tui.screens.dialog import TextScreen
from tests.support import RAW, VALIDATED, make_workspace, run_cli, valid_record
from tests.widgets.hosting import page, until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_workspace(tmp_path / "ws", {f"alpha/{n}.json": [valid_record(n)] for n in range(4)})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    return root


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(open_context(root))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        yield app, pilot


async def test_a_file_that_was_removed_by_hand_is_told_with_what_helps(root: Path) -> None:
    (root / VALIDATED / "alpha/1.json").unlink()
    async with opened(root) as (app, pilot):
        await until(pilot, lambda: "Enter: which files, and what helps" in page(app), 3000)
        alert = next(alert for alert in app._overview.alerts if alert.cause == "by-hand")  # type: ignore[union-attr]
        from console.tui.leads import open_alert

        open_alert(app, alert)
        await until(pilot, lambda: isinstance(app.screen, TextScreen) and "alpha/1.json" in page(app))


async def test_an_archive_by_mv_is_told(root: Path) -> None:
    flat = root / "data/raw/_archive/2023"
    flat.mkdir(parents=True)
    shutil.move(root / RAW / "alpha/2.json", flat / "2.json")
    async with opened(root) as (app, pilot):
        await until(pilot, lambda: "moved into the archive by hand" in page(app), 3000)


async def test_what_verify_found_leads_to_its_repair(root: Path) -> None:
    (root / VALIDATED / "alpha/3.json").write_bytes(b"[]")
    assert run_cli(root, "verify", "--yes").returncode == 1
    async with opened(root) as (app, pilot):
        await until(pilot, lambda: "1 file damaged or missing, 1 can be put back" in page(app), 3000)
        alert = next(alert for alert in app._overview.alerts if alert.cause == "damage")  # type: ignore[union-attr]
        from console.tui.leads import open_alert

        open_alert(app, alert)
        await until(pilot, lambda: isinstance(app.screen, ChangeScreen) and "Repair 1 file" in page(app), 3000)
