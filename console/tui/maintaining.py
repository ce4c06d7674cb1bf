"""Maintenance from the console: all processing stopped with a reason, or allowed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.tui.screens.dialog import AskScreen

if TYPE_CHECKING:
    from console.tui.app import ConsoleApp


def ask_maintenance(app: ConsoleApp) -> None:
    """The dialog that fits: turn it on with a reason, or lift it."""
    from console.engine.checks.maintenance import read_maintenance

    if not app.may_change("Maintenance"):
        return
    standing = read_maintenance(app.ctx)
    if standing is None:
        _ask_on(app)
        return
    lift = AskScreen(
        "Maintenance: lift it?",
        [standing.sentence(), ("Runs can start again, timers too. Who lifted it is recorded.", "dim")],
        [("back", "Leave it on"), ("off", "Lift maintenance")],
    )
    app.push_screen(lift, lambda choice: _off(app) if choice == "off" else None)


def _ask_on(app: ConsoleApp) -> None:
    run = app.running
    choices = [("back", "Back"), ("on", "Stop processing")]
    says: list[str | tuple[str, str]] = [
        "New runs that process files are refused with your reason, timers too, until somebody lifts it.",
        ("What undoes, repairs or frees room still runs.", "dim"),
    ]
    if run is not None:
        says.append(f"{run.action} {run.short} is in progress.")
        choices = [("back", "Back"), ("on", "Let it end, then none"), ("cancel", "Cancel it too")]
    ask = AskScreen("Maintenance: stop all processing", says, choices, typed="the reason, in a few words")

    def answered(choice: str | None) -> None:
        if choice and ask.answer:
            _on(app, ask.answer)
            if choice == "cancel" and run is not None:
                app.cancel_run(run)

    app.push_screen(ask, answered)


def _on(app: ConsoleApp, reason: str) -> None:
    from console.engine.checks.maintenance import turn_on

    def done(answer: tuple[object, str]) -> None:
        _say(app, "Maintenance is on: nothing new is processed.", answer[1])

    app.fetch("maintenance", lambda: turn_on(app.ctx, reason), done)


def _off(app: ConsoleApp) -> None:
    from console.engine.checks.maintenance import turn_off

    def done(answer: tuple[object, str]) -> None:
        _say(app, "Maintenance is lifted: runs can start again.", answer[1])

    app.fetch("maintenance", lambda: turn_off(app.ctx), done)


def _say(app: ConsoleApp, text: str, unrecorded: str) -> None:
    app.notify(f"{text} The ledger could not record it: {unrecorded}" if unrecorded else text, markup=False)
    app.action_look_again()
