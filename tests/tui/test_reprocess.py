"""The reprocess dialog: what is chosen, what is started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.engine.model import ReprocessParams
from console.tui.app import ConsoleApp
from console.tui.screens.reprocess import ReprocessOptions, ReprocessScreen
from tests.tui.faking import Engine, fake_engine
from tests.widgets.hosting import page, until
from widgets.push import Push


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    return fake_engine(monkeypatch, tmp_path / "work")


@asynccontextmanager
async def dialog(engine: Engine) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "free" in page(app))
        await pilot.press("a", "r")
        await until(pilot, lambda: isinstance(app.screen, ReprocessScreen) and "would fail" in page(app))
        yield app, pilot


def button(app: ConsoleApp, name: str) -> Push:
    return app.screen.query_one(f"#{name}", Push)


async def test_it_asks_for_stale_files_first_and_starts_what_was_planned(engine: Engine) -> None:
    async with dialog(engine) as (app, pilot):
        assert "Reprocess: plan" in page(app)
        assert "another rule" in page(app)
        assert app.focused is button(app, "cancel")
        button(app, "reprocess").focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.started))
    assert engine.started[0]["action"] == "reprocess"
    assert engine.started[0]["params"] == ReprocessParams(stale_schema=True)


async def test_options_turn_through_what_is_judged_again(engine: Engine) -> None:
    async with dialog(engine) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ReprocessOptions))
        button(app, "which").focus()
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "adopted" in page(app))
        button(app, "plan").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReprocessScreen) and "never judged" in page(app))
    assert engine.asked[-1] == ReprocessParams(adopted=True)
