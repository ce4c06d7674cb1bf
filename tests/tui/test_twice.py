"""A key or a click that comes twice, on what is already closing, does nothing the second time."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.geometry import Offset
from textual.widgets import Static

from console.tui.actions import DIALOGS
from console.tui.app import ConsoleApp
from console.tui.screens.dialog import AskScreen
from tests.tui.faking import fake_engine
from tests.widgets.hosting import page, until


async def test_enter_twice_on_cancel_closes_once() -> None:
    answers: list[str | None] = []
    app: App[None] = App()
    async with app.run_test() as pilot:
        screen = AskScreen("Sure?", ["Say."], [("no", "Cancel"), ("yes", "Do it")])
        await app.push_screen(screen, answers.append)
        await pilot.pause()
        screen.leave()
        screen.leave()
        await pilot.pause()
        assert answers == [None]
        assert app.is_running


async def test_a_click_on_a_notification_that_is_just_going_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clicks come faster than the screen: the second one hits what the first one took away."""
    engine = fake_engine(monkeypatch, tmp_path)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24)) as pilot:
        gone = Static("a notification that was taken away; the screen is not laid out again yet")
        monkeypatch.setattr(app.screen, "get_widget_and_offset_at", lambda x, y: (gone, Offset(0, 0)))
        app.post_message(events.MouseDown(None, 5, 9, 0, 0, 1, False, False, False))
        await pilot.pause()
        assert app.crash is None


async def test_leaving_while_a_dialog_opens_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its widgets may be gone before it is mounted."""
    engine = fake_engine(monkeypatch, tmp_path)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "free" in page(app))
        screen = DIALOGS["migrate"](engine.ctx)
        monkeypatch.setattr(type(screen), "compose", lambda self: ())
        app.leaving = True
        app.push_screen(screen)
        await pilot.pause()
        assert app.crash is None
    assert app.crash is None
