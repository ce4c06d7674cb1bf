"""RunsPane: what ran, newest first; Enter goes into one, `c` compares two. Where there is room the detail stands beside
the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from console.engine.model import RunRow, RunStatus
from console.engine.runs.wanted import EVERY, parse_filter
from widgets.look import paint
from widgets.runs.detail import RunDetail
from widgets.runs.foot import as_many, list_words
from widgets.runs.keys import FILTER_HINT, HELP, KEYS
from widgets.runs.words import RUN_COLUMNS, run_cells
from widgets.table import VirtualTable

if TYPE_CHECKING:  # else the Overview, which shows runs too, would load the ledger before it is drawn
    from console.engine.observe.runs_compare import RunsCompared
    from widgets.runs.compare import RunComparison

WIDE = 118  # cells from which list and detail stand side by side
LIST, DETAIL, COMPARE = "runs-list", "run-files", "compare-files"  # what has the keys


class RunsPane(Horizontal):
    """Attributes in: runs (newest first), filter (as console.engine.runs.wanted reads it), zone. Methods in:
    `show_run(row)`, `attach()`, and the answers `add_older`, `show_comparison`, `comparison_failed`.

    Messages out: MoreWanted, CompareWanted, CausesWanted, ProcedureWanted, and what RunDetail and RunComparison say.
    """

    HELP = HELP
    FILTER_HINT = FILTER_HINT
    BINDINGS: ClassVar[list[BindingType]] = KEYS
    DEFAULT_CSS = """
    RunsPane {
        height: 1fr;
        & > #runs-side { width: 1fr; height: 1fr; & > #runs-said { height: 1; padding: 0 1; color: $text-muted; } }
        & > RunDetail, & > RunComparison { display: none; }
        &.-detail > RunDetail { display: block; }
        &.-detail > #runs-side { display: none; }
        &.-wide > #runs-side { display: block; width: 52; border-right: solid $border-blurred; }
        &.-wide > RunDetail { display: block; }
        &.-compare > #runs-side, &.-compare > RunDetail { display: none; }
        &.-compare > RunComparison { display: block; }
    }
    RunsPane:ansi.-wide > #runs-side { border-right: solid ansi_default; }
    """

    class MoreWanted(Message):
        """Runs older than `before_seq` (0: from the newest) that fit the filter, for `add_older`."""

        def __init__(self, before_seq: int, filter: str) -> None:
            super().__init__()
            self.before_seq, self.filter = before_seq, filter

    class CompareWanted(Message):
        """What differs between these two, for `show_comparison`."""

        def __init__(self, before: RunRow, after: RunRow) -> None:
            super().__init__()
            self.before, self.after = before, after

    class ProcedureWanted(Message):
        """The procedure that this run leads to."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class CausesWanted(Message):
        """What fails now, by cause, in the State pane."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.unreadable = ""  # why nothing is known of runs
        self._runs: list[RunRow] = []  # the newest of all, without a gap
        self._older: list[RunRow] = []  # those that fit the filter and are older than all of these
        self._asked = -1
        self._filter = ""
        self._wanted = EVERY
        self._total = self._of = -1  # how many fit the filter, of how many; -1: not known yet
        self._shown: list[RunRow] = []
        self._marked: RunRow | None = None
        self._said = ""
        self._front, self._behind = LIST, LIST

    def compose(self) -> ComposeResult:
        from widgets.runs.compare import RunComparison

        with Vertical(id="runs-side"):
            yield Static(id="runs-said", markup=False)
            yield VirtualTable(RUN_COLUMNS, id=LIST, empty="no run yet: `a m` plans the first migrate")
        yield RunDetail(id="run-detail")
        yield RunComparison(id="run-compare-page")

    def on_mount(self) -> None:
        self._bring(LIST)

    @property
    def detail(self) -> RunDetail:
        return self.query_one(RunDetail)

    @property
    def comparison(self) -> RunComparison:
        return self.query_one("#run-compare-page")  # type: ignore[return-value]  # its module is loaded with the pane

    @property
    def table(self) -> VirtualTable:
        return self.query_one(f"#{LIST}", VirtualTable)

    # ── what is in front ──────────────────────────────────────────────────────────────────────────────────────

    def _bring(self, front: str, *, keys: bool = False) -> None:
        """Put it in front. keys: it gets them whoever has them now; else only if they were in this pane."""
        focused = self.screen.focused
        inside = focused is None or self in focused.ancestors_with_self
        self._front = front
        self.set_class(front == DETAIL, "-detail")
        self.set_class(front == COMPARE, "-compare")
        target = self.query_one(f"#{front}", Widget)
        for name in (LIST, DETAIL, COMPARE):
            self.query_one(f"#{name}", Widget).set_class(name == front, "-front")
        if keys or inside:
            self.screen.set_focus(target)  # now: keys that were typed ahead are for it
        self._say()

    def show_run(self, row: RunRow) -> None:
        """Go into this run."""
        self.detail.run = row
        at = next((index for index, known in enumerate(self._shown) if known.id == row.id), None)
        if at is not None:
            self.table.cursor = at
        self._bring(DETAIL, keys=True)

    def attach(self) -> None:
        """Go into the run in progress."""
        row = next((row for row in self._runs if row.status == RunStatus.RUNNING), None)
        if row is None:
            self._say("no run is in progress")
        else:
            self.show_run(row)

    @property
    def before_list(self) -> bool:
        """Whether something stands before the list, which Esc leads back to."""
        return self._front != LIST

    def back(self) -> bool:
        """One step back; False when there was nothing to leave."""
        if self._front == COMPARE:
            self.comparison.wanted = None
            self._bring(self._behind)
        elif self._front == DETAIL:
            self._bring(LIST)
        elif self._filter:
            self.filter = ""
        elif self._marked is not None:
            self._mark(None)
        else:
            return False
        return True

    # ── the list ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs(self) -> Sequence[RunRow]:
        return self._runs

    @runs.setter
    def runs(self, runs: Sequence[RunRow]) -> None:
        """The newest runs; older ones that were paged in stay."""
        before = [(row.id, row.status) for row in self._runs[:1]]
        older = [row for row in self._runs if runs and row.seq < runs[-1].seq]
        self._runs = [*runs, *older]
        self._asked = -1
        self._fill()
        if before and before != [(row.id, row.status) for row in self._runs[:1]]:
            self.detail.ask_undo()  # the new one may have taken it back

    def add_older(self, before_seq: int, filter: str, runs: Sequence[RunRow], total: int = -1, of: int = -1) -> None:
        """A page that MoreWanted asked for; ignored when another filter is wanted by now. total, of: how many runs
        fit the filter, and how many there are; -1 not counted."""
        if filter != self._filter or before_seq != self._asked:
            return
        if total >= 0:
            self._total, self._of = total, of
        known = self._older if filter else self._runs
        last = (known or self._runs)[-1].seq if known or self._runs else 0
        fresh = [row for row in runs if not last or row.seq < last]
        if fresh:
            known.extend(fresh)
            self._asked = -1
            self._fill()
        self._say()

    def run_moved(self, row: RunRow) -> None:
        """A run that is in the list says something else now; drawn again only when its status changed."""
        for at, known in enumerate(self._runs):
            if known.id == row.id:
                self._runs[at] = row
                if known.status != row.status:
                    self._fill()

    @property
    def filter(self) -> str:
        """Only runs that fit this; what is known of them at once, older ones when they were asked for."""
        return self._filter

    @filter.setter
    def filter(self, text: str) -> None:
        text = text.strip()
        if text == self._filter:
            return
        self._filter, self._wanted = text, parse_filter(text)
        self._older, self._total, self._of, self._asked = [], -1, -1, -1
        if self._front != LIST:
            self._bring(LIST)
        self._fill()
        if text:
            self._more()

    def _more(self) -> None:
        """Ask for older runs, if they were not asked for already."""
        known = self._older or self._runs
        last = known[-1].seq if known else 0
        if last and self._asked != last:
            self._asked = last
            self.post_message(self.MoreWanted(last, self._filter).set_sender(self))

    def _fill(self) -> None:
        table, at = self.table, self.table.cursor
        keep = self._shown[at].id if at < len(self._shown) else ""
        now = datetime.now(UTC)
        self._shown = [row for row in self._runs if self._wanted.matches(row)] if self._wanted else list(self._runs)
        self._shown += [row for row in self._older if not self._runs or row.seq < self._runs[-1].seq]
        table.empty = "no run yet: `a m` plans the first migrate"
        if self.unreadable:
            table.empty = f"not known: {self.unreadable}"
        if self._filter and self._runs:
            table.empty = f"no run matches {self._filter!r}"
        table.rows = [run_cells(row, self.zone, now) for row in self._shown]
        at = next((index for index, row in enumerate(self._shown) if row.id == keep), 0)
        table.cursor = at
        self._show_mark()
        shown = self.detail.run
        fresh = next((row for row in self._runs if shown and row.id == shown.id), None)
        if self._front == LIST and self.has_class("-wide") and self._shown:
            self.detail.run = self._shown[at]
        elif fresh is not None:
            self.detail.run = fresh
        self._say()

    def _here(self) -> RunRow | None:
        """The run that a key is about: the one in front, else the one under the cursor."""
        if self._front == DETAIL:
            return self.detail.run
        at = self.table.cursor
        return self._shown[at] if at < len(self._shown) else None

    # ── marking and comparing ─────────────────────────────────────────────────────────────────────────────────

    def _mark(self, row: RunRow | None) -> None:
        self._marked = row
        self._show_mark()
        self._say()

    def _show_mark(self) -> None:
        marked = self._marked
        self.table.marked = next(
            (at for at, row in enumerate(self._shown) if marked is not None and row.id == marked.id), -1
        )

    def action_mark(self) -> None:
        row = self._here()
        if row is not None and self._front != COMPARE:
            self._mark(None if self._marked is not None and self._marked.id == row.id else row)

    def action_compare(self) -> None:
        row, other = self._here(), self._marked
        if row is None or self._front == COMPARE:
            return
        if other is None or other.id == row.id:
            other = self._before(row)
        if other is None:
            self._say(f"no {row.action} before {row.short} is listed: mark another run with m")
            return
        self._behind = self._front
        self.comparison.zone, self.comparison.prefix = self.zone, self.detail.prefix
        self.comparison.wait_for(other, row)
        self._bring(COMPARE, keys=True)
        self.post_message(self.CompareWanted(other, row).set_sender(self))

    def _before(self, row: RunRow) -> RunRow | None:
        """The last run of the same action before this one that did anything."""
        known = [*self._runs, *self._older]
        fits = (each for each in known if each.seq < row.seq and each.action == row.action)
        return next((each for each in fits if each.status != RunStatus.REFUSED), None)

    def show_comparison(self, found: RunsCompared) -> None:
        """What CompareWanted asked for."""
        self.comparison.show_comparison(found)

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _say(self, told: str = "") -> None:
        """The line above the list: what came of the last key, what is marked, what is filtered, which keys help."""
        room = (50 if self.has_class("-wide") else self.size.width or 80) - 2
        parts = list_words(self._runs, self._marked, self._filter, self._total, self._of, self.zone, told)
        content = paint(*as_many(parts, room))
        if content.markup != self._said:
            self._said = content.markup
            self.query_one("#runs-said", Static).update(content)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        if self.has_class("-wide") and self.detail.run is None and self._shown:
            self.detail.run = self._shown[self.table.cursor]
        self._say()

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if message.index < len(self._shown):
            self.show_run(self._shown[message.index])

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()
        if self.has_class("-wide") and message.index < len(self._shown):
            self.detail.run = self._shown[message.index]

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()
        self._more()

    def on_run_detail_back(self, message: RunDetail.Back) -> None:
        message.stop()
        self.back()

    def on_run_comparison_back(self, message: RunComparison.Back) -> None:
        message.stop()
        self.back()

    def on_run_detail_compare_wanted(self, message: RunDetail.CompareWanted) -> None:
        message.stop()
        self.action_compare()

    def action_attach(self) -> None:
        self.attach()

    def action_causes(self) -> None:
        self.post_message(self.CausesWanted())

    def action_procedure(self) -> None:
        row = self._here()
        if row is not None and self._front != COMPARE:
            self.post_message(self.ProcedureWanted(row))

    def action_report(self) -> None:
        self._tell_detail(RunDetail.ReportWanted)

    def action_log(self) -> None:
        self._tell_detail(RunDetail.LogWanted)

    def action_rollback(self) -> None:
        if not self.detail.read_only:
            self._tell_detail(RunDetail.RollbackWanted)

    def _tell_detail(
        self, message: type[RunDetail.ReportWanted | RunDetail.LogWanted | RunDetail.RollbackWanted]
    ) -> None:
        """Ask for something of the run that the keys are about."""
        row = self._here()
        if row is not None and self._front != COMPARE:
            self.post_message(message(row))

    def action_next_filter(self) -> None:
        if self.has_class("-wide") and self._front == LIST:
            self.detail.action_next_filter()
