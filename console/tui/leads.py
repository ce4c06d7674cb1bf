"""Where Enter on an alert leads: to the plan, the run or the list that helps, else to all that is known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.engine.model import Check
from console.engine.observe.alerts import Alert, Cause
from console.tui.screens.dialog import TextScreen

if TYPE_CHECKING:
    from console.engine.model import RunRow
    from console.tui.feed import FedApp


def open_alert(app: FedApp, alert: Alert) -> None:
    """Lead to what helps against this alert."""
    (_show if alert.verdict == Check.UNKNOWN else _LEADS.get(alert.cause, _show))(app, alert)


def alert_lines(alert: Alert) -> list[tuple[str, str]]:
    """All that is known of it, as lines for a TextScreen."""
    shown = [(alert.text, "strong")]
    if alert.next_step and (not alert.details or alert.cause in (Cause.ERRORS, Cause.SCHEMA)):  # else they say it
        shown += [("", ""), (alert.next_step, "accent")]
    if alert.details:
        shown += [("", ""), *((line, "") for line in alert.details)]
    return shown


_TITLES = {
    Cause.STATE_FILE: "State file",
    Cause.BROKEN_STATE_FILE: "State file",
    Cause.NEWER_LEDGER: "A newer ledger",
    Cause.OLDER_LEDGER: "An older ledger",
    Cause.LEDGER: "Ledger",
    Cause.HELD: "Held files",
    Cause.BY_HAND: "Done by hand",
    Cause.OTHERS: "Not ours, left as it is",
    Cause.ERRORS: "Errors in the logs",
    Cause.SCHEMA: "Schema",
}


def _show(app: FedApp, alert: Alert) -> None:
    app.push_screen(TextScreen(_TITLES.get(alert.cause, "Alert"), lines_=alert_lines(alert)))


def _adopt(app: FedApp, alert: Alert) -> None:
    app.act("adopt")


def _run(app: FedApp, alert: Alert) -> None:
    from console.engine.runs.query import told_run

    async def found(row: RunRow | None) -> None:
        if row is None:
            _show(app, alert)
        else:
            await app.show_run(row)

    app.fetch("run", lambda: told_run(app.ctx, alert.run), lambda row: app.call_later(found, row))


def _failing(app: FedApp, alert: Alert) -> None:
    app.call_later(app.show_causes)


def _repair(app: FedApp, alert: Alert) -> None:
    app.act("repair")


def _disk(app: FedApp, alert: Alert) -> None:
    app.call_later(app.main.show_pane, "disk")


def _migrate(app: FedApp, alert: Alert) -> None:
    app.act("migrate")


def _verify(app: FedApp, alert: Alert) -> None:
    app.act("verify")


def _schema(app: FedApp, alert: Alert) -> None:
    if alert.verdict == Check.FAIL:  # it does not load: nothing can be judged by it
        _show(app, alert)
    else:
        app.act("reprocess")


def _maintenance(app: FedApp, alert: Alert) -> None:
    app.ask_maintenance()


_LEADS: dict[Cause, Callable[[FedApp, Alert], None]] = {
    Cause.ADOPTION: _adopt,
    Cause.LEFT: _adopt,
    Cause.DAMAGE: _repair,
    Cause.MAINTENANCE: _maintenance,
    Cause.DEAD_RUN: _run,
    Cause.LAST_RUN: _run,
    Cause.FAILING: _failing,
    Cause.EXPIRED: _failing,
    Cause.FAILURE_RATE: _failing,
    Cause.DISK: _disk,
    Cause.LOG_SIZE: _disk,
    Cause.NO_MIGRATION: _migrate,
    Cause.VERIFY_OVERDUE: _verify,
    Cause.SCHEMA: _schema,
    Cause.SLOW: _run,
}
