"""RunsPane: what ran, newest first; Enter goes into one. On a wide terminal the detail stands beside the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message

from console.engine.model import RunRow
from widgets.look import Cell
from widgets.runs.detail import RunDetail
from widgets.runs.words import run_cells
from widgets.table import Column, VirtualTable

RUN_COLUMNS = (
    Column("started", 11),
    Column("action", 9),
    Column("status", 13),
    Column("published", 9, "right", from_width=70),
    Column("failed", 7, "right", from_width=70),
    Column("took", 9, "right", from_width=70),
    Column("by", 8),
    Column("run", 5, from_width=84),
    Column("", 0, from_width=100),
)
WIDE = 118  # cells from which list and detail stand side by side


class RunsPane(Horizontal):
    """Attributes in: runs (newest first); `show_run(row)`. Out: MoreWanted, RunShown and what RunDetail says."""

    HELP = """# Runs
Every execution of an action, newest first. The ledger keeps them all.

Enter            go into the run: its numbers, its checks, what it did to each file
Esc              back to the list
r                the report of the run, as text
l                its lines in the log
b                the plan of rolling it back
f                which files are listed: all, failed, published, replaced
Enter on a file  why it failed, where it lies, its checksum and backup
s                the file in State: the record that fails, its history
/                filter the list by action, status or person

A run in progress shows its bar and the time left. It goes on when this console closes. [ Cancel this run ]
asks once more; what was done by then stays done and consistent.

On the command line: opsconsole runs list | show RUN | report RUN | attach RUN | cancel RUN
"""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "report", "Report", show=False)]
    DEFAULT_CSS = """
    RunsPane {
        height: 1fr;
        & > #runs-list { width: 1fr; }
        & > RunDetail { display: none; }
        &.-detail > RunDetail { display: block; }
        &.-detail > #runs-list { display: none; }
        &.-wide > #runs-list { display: block; width: 52; border-right: solid $border-blurred; }
        &.-wide > RunDetail { display: block; }
    }
    RunsPane:ansi.-wide > #runs-list { border-right: solid ansi_default; }
    """

    class MoreWanted(Message):
        """Older runs than `before_seq`."""

        def __init__(self, before_seq: int) -> None:
            super().__init__()
            self.before_seq = before_seq

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self._runs: list[RunRow] = []
        self._asked = 0
        self._filter = ""
        self._shown: list[RunRow] = []

    def compose(self) -> ComposeResult:
        yield VirtualTable(RUN_COLUMNS, id="runs-list", empty="no run yet: `a m` plans the first migrate")
        yield RunDetail(id="run-detail")

    @property
    def detail(self) -> RunDetail:
        return self.query_one(RunDetail)

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#runs-list", VirtualTable)

    @property
    def runs(self) -> Sequence[RunRow]:
        return self._runs

    @runs.setter
    def runs(self, runs: Sequence[RunRow]) -> None:
        """The newest runs; older ones that were paged in stay."""
        older = [row for row in self._runs if runs and row.seq < runs[-1].seq]
        self._runs = [*runs, *older]
        self._asked = 0
        self._fill()

    def add_older(self, runs: Sequence[RunRow]) -> None:
        """A page that MoreWanted asked for."""
        if runs and self._runs and runs[0].seq < self._runs[-1].seq:
            self._runs += runs
            self._asked = 0
            self._fill()

    def run_moved(self, row: RunRow) -> None:
        """A run that is in the list says something else now; drawn again only when its status changed."""
        for at, known in enumerate(self._runs):
            if known.id == row.id:
                self._runs[at] = row
                if known.status != row.status:
                    self._fill()

    @property
    def filter(self) -> str:
        """Only runs whose action, status, person or id hold this text."""
        return self._filter

    @filter.setter
    def filter(self, text: str) -> None:
        self._filter = text.strip().lower()
        self._fill()

    def _fill(self) -> None:
        keep = self._shown[self.table.cursor].id if self._shown else ""
        now = datetime.now(UTC)
        cells = [(row, run_cells(row, self.zone, now)) for row in self._runs]
        if self._filter:
            cells = [(row, line) for row, line in cells if self._filter in _flat(line)]
        self._shown = [row for row, _ in cells]
        table = self.table
        table.empty = (
            f"no run matches {self._filter!r}" if self._filter else "no run yet: `a m` plans the first migrate"
        )
        table.rows = [line for _, line in cells]
        at = next((index for index, row in enumerate(self._shown) if row.id == keep), 0)
        table.cursor = at
        shown = self.detail.run
        fresh = next((row for row in self._runs if shown and row.id == shown.id), None)
        if fresh is not None:
            self.detail.run = fresh
        elif self.has_class("-wide") and self._shown:
            self.detail.run = self._shown[at]

    def show_run(self, row: RunRow) -> None:
        """Go into this run."""
        self.detail.run = row
        self.add_class("-detail")
        at = next((index for index, known in enumerate(self._shown) if known.id == row.id), None)
        if at is not None:
            self.table.cursor = at
        self.detail.query_one("#run-files").focus()

    def back(self) -> bool:
        """From the detail to the list; False when there was nothing to leave."""
        if self._filter:
            self.filter = ""
            return True
        if not self.has_class("-detail"):
            return False
        self.remove_class("-detail")
        self.table.focus()
        return True

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        if self.has_class("-wide") and self.detail.run is None and self._shown:
            self.detail.run = self._shown[self.table.cursor]

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
        if self._runs and not self._filter and self._asked != self._runs[-1].seq:
            self._asked = self._runs[-1].seq
            self.post_message(self.MoreWanted(self._asked))

    def on_run_detail_back(self, message: RunDetail.Back) -> None:
        message.stop()
        self.back()

    def action_report(self) -> None:
        self.detail.action_report()


def _flat(cells: Sequence[Cell]) -> str:
    return " ".join(cell if isinstance(cell, str) else cell[0] for cell in cells).lower()
