"""What the console keeps of its operator's being here, and what it finds out about the state file meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from console.engine.observe.alerts import Cause

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.observe.alerts import Alert
    from console.engine.observe.overview import Overview
    from console.engine.observe.state_file import StateFileLook
    from console.engine.observe.visits import Away
    from console.tui.feed import FedApp

VISIT_SECONDS = 300.0
LEAVE_SECONDS = 0.2  # so long at most leaving waits for its visit to be written
HAND_SECONDS = 3600.0  # between two looks for what was done by hand, while nothing else asks for one
REST_SECONDS = 10.0  # between two looks at a state file that goes on changing


class Visits:
    """Reads once what happened since this person was here last; writes again and again that they are here."""

    def __init__(self, app: FedApp) -> None:
        self._app = app
        self._note: Path | None = None  # that this console is open

    def begin(self) -> None:
        """Ask what happened, before anything is written."""
        from console.engine.observe.visits import since_last_visit

        ctx = self._app.ctx
        self._app.fetch("away", lambda: since_last_visit(ctx), self._told, failed=lambda error: self._told(None))

    def _told(self, away: Away | None) -> None:
        self._app.show_away(away)
        if not self._app.ctx.read_only:
            self._app.set_interval(VISIT_SECONDS, self._here)
            self.arrive()

    def arrive(self) -> None:
        """Let other consoles know that this one is open, once there is a place for that."""
        if self._note is not None or self._app.ctx.read_only:
            return
        from console.engine.observe.here import arrive

        ctx = self._app.ctx
        self._app.fetch("arrive", lambda: arrive(ctx), self._arrived, failed=lambda error: None)

    def _arrived(self, note: Path | None) -> None:
        self._note = note

    def _here(self) -> None:
        self.arrive()
        if self._app.running is None:  # a run has better use for the ledger
            self._app.fetch("visit", lambda: _record(self._app.ctx), lambda done: None, failed=lambda error: None)

    def leave(self) -> None:
        """Write it for the last time, and wait for that only as long as nobody notices."""
        if self._note is not None:
            self._note.unlink(missing_ok=True)
        if self._app.ctx.read_only or not self._app.ctx.workspace.ledger.exists():
            return
        last = threading.Thread(target=_record, args=(self._app.ctx,), name="visit", daemon=True)
        last.start()
        last.join(LEAVE_SECONDS)


def _record(ctx: Context) -> bool:
    from console.engine.observe.visits import record_visit

    return record_visit(ctx)


class StateFileEye:
    """Reads a changed state file in a helper process, once for each change, and puts what it finds into overviews."""

    def __init__(self, app: FedApp) -> None:
        self._app = app
        self._look: StateFileLook | None = None
        self._busy = False

    def seen(self, overview: Overview) -> Overview:
        """The overview with what is known of the state file; a look begins where one is due."""
        found = overview.state_file
        if found is None:
            self._look = None
            return overview
        if not self._busy and (self._look is None or self._look.identity != found):
            self._begin()
        if self._look is None:
            return overview
        from console.engine.observe.state_file import with_state_file

        return with_state_file(overview, self._look)

    def _begin(self) -> None:
        from console.tui.planner import state_file

        self._busy = True
        app = self._app
        app.fetch(
            "state file",
            lambda: state_file(app.ctx, cancelled=lambda: app.leaving),
            self._found,
            failed=lambda error: app.set_timer(REST_SECONDS, self._rested),
        )

    def _found(self, look: StateFileLook | None) -> None:
        self._look = look
        self._app.overview_again()
        self._app.set_timer(REST_SECONDS, self._rested)

    def _rested(self) -> None:
        self._busy = False
        self._app.overview_again()


class HandEye:
    """Looks in a helper process for what somebody did by hand: at the start, after each run, when asked, and every
    hour; puts what it finds into overviews."""

    def __init__(self, app: FedApp) -> None:
        self._app = app
        self._alerts: tuple[Alert, ...] = ()
        self._busy = False
        self._due = True

    def seen(self, overview: Overview) -> Overview:
        """The overview with what is known; a look begins where one is due and there is something to compare."""
        if any(alert.cause == Cause.DEAD_RUN for alert in overview.alerts):
            return overview  # what it could not record any more was nobody's hand: the next run settles it
        if self._due and not self._busy and overview.published and overview.running is None:
            self._begin()
        return replace(overview, alerts=(*overview.alerts, *self._alerts)) if self._alerts else overview

    def due(self) -> None:
        """A look begins with the next overview that is read."""
        self._due = True

    def look_again(self) -> None:
        """Look now."""
        self._due = True
        if not self._app.leaving:
            self._app.overview_again()

    def _begin(self) -> None:
        from console.tui.planner import by_hand

        self._busy, self._due = True, False
        app = self._app
        app.fetch(
            "by hand",
            lambda: by_hand(app.ctx, cancelled=lambda: app.leaving),
            self._found,
            failed=lambda error: self._found(()),  # what keeps it from looking is told elsewhere
        )
        app.set_timer(HAND_SECONDS, self.look_again)

    def _found(self, alerts: tuple[Alert, ...] | None) -> None:
        self._busy = False
        if alerts is not None and alerts != self._alerts:
            self._alerts = alerts
            self._app.overview_again()
