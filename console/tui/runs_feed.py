"""RunsFeed: what the Runs pane asks for, fetched from the engine; cancelling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from console.engine.errors import EngineError
from console.engine.model import OutcomeRow, RunRow, RunStatus
from console.tui.explanation import explanation_lines, fact_lines
from console.tui.screens.dialog import AskScreen, TextScreen
from console.tui.work import WorkingApp
from widgets.pager.markdown import plain
from widgets.runs.messages import FileWanted

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.observe.runs_undo import UndoWords
    from console.engine.observe.trends import Trends
    from console.tui.feed import FedApp
    from widgets.overview import OverviewPane
    from widgets.runs import RunDetail, RunsPane
    from widgets.runs.compare import RunComparison

OUTCOMES_PAGE = 200


class RunsFeed(WorkingApp):
    """The part of FedApp that feeds the Runs pane."""

    ctx: Context
    trends: Trends | None = None
    _trends_of: tuple[str, date] | None = None  # the last run and the day that they are of
    _undo_next: RunRow | None = None
    _undo_looking = False

    @property
    def _app(self) -> FedApp:
        return self  # type: ignore[return-value]

    def on_runs_pane_more_wanted(self, message: RunsPane.MoreWanted) -> None:
        from console.engine.runs.query import RunsFound, find_runs
        from console.engine.runs.wanted import parse_filter

        pane, before, text = self._app.runs_pane, message.before_seq, message.filter
        if pane is None:
            return

        def read() -> RunsFound:
            return find_runs(self.ctx, parse_filter(text), before_seq=before, counted=bool(text))

        self.fetch("runs", read, lambda it: pane.add_older(before, text, it.rows, it.total, it.of))

    # ── trends ────────────────────────────────────────────────────────────────────────────────────────────────

    def on_overview_pane_trends_wanted(self, message: OverviewPane.TrendsWanted) -> None:
        self.show_trend_plots()

    def show_trend_plots(self) -> None:
        """The plots of weeks, in a dialog."""
        from console.tui.screens.trends import TrendsScreen

        self.push_screen(TrendsScreen(self.ctx))

    def look_at_trends(self, runs: Sequence[RunRow]) -> None:
        """Read them anew when another run has ended, or another day has begun. runs: the newest first."""
        last = next((run.id for run in runs if run.status != RunStatus.RUNNING), "")
        seen = (last, self.ctx.env.now().astimezone(self._app.time_zone).date())
        if not last or seen == self._trends_of or self.leaving:
            return
        self._trends_of = seen

        def read() -> Trends | None:
            from console.engine.observe.trends import trends

            return trends(self.ctx)

        self.fetch("trends", read, self._app.show_trends, lambda error: None)  # a broken ledger is said elsewhere

    # ── two runs ──────────────────────────────────────────────────────────────────────────────────────────────

    def on_runs_pane_compare_wanted(self, message: RunsPane.CompareWanted) -> None:
        from console.engine.observe.runs_compare import RunsCompared, compare_runs

        pane, first, second = self._app.runs_pane, message.before.id, message.after.id
        if pane is None:
            return
        page = pane.comparison
        wanted = page.wanted

        def compare() -> RunsCompared | None:
            return compare_runs(self.ctx, first, second, cancelled=lambda: self.leaving or page.wanted != wanted)

        def failed(error: Exception) -> None:
            if page.wanted == wanted:
                page.failed(" · ".join(error.lines()) if isinstance(error, EngineError) else str(error))

        def compared(found: RunsCompared | None) -> None:
            if found is not None:
                pane.show_comparison(found)

        self.fetch("compare", compare, compared, failed)

    def on_run_comparison_files_wanted(self, message: RunComparison.FilesWanted) -> None:
        from console.engine.observe.runs_compare import compared_files

        pane, found, change, start = self._app.runs_pane, message.found, message.change, message.start
        if pane is not None:
            self.fetch(
                "compared",
                lambda: compared_files(self.ctx, found, change, start, OUTCOMES_PAGE),
                lambda files: pane.comparison.add_files(found, change, start, files),
            )

    async def on_runs_file_wanted(self, message: FileWanted) -> None:
        await self._app.show_file(message.path)

    async def on_runs_pane_causes_wanted(self, message: RunsPane.CausesWanted) -> None:
        await self._app.show_causes()

    def on_runs_pane_procedure_wanted(self, message: RunsPane.ProcedureWanted) -> None:
        self._app.procedure_for_run(message.run)

    # ── one run ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_run_detail_undo_wanted(self, message: RunDetail.UndoWanted) -> None:
        """One at a time: whoever moves down a list wants the last of many."""
        self._undo_next = message.run
        if not self._undo_looking:
            self._look_at_undo()

    def _look_at_undo(self) -> None:
        from console.engine.observe.runs_undo import undo_words

        run, self._undo_next = self._undo_next, None
        if run is None:
            return
        self._undo_looking = True

        def found(undo: UndoWords | None) -> None:
            self._undo_looking = False
            pane = self._app.runs_pane
            if undo is not None and pane is not None:
                pane.detail.show_undo(run, undo)
            self._look_at_undo()

        self.fetch("undo", lambda: undo_words(self.ctx, run), found, lambda error: found(None))

    def on_run_detail_outcomes_wanted(self, message: RunDetail.OutcomesWanted) -> None:
        from console.engine.runs.query import run_outcomes, weighed_outcomes

        run, after, outcome, live = message.run, message.after_id, message.outcome, message.live
        pane = self._app.runs_pane
        if pane is None:
            return

        def read() -> list[OutcomeRow]:
            if live or outcome:
                return run_outcomes(self.ctx, run.seq, after_id=after, limit=OUTCOMES_PAGE, outcome=outcome)
            return weighed_outcomes(self.ctx, run.seq, after_id=after, limit=OUTCOMES_PAGE)

        self.fetch(
            "outcomes",
            read,
            lambda page: pane.detail.add_outcomes(run.seq, after, outcome, page, OUTCOMES_PAGE, live=live),
        )

    def on_run_detail_report_wanted(self, message: RunDetail.ReportWanted) -> None:
        run = message.run
        screen = TextScreen(f"Report of {run.id}", "reading…")
        self.push_screen(screen)

        def read() -> str:
            from console.engine.ledger.store import reading
            from console.engine.observe.report import render_report

            with reading(self.ctx.workspace.ledger) as connection:
                return "there is no ledger" if connection is None else render_report(self.ctx, connection, run.seq)

        self.fetch("report", read, lambda text: screen.set_lines(plain(text)))

    async def on_run_detail_log_wanted(self, message: RunDetail.LogWanted) -> None:
        pane = await self._app.main.show_pane("logs")
        show = getattr(pane, "show_run", None)
        if callable(show):
            show(message.run.id)

    def on_run_detail_outcome_chosen(self, message: RunDetail.OutcomeChosen) -> None:
        row = message.outcome
        facts = (
            ("outcome", row.outcome.value),
            ("why", row.reason),
            ("size", f"{row.size:,} bytes" if row.size else ""),
            ("sha256", row.sha256),
            ("published", row.dest),
            ("replaced", row.replaced_sha256),
            ("backup", row.backup),
            ("run", message.run.id),
        )
        screen = TextScreen("File", lines_=fact_lines(row.path, facts))
        self.push_screen(screen)

        def read() -> list[tuple[str, str]]:
            from console.engine.observe.files import explain

            return explanation_lines(explain(self.ctx, row.path))

        self.fetch("explain", read, screen.add_lines, failed=lambda error: None)

    def on_run_detail_rollback_wanted(self, message: RunDetail.RollbackWanted) -> None:
        self._app.roll_back(message.run)

    def on_run_detail_cancel_wanted(self, message: RunDetail.CancelWanted) -> None:
        self.ask_cancel(message.run)

    def ask_cancel(self, run: RunRow) -> None:
        """Ask once more, then ask the run to stop."""
        ask = AskScreen(
            f"Cancel {run.action} {run.short}?",
            [
                "The files in hand are finished first. What was done stays done and consistent.",
                ("The rest is left for the next run.", "dim"),
            ],
            [("back", "Let it run"), ("cancel", "Cancel the run")],
            danger="cancel",
        )
        self.push_screen(ask, lambda choice: self.cancel_run(run) if choice == "cancel" else None)

    def cancel_run(self, run: RunRow) -> None:
        """Ask the run to stop."""
        from console.engine.runs.cancel import request_cancel

        def asked(row: RunRow) -> None:
            self.notify(f"{row.action} {row.short} is asked to stop; it finishes the files in hand.", markup=False)
            if self._app.watcher is not None:
                self._app.watcher.look()

        self.fetch("cancel", lambda: request_cancel(self.ctx, run.id), asked)
