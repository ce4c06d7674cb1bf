"""FedApp: owns every worker; hears the watcher, asks the engine what panes want, and sets it on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.model import MigrateParams, Plan, RunRow, RunStatus
from console.engine.text import size
from console.tui.checklists_feed import ChecklistsFeed
from console.tui.disk_feed import DiskFeed
from console.tui.leads import open_alert
from console.tui.logs_feed import LogsFeed
from console.tui.messages import (
    DisksRead,
    Fetched,
    OverviewRead,
    RulesRead,
    RunEnded,
    RunMoved,
    TroubleRead,
)
from console.tui.others_feed import OthersFeed
from console.tui.presence import HandEye, StateFileEye, Visits
from console.tui.procedures_acts import ProceduresActs
from console.tui.rules import RulesEye
from console.tui.runs_feed import RunsFeed
from console.tui.screens.main import MainScreen, PaneMade
from console.tui.state_feed import StateFeed
from console.tui.watch import Watcher
from console.tui.zone import time_zone
from widgets.actionbar import ActionBar
from widgets.overview import OverviewPane
from widgets.overview.overview import DISK_BAD, DISK_WARN
from widgets.status import RunState, StatusLine

if TYPE_CHECKING:
    from console.engine.observe.alerts import Alert
    from console.engine.observe.disk import ZoneDisk
    from console.engine.observe.overview import Overview
    from console.engine.observe.trends import Trends
    from console.engine.observe.visits import Away
    from console.engine.runs.start import StartedRun
    from widgets.runs import RunsPane


class FedApp(StateFeed, DiskFeed, ChecklistsFeed, ProceduresActs, RunsFeed, LogsFeed, OthersFeed):
    """The part of the console that brings data; keys and commands are ConsoleApp's."""

    def __init__(self, ctx: Context, *, trouble: Iterable[str] = ()) -> None:
        super().__init__()
        self.ctx = ctx
        self.running: RunRow | None = None
        self._seconds_left: float | None = None
        self.configuration_trouble = tuple(trouble)
        self._ledger_trouble: tuple[str, ...] = ()
        self._overview: Overview | None = None
        self._runs: Sequence[RunRow] = ()
        self._disks: Sequence[ZoneDisk] = ()
        self._waiting: Plan | None = None
        self._waiting_note = "looking…"
        self.watcher: Watcher | None = None
        self._to_show = ""  # a run that was started here and that the ledger has not shown yet
        self.time_zone = time_zone(ctx.settings.time_zone)
        self.refusal = ""  # why nothing can be changed from here although the session may: a newer ledger
        self.visits = Visits(self)
        self._eye = StateFileEye(self)
        self._hand = HandEye(self)
        self._rules = RulesEye(self)
        self._read: Overview | None = None  # what the watcher said last, before the eye's findings went in
        self._away: Away | None = None

    @property
    def alerts_now(self) -> tuple[Alert, ...]:
        """All that are known."""
        return self._overview.alerts if self._overview is not None else ()

    @property
    def runs_now(self) -> Sequence[RunRow]:
        """The newest runs."""
        return self._runs

    @property
    def unreadable(self) -> str:
        """Why nothing is known of what the ledger has; '' where it can be read."""
        return self._overview.unreadable if self._overview is not None else ""

    @property
    def only_looking(self) -> bool:
        """Whether nothing can be changed from here."""
        return self.ctx.read_only or bool(self.refusal)

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────────────

    def start_feeding(self) -> None:
        """Start the watcher and look for what is waiting."""
        self.fill_status()
        if self.configuration_trouble:
            self._waiting_note = "not known: the configuration does not load"
            self._fill_overview()
        watcher = Watcher(self.ctx, self.post_message)
        self.watcher = watcher
        self.run_worker(watcher.run, name="watch", group="watch", thread=True, exit_on_error=False)
        self.visits.begin()
        self._rules.begin()
        self._look_for_waiting()

    def stop_feeding(self) -> None:
        """Ask every thread to end."""
        self.leaving = True
        if self.watcher is not None:
            self.watcher.stop()

    # ── finding panes ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def main(self) -> MainScreen:
        """The screen under all dialogs."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    @property
    def runs_pane(self) -> RunsPane | None:
        """The runs pane, once it was shown."""
        pane = self.main.pane("runs")
        return cast("RunsPane | None", pane)  # to ask for its class would load it before it is shown

    def on_pane_made(self, message: PaneMade) -> None:
        pane = message.pane
        runs = self.runs_pane
        if runs is not None and pane is runs:
            self._runs_made(runs)
        elif pane is self.disk_pane:
            self.disk_made(self.disk_pane)
            self.tell_disk_waiting(self._waiting, self._waiting_note)

    def _runs_made(self, pane: RunsPane) -> None:
        pane.zone = pane.detail.zone = self.time_zone
        pane.detail.read_only = self.only_looking
        pane.detail.prefix = self.ctx.settings.zones.raw.rstrip("/") + "/"
        pane.unreadable = self._overview.unreadable if self._overview else ""
        pane.runs = self._runs
        self.show_away(None)  # whoever sees the runs has been told

    # ── what the watcher says ─────────────────────────────────────────────────────────────────────────────────

    def on_overview_read(self, message: OverviewRead) -> None:
        if not self.screen_stack:  # the console is on its way out
            return
        before, self._read = self._read, message.overview
        self.overview_again()
        if before is not None and _last_of(before) != _last_of(message.overview):
            self._look_for_waiting()  # whoever ran it, from wherever
        self.look_at_trends(self._runs)
        pane = self.runs_pane
        if pane is not None:
            pane.unreadable = message.overview.unreadable
            pane.runs = self._runs
        if self._to_show:
            row = next((row for row in self._runs if row.id == self._to_show), None)
            if row is not None:
                self._to_show = ""
                self.call_later(self.show_run, row)

    def overview_again(self) -> None:
        """Show what the watcher said last, with what is known of the state file."""
        if self._read is None or self.leaving:
            return
        seen = self._rules.seen(self._hand.seen(self._eye.seen(self._read)))
        self._overview, self._runs, self.running = seen, seen.runs, seen.running
        if seen.refusal != self.refusal:
            self.refusal = seen.refusal
            self.main.query_one(ActionBar).read_only = self.only_looking
        self.fill_status()
        self._fill_overview()
        self.suggest_again()
        pane = self.main.pane("overview")
        if isinstance(pane, OverviewPane) and not seen.has_ledger:
            pane.call_after_refresh(pane.focus_offer)

    def show_away(self, away: Away | None) -> None:
        """What happened since the operator was here last; None takes it off the screen."""
        self.since = away.since if away else self.since
        if away != self._away:
            self._away = away
            self._fill_overview()

    def show_trends(self, trends: Trends | None) -> None:
        """The last two weeks; None where there is no ledger."""
        self.trends = trends
        self._fill_overview()

    def on_disks_read(self, message: DisksRead) -> None:
        self.look_at_trends(self._runs)  # another day may have begun
        self._disks = message.disks
        self.fill_status()
        self._fill_overview()
        self.read_usage()

    def on_rules_read(self, message: RulesRead) -> None:
        self._rules.quick(message.readings)

    def on_trouble_read(self, message: TroubleRead) -> None:
        if message.lines != self._ledger_trouble:
            self._ledger_trouble = message.lines
            self.fill_status()
            self._fill_overview()

    def on_run_moved(self, message: RunMoved) -> None:
        row = message.run
        self.running = row if row.status == RunStatus.RUNNING else self.running
        self._seconds_left = message.seconds_left
        self.fill_status()
        pane = self.runs_pane
        if pane is None:
            return
        pane.run_moved(row)
        if pane.detail.run is not None and pane.detail.run.id == row.id:
            pane.detail.progress(row, message.rate, message.seconds_left)
            pane.detail.more()

    def on_run_ended(self, message: RunEnded) -> None:
        self.running, self._seconds_left = None, None
        self.fill_status()
        self._hand.due()
        self._rules.look()
        self.visits.arrive()  # a first run has made a place for it
        self._look_for_waiting()
        for screen in self.screen_stack:
            ended = getattr(screen, "run_ended", None)
            if callable(ended):
                ended()

    # ── setting it on the widgets ─────────────────────────────────────────────────────────────────────────────

    def fill_status(self) -> None:
        """Everything in the first line."""
        line = self.main.query_one_optional(StatusLine)
        if line is None:  # the console is on its way out
            return
        ctx = self.ctx
        line.workspace = ctx.settings.name
        line.where = f"{ctx.env.who.host}:{ctx.workspace.root}"
        line.read_only = self.only_looking or bool(self._overview and self._overview.closed)
        line.zone = self.time_zone
        line.now = ctx.env.now
        line.maintenance = bool(self._overview and self._overview.maintenance)
        line.trouble = "configuration" if self.configuration_trouble else "ledger" if self._ledger_trouble else ""
        line.alerts = self._overview.counted if self._overview else 0
        line.disk = _disk_word(self._disks)
        line.others = tuple(each.who for each in self.others)
        line.session = self.session_word
        run = self.running
        line.running = None
        if run is not None:
            line.running = RunState(
                run.action,
                run.short,
                run.done_files,
                run.total_files,
                self._seconds_left,
                run.phase or "starting",
                bool(run.cancel_by),
            )
        line.update()

    def _fill_overview(self) -> None:
        pane = self.main.pane("overview")
        if isinstance(pane, OverviewPane):
            pane.zone = self.time_zone
            pane.overview, pane.waiting, pane.waiting_note = self._overview, self._waiting, self._waiting_note
            pane.disks, pane.away, pane.trends = self._disks, self._away, self.trends
            pane.trouble = (*self.configuration_trouble, *self._ledger_trouble)
            pane.update()

    def _look_for_waiting(self) -> None:
        """Scan the raw zone for what a migrate would find."""
        if self.configuration_trouble:
            return

        def look() -> Plan | str:
            from console.engine.actions.migrate.plan import plan_migrate
            from console.engine.checks.adoption import waits_for_adoption
            from console.engine.observe.files_waiting import on_disk

            if waits_for_adoption(self.ctx):
                return "not looked at: what the other program published is adopted first"
            plan = plan_migrate(self.ctx, MigrateParams(), cancelled=lambda: self.leaving, glance=True)
            if plan.unread is not None:
                return "not known: the ledger cannot be read"
            self.post_message(Fetched(self.show_on_disk, on_disk(self.ctx, plan)))
            return replace(plan, items=[])  # the pane shows counts; ten thousand items need no keeping

        def failed(error: Exception) -> None:
            says = error.lines() if isinstance(error, EngineError) else [f"{type(error).__name__}: {error}"]
            found(None, "not known: " + " · ".join(says))

        def found(plan: Plan | None, note: str = "looking…") -> None:
            self._waiting, self._waiting_note = plan, note
            self._fill_overview()
            self.tell_disk_waiting(plan, note)

        self.fetch("waiting", look, lambda it: found(None, it) if isinstance(it, str) else found(it), failed)

    # ── what panes want ───────────────────────────────────────────────────────────────────────────────────────

    def ask_maintenance(self) -> None:
        """Ask whether processing is to be stopped, or allowed again."""
        raise NotImplementedError

    def answer_for(self, alert: Alert) -> None:
        """Ask for the note by which an alert is acknowledged."""
        raise NotImplementedError

    def roll_back(self, run: RunRow) -> None:
        """Open the plan of taking this run back."""
        raise NotImplementedError

    def can_act(self, name: str) -> bool:
        """Whether this action can be planned from here; says why where it cannot."""
        raise NotImplementedError

    def may_change(self, what: str) -> bool:
        """Whether this console may change anything; says why where it may not."""
        raise NotImplementedError

    def copy(self, text: str, what: str) -> None:
        """To the terminal's clipboard."""
        raise NotImplementedError

    async def on_overview_pane_run_chosen(self, message: OverviewPane.RunChosen) -> None:
        await self.show_run(message.run)

    def on_overview_pane_alerts_wanted(self, message: OverviewPane.AlertsWanted) -> None:
        self._show_alerts(message.alerts)

    def action_alerts(self) -> None:
        """`!`, in every pane."""
        if self._overview is not None and len(self.screen_stack) == 1:
            self._show_alerts(self._overview.alerts)

    def _show_alerts(self, alerts: Sequence[Alert]) -> None:
        from console.tui.screens.alerts import AlertsScreen

        def chosen(alert: Alert | None) -> None:
            if alert is not None:
                open_alert(self, alert)

        self.push_screen(AlertsScreen(alerts, self.time_zone, self.answer_for, self.procedure_for_alert), chosen)

    def on_overview_pane_answer_wanted(self, message: OverviewPane.AnswerWanted) -> None:
        self.answer_for(message.alert)

    def on_overview_pane_procedure_wanted(self, message: OverviewPane.ProcedureWanted) -> None:
        self.procedure_for_alert(message.alert)

    def on_overview_pane_alert_chosen(self, message: OverviewPane.AlertChosen) -> None:
        open_alert(self, message.alert)

    async def on_overview_pane_away_chosen(self, message: OverviewPane.AwayChosen) -> None:
        await self.main.show_pane("runs")
        self.show_away(None)

    async def show_run(self, row: RunRow) -> None:
        """Go into this run, in the pane of runs."""
        pane = await self.main.show_pane("runs")
        runs = self.runs_pane
        if runs is not None and pane is runs:
            self.on_pane_made(PaneMade(runs))
            runs.show_run(row)

    # ── runs that are started, cancelled, looked for ──────────────────────────────────────────────────────────

    def run_started(self, started: StartedRun, *, show: bool = True) -> None:
        """A run was started from here; where `show` says so it is shown as soon as the ledger has it."""
        self._to_show = started.run_id if show else ""
        if self.watcher is not None:
            self.watcher.look(started)

    def action_look_again(self) -> None:
        """Read ledger, disks and the raw zone now."""
        if self.watcher is not None:
            self.watcher.look()
        self._look_for_waiting()
        self.state_again()
        self._hand.look_again()
        self._rules.look()
        self.procedures_again()


def _last_of(seen: Overview) -> str:
    """The id of the newest run that has ended."""
    return seen.last_run.id if seen.last_run else ""


def _disk_word(disks: Sequence[ZoneDisk]) -> tuple[str, str]:
    """The fullest file system, for the status line."""
    if not disks:
        return ("", "")
    worst = max(disks, key=lambda disk: disk.percent)
    tone = "bad" if worst.percent >= DISK_BAD else "warn" if worst.percent >= DISK_WARN else "dim"
    sign = "✗ " if tone == "bad" else "! " if tone == "warn" else ""
    return (f"{sign}{size(worst.free)} free", tone)
