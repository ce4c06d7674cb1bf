"""A key pressed twice on a dialog that is already closing does nothing the second time."""

from __future__ import annotations

from textual.app import App

from console.tui.screens.dialog import AskScreen


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
