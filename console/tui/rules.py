"""The rules of alerts in the console: the quick ones from the watcher, the slow ones from a helper process now and
then; and the note by which somebody answers for an alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from console.engine.observe.alerts import Alert

if TYPE_CHECKING:
    from console.engine.checks.alerts.model import Reading
    from console.engine.observe.overview import Overview
    from console.tui.app import ConsoleApp
    from console.tui.feed import FedApp

FIRST_SECONDS = 2.0  # after the console has opened, so that nothing waits for it
SLOW_SECONDS = 1800.0  # a helper process takes a quarter of a second, and some more where logs are large


class RulesEye:
    """Keeps what the rules said last and puts it into overviews, what was answered for as a note."""

    def __init__(self, app: FedApp) -> None:
        self._app = app
        self._quick: tuple[Reading, ...] = ()
        self._slow: tuple[Reading, ...] = ()
        self._busy = False
        self._again = False

    def begin(self) -> None:
        """Look for the first time, and from then on every half hour."""
        self._app.set_timer(FIRST_SECONDS, self.look)
        self._app.set_interval(SLOW_SECONDS, self.look)

    def seen(self, overview: Overview) -> Overview:
        """The overview with what is known."""
        from console.engine.checks.alerts.settle import settle

        return settle(overview, (*self._quick, *self._slow), overview.answers)

    def quick(self, readings: Sequence[Reading]) -> None:
        """The watcher has looked."""
        found = _shown(readings)
        if found != self._quick:
            self._quick = found
            self._app.overview_again()

    def look(self) -> None:
        """Ask the slow rules."""
        from console.tui.planner import rules

        app = self._app
        if self._busy or app.leaving or app.configuration_trouble:
            self._again = self._busy
            return
        self._busy = True
        app.fetch(
            "rules",
            lambda: rules(app.ctx, cancelled=lambda: app.leaving),
            self._found,
            failed=lambda error: self._found(None),  # what keeps it from looking is told elsewhere
        )

    def _found(self, readings: tuple[Reading, ...] | None) -> None:
        self._busy = False
        found = self._slow if readings is None else _shown(readings)
        if found != self._slow:
            self._slow = found
            self._app.overview_again()
        if self._again:
            self._again = False
            self.look()


def _shown(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """Those that are alerts, without the numbers behind them, some of which are others at every look."""
    return tuple(replace(reading, measured=()) for reading in readings if reading.alerts)


def answer_for(app: ConsoleApp, alert: Alert) -> None:
    """Ask for the note by which this alert is acknowledged, and keep it."""
    from console.tui.screens.dialog import AskScreen

    if not app.may_change("Acknowledge"):
        return
    if alert.answer is not None or not alert.key:
        told = (
            alert.answer.sentence() if alert.answer else "This goes away when its reason does; no note makes it quiet."
        )
        app.notify(told, title="Acknowledge", markup=False, timeout=6)
        return
    ask = AskScreen(
        "Acknowledge this alert",
        [alert.text, ("It is quiet until it gets worse, or is over and begins anew. Who noted it is recorded.", "dim")],
        [("back", "Back"), ("ack", "Acknowledge")],
        typed="what is done about it",
    )

    def answered(choice: str | None) -> None:
        if choice and ask.answer:
            _keep(app, alert, ask.answer)

    app.push_screen(ask, answered)


def _keep(app: ConsoleApp, alert: Alert, note: str) -> None:
    from console.engine.checks.alerts.answers import acknowledge

    def done(_: object) -> None:
        app.notify("Acknowledged.", markup=False, timeout=3)
        if app.watcher is not None:
            app.watcher.look()

    app.fetch("acknowledge", lambda: acknowledge(app.ctx, [alert], note), done)
