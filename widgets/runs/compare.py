"""RunComparison: two runs side by side: what was asked and counted, how long it took, which files stand otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from console.engine.model import RunRow
from console.engine.observe.runs_compare import Change, FileChange, RunsCompared
from console.engine.observe.runs_words import between_words, change_words, difference_rows, file_words
from console.engine.text import count, visible
from widgets.look import Cell, fit, lines, paint, short_time, width_of
from widgets.runs.messages import FileWanted
from widgets.runs.words import by, status_cell, took
from widgets.table import Column, VirtualTable

# Which tone a kind has, and what comes first: what an operator has to do something about.
TONES = {
    Change.NEWLY_FAILING: "bad",
    Change.FAILS_OTHERWISE: "warn",
    Change.GONE: "warn",
    Change.OTHER_CHECKSUM: "accent",
    Change.NEWLY_PASSING: "good",
    Change.NEW: "good",
}
WHY_FROM = 100  # cells from which there is a column for why


class RunComparison(Vertical):
    """Methods in: wait_for(before, after), show_comparison(found), add_files(page). Attributes in: zone, prefix.

    Messages out: FilesWanted (a page), FileWanted (one, in State), Back.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "next_kind", "Which files", show=False),
        Binding("s", "file", "The file in State", show=False),
        Binding("escape", "back", "Back", show=False),
    ]
    DEFAULT_CSS = """
    RunComparison {
        height: 1fr; width: 1fr;
        & > #compare-head { height: auto; padding: 0 1; margin-bottom: 1; }
        & > #compare-facts { height: auto; }
        & > #compare-which { height: 1; padding: 0 1; margin-top: 1; color: $text-muted; }
        & > #compare-why { height: 1; padding: 0 1; }
    }
    """

    class FilesWanted(Message):
        """Files of this kind that stand otherwise, from `start` on."""

        def __init__(self, found: RunsCompared, change: Change, start: int) -> None:
            super().__init__()
            self.found, self.change, self.start = found, change, start

    class Back(Message):
        """Leave the comparison."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.prefix = ""  # what every path begins with and nobody needs to read: the raw zone
        self.wanted: tuple[str, str] | None = None  # ids of the two that are compared; None once it was left
        self._found: RunsCompared | None = None
        self._trouble = ""
        self._pair: tuple[RunRow, RunRow] | None = None
        self._kind: Change | None = None  # None: all of them, one kind after the other
        self._files: list[FileChange] = []
        self._asked: tuple[Change, int] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="compare-head", markup=False)
        yield VirtualTable(
            [
                Column("what", 17),
                Column("before", align="right"),
                Column("after", align="right"),
                Column("change", 11, "right"),
                Column("", from_width=WHY_FROM),  # the numbers stay where one reads them together
            ],
            id="compare-facts",
            empty="comparing…",
        )
        yield Static(id="compare-which", markup=False)
        yield VirtualTable(
            [
                Column("f: one kind", 15),
                Column("file", cut="middle", share=3),
                Column("before", 12),
                Column("after", 12),
                Column("why", from_width=WHY_FROM, share=3),
            ],
            id="compare-files",
            empty="comparing…",
        )
        yield Static(id="compare-why", markup=False)

    @property
    def files(self) -> VirtualTable:
        return self.query_one("#compare-files", VirtualTable)

    @property
    def facts(self) -> VirtualTable:
        return self.query_one("#compare-facts", VirtualTable)

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    def wait_for(self, before: RunRow, after: RunRow) -> None:
        """Show that these two are being compared."""
        self._pair = (before, after) if before.seq < after.seq else (after, before)
        self.wanted = (self._pair[0].id, self._pair[1].id)
        self._found, self._trouble, self._kind = None, "", None
        self._restart()
        self._draw()

    def failed(self, trouble: str) -> None:
        """They could not be compared."""
        self._trouble = trouble
        self._draw()

    def show_comparison(self, found: RunsCompared) -> None:
        """What differs; ignored when two others are wanted by now."""
        if self.wanted == (found.before.id, found.after.id):
            self._found, self._pair = found, (found.before, found.after)
            self._restart()
            self._draw()

    def add_files(self, found: RunsCompared, change: Change, start: int, page: Sequence[FileChange]) -> None:
        """A page that FilesWanted asked for."""
        if found is not self._found or self._asked != (change, start):
            return
        self._asked = None
        if not page:  # the ledger lost them meanwhile: no further page of this kind is asked for
            return
        self._files += page
        self.files.extend([self._file_cells(each) for each in page])
        self._draw_which()
        self._lay_out()
        if self.files.at_end:
            self._more()

    def _kinds(self) -> list[Change]:
        """The kinds that there are, in the order they are listed."""
        return [change for change in TONES if self._found is not None and self._found.files.get(change)]

    def _restart(self) -> None:
        self._files, self._asked = [], None
        self.files.rows = []
        self.files.cursor = 0
        self._more()

    def _more(self) -> None:
        """Ask for the next page, if there is one."""
        found, have = self._found, len(self._files)
        if found is None or self._asked is not None:
            return
        for change in [self._kind] if self._kind else self._kinds():
            total = found.files.get(change, 0)
            if have < total:
                self._asked = (change, have)
                self.post_message(self.FilesWanted(found, change, have).set_sender(self))
                return
            have -= total

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _file_cells(self, each: FileChange) -> tuple[Cell, ...]:
        was, now, why = file_words(each)
        tone = TONES[each.change]
        return (change_words(each.change), tone), each.path.removeprefix(self.prefix), was, (now, tone), (why, "dim")

    def _draw(self) -> None:
        self._draw_head()
        facts, found = self.facts, self._found
        if found is None:
            facts.empty = self.files.empty = self._trouble or "comparing…"
            facts.rows = []
        else:
            facts.empty = "nothing differs but the files" if found.files else "nothing differs"
            facts.rows = [_fact_cells(row) for row in difference_rows(found)]
            self.files.empty = "reading…" if found.files else "✓ every file stands as it stood"
        self._draw_which()
        self._lay_out()

    def _lay_out(self) -> None:
        """What differs as far as it fits; the files get what they need of at least two fifths of the page. Where the
        table has no room for why, the line below says it of the file under the cursor."""
        height, width = self.size.height or 18, self.size.width or 80
        head = 3 + bool(self._found and self._found.between)  # with the blank line below
        why = width < WHY_FROM
        files = min(len(self._files or " ") + 1, height * 2 // 5)
        room = height - head - 2 - why - files
        self.facts.styles.height = max(3, min(len(self.facts.rows or " ") + 1, room))
        at = self.files.cursor
        line = self.query_one("#compare-why", Static)
        line.display = why
        said = file_words(self._files[at])[2] if why and at < len(self._files) else ""
        line.update(paint((fit(visible(said), max(10, width - 2)).rstrip(), "dim")))

    def _draw_head(self) -> None:
        if self._pair is None:
            return
        now, action = datetime.now(UTC), max(len(run.action) for run in self._pair)
        status = max(width_of(status_cell(run)[0]) for run in self._pair)
        rows: list[Content] = []
        width = max(20, (self.size.width or 80) - 2)
        for name, run in zip(("before", "after"), self._pair, strict=True):
            sign, tone = status_cell(run)
            told = f"  {short_time(run.started_at, self.zone, now)} by {by(run)}"
            head: list[Cell] = [(f"{name:<8}", "dim"), (f"{run.action:<{action}} {run.short}", "strong")]
            cells: list[Cell] = [*head, "  ", (f"{sign:<{status}}", tone), (told, "dim"), f"  in {took(run)}"]
            rows.append(paint(*cells).truncate(width, ellipsis=True))
        between = between_words(self._found) if self._found else ""
        if between:
            rows.append(paint((f"{'between':<8}", "dim"), fit(visible(between), width - 8).rstrip()))
        self.query_one("#compare-head", Static).update(lines(rows))

    def _draw_which(self) -> None:
        found = self._found
        if found is None:
            said: list[Cell] = []
        elif not found.files:
            said = ["files"]
        else:
            total = sum(found.files.values())
            said = [(f"{count(total)} {'file stands' if total == 1 else 'files stand'} otherwise: ", "dim")]
            for at, kind in enumerate(self._kinds()):
                tone = "strong" if kind == self._kind else "dim" if self._kind else TONES[kind]
                said += [", " if at else "", (f"{count(found.files[kind])} {change_words(kind)}", tone)]
        which = self.query_one("#compare-which", Static)
        which.update(paint(*said))

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def action_next_kind(self) -> None:
        kinds: list[Change | None] = [None, *self._kinds()]
        if len(kinds) > 2:
            self._kind = kinds[(kinds.index(self._kind) + 1) % len(kinds)]
            self._restart()
            self._draw_which()
            self._lay_out()

    def action_file(self) -> None:
        at = self.files.cursor
        if at < len(self._files):
            self.post_message(FileWanted(self._files[at].path))

    def action_back(self) -> None:
        self.wanted = None  # whoever compares them can stop
        self.post_message(self.Back())

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if message.table is self.files:
            self.action_file()

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()
        self._lay_out()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()
        if message.table is self.files:
            self._more()

    def on_resize(self, event: events.Resize) -> None:
        self._draw_head()
        self._draw_which()
        self._lay_out()


def _fact_cells(row: tuple[str, str, str, str]) -> tuple[Cell, ...]:
    what, before, after, change = row
    return what, before, after, (change, "strong")
