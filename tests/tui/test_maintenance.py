"""Maintenance from the console: on with a reason, told everywhere, lifted again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.engine.checks.maintenance import read_maintenance, turn_on
from console.tui.app import ConsoleApp
from console.tui.screens.dialog import AskScreen
from console.tui.watch import Watcher
from tests.tui.faking import READ_LEDGER, Engine, fake_engine
from tests.widgets.hosting import page, until


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    engine = fake_engine(monkeypatch, tmp_path / "work")
    monkeypatch.setattr(Watcher, "_read", READ_LEDGER)
    return engine


@asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        yield app, pilot


async def test_it_is_turned_on_with_a_reason_and_lifted_by_its_alert(engine: Engine) -> None:
    async with opened(engine) as (app, pilot):
        app.ask_maintenance()
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"disk work", "tab", "tab", "enter")
        await until(pilot, lambda: "■ maintenance" in page(app) and "nothing is processed: disk work" in page(app))
        found = read_maintenance(engine.ctx)
        assert found is not None and found.reason == "disk work"
        app.ask_maintenance()
        await until(pilot, lambda: "Leave it on" in page(app))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "● idle" in page(app))
    assert read_maintenance(engine.ctx) is None


async def test_without_a_reason_nothing_happens(engine: Engine) -> None:
    async with opened(engine) as (app, pilot):
        app.ask_maintenance()
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: not isinstance(app.screen, AskScreen))
    assert read_maintenance(engine.ctx) is None


async def test_a_reader_is_told_and_can_lift_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    writer = fake_engine(monkeypatch, tmp_path / "work")
    turn_on(writer.ctx, "[red]work[/]")
    reader = fake_engine(monkeypatch, tmp_path / "work", read_only=True)
    monkeypatch.setattr(Watcher, "_read", READ_LEDGER)
    async with opened(reader) as (app, pilot):
        await until(pilot, lambda: "■ maintenance" in page(app))
        app.ask_maintenance()
        await pilot.pause()
        assert len(app.screen_stack) == 1
    assert read_maintenance(writer.ctx) is not None
