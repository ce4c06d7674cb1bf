"""RunDetail: one run, its numbers and its files; while it runs its bar, its time left and the way to cancel it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from console.engine.model import OutcomeRow, RunRow, RunStatus
from console.engine.runs.unsettled import is_unsettled
from console.engine.text import count, duration, size
from widgets.look import Cell, bar, lines, marked, paint, short_time
from widgets.push import Push, PushRow
from widgets.runs.messages import FileWanted
from widgets.runs.words import (
    COUNTED,
    OUTCOME_SIGNS,
    OUTCOME_WORDS,
    by,
    can_roll_back,
    counts_cells,
    gate_cells,
    next_steps,
    status_cell,
    took,
    why_no_rollback,
)
from widgets.table import Column, VirtualTable

if TYPE_CHECKING:
    from console.engine.observe.runs_undo import UndoWords

# What `f` goes through: the title and the outcomes that are asked for ('' = all).
FILTERS = (("all files", ""), ("failed", "failed"), ("published", "published"), ("replaced", "replaced"))


class RunDetail(Vertical):
    """Attributes in: run; seconds_left and rate while it runs; outcomes (append pages with `add_outcomes`); what a
    rollback of it would undo (`show_undo`).

    Messages out: OutcomesWanted (a page), UndoWanted, ReportWanted, LogWanted, RollbackWanted, CompareWanted,
    CancelWanted, OutcomeChosen, FileWanted, Back.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "next_filter", "Which files", show=False),
        Binding("r", "report", "Report", show=False),
        Binding("l", "log", "Log", show=False),
        Binding("b", "rollback", "Roll back", show=False),
        Binding("s", "file", "The file in State", show=False),
        Binding("escape", "back", "Back", show=False),
    ]
    DEFAULT_CSS = """
    RunDetail {
        height: 1fr; width: 1fr;
        & > #run-facts { height: auto; padding: 0 1; }
        & > #run-head, & > #run-progress { height: 1; padding: 0 1; }
        & > #run-buttons { margin: 0 0 0 1; }
        & > #run-which { height: 1; padding: 0 1; margin-top: 1; color: $text-muted; }
    }
    """

    class OutcomesWanted(Message):
        """A page of outcomes after `after_id` (0: from the start), `outcome` '' for all.

        live: in the order recorded, because the run goes on and none must be missed; else what weighs most first.
        """

        def __init__(self, run: RunRow, after_id: int, outcome: str) -> None:
            super().__init__()
            self.run, self.after_id, self.outcome = run, after_id, outcome
            self.live = run.status == RunStatus.RUNNING

    class UndoWanted(Message):
        """What can be undone of this run; `show_undo` takes it."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class CompareWanted(Message):
        """Compare it with the marked run, or with the one before it."""

    class ReportWanted(Message):
        """Show the report of this run."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class LogWanted(Message):
        """Show what the log says of this run."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class RollbackWanted(Message):
        """Somebody wants to see what rolling this run back would do."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class CancelWanted(Message):
        """Somebody wants this run to stop; whoever gets this asks once more."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class OutcomeChosen(Message):
        """One file of the run: why it failed, where it lies."""

        def __init__(self, run: RunRow, outcome: OutcomeRow) -> None:
            super().__init__()
            self.run, self.outcome = run, outcome

    class Back(Message):
        """Leave the detail."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.read_only = False
        self.prefix = ""  # what every path begins with and nobody needs to read: the raw zone
        self._run: RunRow | None = None
        self._seconds_left: float | None = None
        self._rate = 0.0
        self._outcomes: list[OutcomeRow] = []
        self._filter = 0
        self._drawn: dict[str, str] = {}
        self._undo: UndoWords | None = None
        self._complete = False  # the last page is here
        self._asked = -1  # the page that was asked for last
        self._answered = False  # a page of this run has come, be it an empty one

    def compose(self) -> ComposeResult:
        yield Static(id="run-head", markup=False)
        yield Static(id="run-progress", markup=False)
        yield Static(id="run-facts", markup=False)
        with PushRow(id="run-buttons", classes="-left"):
            yield Push("Report", hint="r", id="run-report")
            yield Push("Show failed", hint="f", id="run-filter")
            yield Push("Log", hint="l", id="run-log")
            yield Push("Compare", hint="c", id="run-compare")
            yield Push("Roll back", hint="b", id="run-rollback")
            yield Push("Cancel this run", id="run-cancel", classes="-danger")
        yield Static(id="run-which", markup=False)
        yield VirtualTable(
            [
                Column("outcome", 12),
                Column("file", cut="middle", share=3),
                Column("size", 8, "right", from_width=100),
                Column("why", from_width=60, share=2),
            ],
            id="run-files",
        )

    def on_mount(self) -> None:
        self._show()

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def run(self) -> RunRow | None:
        """The run that is shown. Another one starts from the top; the same one only moves on."""
        return self._run

    @run.setter
    def run(self, run: RunRow | None) -> None:
        other = (run and run.id) != (self._run and self._run.id)
        was = self._run
        ended = bool(
            run and was and (was.status == RunStatus.RUNNING != run.status or (run.ended_at and not was.ended_at))
        )
        self._run = run
        if other:
            self._seconds_left, self._rate, self._filter, self._undo = None, 0.0, 0, None
            self._restart()
        elif ended:
            self._seconds_left = None
            self._restart()  # now in the order of what weighs most
        if other or ended:
            self.ask_undo()
        if self.is_mounted:
            self._show()

    def progress(self, run: RunRow, rate: float, seconds_left: float | None) -> None:
        """What `follow` says now: files per second and seconds left (None: not known)."""
        self._rate, self._seconds_left = rate, seconds_left
        self.run = run

    def ask_undo(self) -> None:
        """Ask once more what a rollback would undo: another run may have taken it back by now."""
        if self._run is not None:
            self.post_message(self.UndoWanted(self._run).set_sender(self))

    def show_undo(self, run: RunRow, undo: UndoWords) -> None:
        """The answer; ignored when another run is shown by now, or this one has ended since."""
        shown = self._run
        if shown is not None and (shown.id, shown.status) == (run.id, run.status):
            self._undo = undo
            self._show()

    def add_outcomes(
        self,
        run_seq: int,
        after_id: int,
        outcome: str,
        page: Sequence[OutcomeRow],
        limit: int,
        *,
        live: bool = False,
    ) -> None:
        """A page that was asked for; ignored when another run, filter or order is shown by now."""
        last = self._outcomes[-1].id if self._outcomes else 0
        if self._run is None or run_seq != self._run.seq or outcome != FILTERS[self._filter][1] or after_id != last:
            return
        if live != (self._run.status == RunStatus.RUNNING):
            return
        self._asked, self._answered = -1, True
        self._outcomes += page
        self._complete = len(page) < limit and self._run.status != RunStatus.RUNNING
        table = self.query_one("#run-files", VirtualTable)
        table.extend([_outcome_cells(row, self.prefix) for row in page])
        self._show_which()
        if page and table.at_end:
            self._more()

    def _restart(self) -> None:
        self._outcomes, self._complete, self._asked, self._answered = [], False, -1, False
        if self.is_mounted:
            table = self.query_one("#run-files", VirtualTable)
            table.rows = ()
            table.cursor = 0
        self._more()

    def _more(self) -> None:
        last = self._outcomes[-1].id if self._outcomes else 0
        if self._run is not None and not self._complete and self._asked != last:
            self._asked = last
            wanted = self.OutcomesWanted(self._run, last, FILTERS[self._filter][1])
            # whoever set the run is the sender by default, and at the list around us it would go no further
            self.post_message(wanted.set_sender(self))

    def more(self) -> None:
        """Ask for outcomes that were recorded since the last page, where they would be seen."""
        if self.query_one("#run-files", VirtualTable).at_end:
            self._asked = -1
            self._more()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _head(self, run: RunRow) -> Content:
        now = datetime.now(UTC)
        head: list[Cell] = [(f"{run.action} {run.short}", "strong"), "  ", status_cell(run), "  "]
        head += [(f"{short_time(run.started_at, self.zone, now)} by {by(run)}", "dim")]
        return paint(*head, f"  in {took(run)}" if run.ended_at else "")

    def _facts(self, run: RunRow) -> Content:
        rows = [paint(*counts_cells(run, full=True))]
        plain = run.status in (RunStatus.RUNNING, RunStatus.DONE, RunStatus.PARTIAL) and run.action in COUNTED
        if run.message and not plain:
            rows.append(paint((run.message, "bad" if run.status == RunStatus.FAILED else "")))
        checks: list[Cell] = [("Checks    ", "dim"), *gate_cells(run.gate)]
        if run.verification:
            checks += [("   verified  ", "dim"), *gate_cells(run.verification)]
        rows.append(paint(*checks))
        rows.append(paint(("Command   ", "dim"), f"$ {run.command}"))
        if self._undo is not None and run.status != RunStatus.RUNNING:
            words = self._undo.words.removeprefix("b: ") if self.read_only else self._undo.words
            rows.append(paint(("Undo      ", "dim"), *marked(words, "" if self._undo.possible else "dim")))
        steps = next_steps(run, held=self._undo is not None and self._undo.held)
        rows += [paint(*marked(text, "dim" if run.status == RunStatus.DONE else "")) for text in steps]
        return lines(rows)

    def _progress_line(self, run: RunRow) -> Content:
        if run.cancel_by:
            return paint((f"cancelling, asked by {run.cancel_by}: the files in hand are finished first", "warn"))
        if not run.total_files:
            return paint((f"{run.phase or 'starting'}…", "running"))
        fraction = run.done_files / run.total_files
        room = max(8, min(40, (self.size.width or 80) - 50))
        full, rest = bar(fraction, room)
        left = "" if self._seconds_left is None else f"   {duration(self._seconds_left)} left"
        rate = f"   {self._rate:,.0f} files/s" if self._rate else ""
        return paint(
            (full, "running"),
            (rest, "dim"),
            f" {fraction * 100:3.0f}%  {count(run.done_files)}/{count(run.total_files)}",
            (left, "strong"),
            (rate, "dim"),
        )

    def _show(self) -> None:
        run = self._run
        running = run is not None and run.status == RunStatus.RUNNING
        self._put("run-head", self._head(run) if run else paint(("choose a run", "dim")))
        self._put("run-progress", self._progress_line(run) if run and running else Content(""))
        self.query_one("#run-progress").display = running
        self._put("run-facts", self._facts(run) if run else Content(""))
        self.query_one("#run-buttons").display = run is not None
        possible = run is not None and (self._undo.possible if self._undo else can_roll_back(run))
        ended = run is not None and run.status != RunStatus.RUNNING
        self.query_one("#run-rollback").display = possible and ended and not self.read_only
        cancel = self.query_one("#run-cancel", Push)
        cancel.display = bool(run and run.status == RunStatus.RUNNING and not self.read_only)
        cancel.disabled = bool(run and run.cancel_by)
        self._show_which()

    def _put(self, name: str, content: Content) -> None:
        """Draw this part, if it reads differently: during a run only the bar moves."""
        if self._drawn.get(name) != content.markup:
            self._drawn[name] = content.markup
            self.query_one(f"#{name}", Static).update(content)

    def _show_which(self) -> None:
        title = FILTERS[self._filter][0]
        if self._run is None:
            self._put("run-which", Content(""))
            self.query_one("#run-files", VirtualTable).empty = ""
            return
        known = count(len(self._outcomes)) + ("" if self._complete else " and more")
        if not self._outcomes and not self._complete:
            known = "none recorded yet" if self._answered else "reading…"
        elif self._complete and is_unsettled(self._run):
            known += " recorded, what it had in hand is not settled yet"
        self._put("run-which", paint((f"{title}: {known}   Enter: why and where   s: in State", "dim")))
        self.query_one("#run-filter", Push).label = f"Show {FILTERS[(self._filter + 1) % len(FILTERS)][0]}"
        table = self.query_one("#run-files", VirtualTable)
        nothing = "no file was changed and none failed" if not self._filter else f"none {title}"
        if is_unsettled(self._run):
            nothing = "none recorded: what it has done is known once it is settled"
        table.empty = nothing if self._complete else "none recorded yet" if self._answered else "reading…"

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def action_next_filter(self) -> None:
        self._filter = (self._filter + 1) % len(FILTERS)
        self._restart()
        self._show_which()

    def action_report(self) -> None:
        if self._run:
            self.post_message(self.ReportWanted(self._run))

    def action_log(self) -> None:
        if self._run:
            self.post_message(self.LogWanted(self._run))

    def action_rollback(self) -> None:
        run = self._run
        if run and self.query_one("#run-rollback").display:
            self.post_message(self.RollbackWanted(run))
        elif run:
            self.notify(
                why_no_rollback(run, self._undo, read_only=self.read_only), title="Roll back", markup=False, timeout=8
            )

    def action_file(self) -> None:
        at = self.query_one("#run-files", VirtualTable).cursor
        if at < len(self._outcomes):
            self.post_message(FileWanted(self._outcomes[at].path))

    def action_back(self) -> None:
        self.post_message(self.Back())

    def on_push_pressed(self, message: Push.Pressed) -> None:
        message.stop()
        if message.push.id == "run-report":
            self.action_report()
        elif message.push.id == "run-filter":
            self.action_next_filter()
        elif message.push.id == "run-log":
            self.action_log()
        elif message.push.id == "run-rollback":
            self.action_rollback()
        elif message.push.id == "run-compare":
            self.post_message(self.CompareWanted())
        elif self._run:
            self.post_message(self.CancelWanted(self._run))

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()
        self._more()

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if self._run and message.index < len(self._outcomes):
            self.post_message(self.OutcomeChosen(self._run, self._outcomes[message.index]))


def _outcome_cells(row: OutcomeRow, prefix: str) -> tuple[Cell, ...]:
    sign, tone = OUTCOME_SIGNS[row.outcome]
    word = OUTCOME_WORDS.get(row.outcome, row.outcome.value)
    return ((f"{sign} {word}", tone), row.path.removeprefix(prefix), size(row.size), (row.reason, "dim"))
