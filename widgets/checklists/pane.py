"""ChecklistsPane: both lists as one table, what is known of the item under the cursor below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from console.engine.checks.kept import Result
from console.engine.model import Check
from widgets.checklists.words import detail, heading, row
from widgets.look import lines, paint
from widgets.table import Column, VirtualTable

COLUMNS = (
    Column("", 11),
    Column("item", 32),
    Column("age", 6, "right"),
    Column("evidence"),
)
_LOW = 17  # lines of the pane below which the foot gives way


class ChecklistsPane(Vertical):
    """`show(results, gate)` sets everything; `looking` the names of the items that are being asked; `answered` sets one
    of them. Attributes: zone (time), now (a clock), read_only, note.
    Messages out: LookWanted, StopWanted, SignWanted, OverrideWanted, AcknowledgeWanted, HistoryWanted, DetailWanted,
    ProcedureWanted.
    """

    HELP = """# Checklists
Before a migration, and after it: what a machine can check it checks,
with its evidence; the rest a person signs off, with name and note.

✓ pass   ! warn   ✗ fail   ? cannot be told: that never counts as passed
· was …  what was found holds no more: too old, or a run came after it
■        holds a run in the gate: [gate] in the configuration says so

Enter, r   look at this item now        R   look at all of this list
x          stop looking                 d   all lines of the evidence
s          sign it off, with a note     h   its history
o          override what holds: a reason, then the plan of a migrate
e          acknowledge the errors that the logs have, with a note
p          start the procedure that helps where it does not pass

A plan asks the quick ones by itself; what it shows can be overridden there
too. On the command line: opsconsole checklist preflight, postflight
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", "Look", show=False),
        Binding("R", "look_all", "Look at all", show=False),
        Binding("x", "stop", "Stop", show=False),
        Binding("s", "sign", "Sign off", show=False),
        Binding("o", "override", "Override", show=False),
        Binding("e", "acknowledge", "Acknowledge errors", show=False),
        Binding("h", "history", "History", show=False),
        Binding("d", "details", "Evidence", show=False),
        Binding("p", "procedure", "Its procedure", show=False),
    ]
    DEFAULT_CSS = """
    ChecklistsPane {
        height: 1fr; width: 1fr;
        & > #checklists-items { height: auto; min-height: 1; max-height: 15; }
        & > #checklists-detail { height: 1fr; margin-top: 1; }
        & > #checklists-keys { height: 1; color: $text-muted; }
        &.-low > #checklists-items { max-height: 9; }
        &.-low > #checklists-detail { margin-top: 0; }
    }
    """

    class LookWanted(Message):
        """Somebody wants these items of a list asked now."""

        def __init__(self, which: str, names: tuple[str, ...]) -> None:
            super().__init__()
            self.which, self.names = which, names

    class StopWanted(Message):
        """Nobody waits for what is being asked any more."""

    class SignWanted(Message):
        """Somebody wants to answer for an item."""

        def __init__(self, result: Result) -> None:
            super().__init__()
            self.result = result

    class OverrideWanted(Message):
        """Somebody wants a run without this item; `holds`: whether it would hold one as things are known."""

        def __init__(self, result: Result, *, holds: bool) -> None:
            super().__init__()
            self.result, self.holds = result, holds

    class AcknowledgeWanted(Message):
        """Somebody has looked at the errors; `result` is what was last found of them, None where nothing is known."""

        def __init__(self, result: Result | None) -> None:
            super().__init__()
            self.result = result

    class ProcedureWanted(Message):
        """Start the procedure that this leads to."""

        def __init__(self, result: Result) -> None:
            super().__init__()
            self.result = result

    class HistoryWanted(Message):
        """What an item said before."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class DetailWanted(Message):
        """All lines of one result."""

        def __init__(self, result: Result) -> None:
            super().__init__()
            self.result = result

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.trouble = ""  # why nothing is shown
        self._results: list[Result] = []
        self._gate: Mapping[str, str] = {}
        self._looking: frozenset[str] = frozenset()
        self._rows: list[Result | str] = []  # a heading is the name of its list
        self._drawn = ""
        self._placed = False

    def compose(self) -> ComposeResult:
        yield VirtualTable(COLUMNS, id="checklists-items", head=False, empty="reading…")
        yield Static(id="checklists-detail", markup=False)
        yield Static(id="checklists-keys", markup=False)

    def on_mount(self) -> None:
        self.query_one("#checklists-keys", Static).update(
            paint((" Enter: look  R: all  s: sign  o: override  e: errors seen  h: history  d: more", "dim"))
        )
        self.update()

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#checklists-items", VirtualTable)

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def looking(self) -> frozenset[str]:
        """The names of the items that are being asked."""
        return self._looking

    @looking.setter
    def looking(self, names: frozenset[str]) -> None:
        self._looking = names
        self.update()

    def show(self, results: Sequence[Result], gate: Mapping[str, str]) -> None:
        """Everything that is remembered. gate: item -> block | warn | off."""
        self._results, self._gate, self.trouble = list(results), dict(gate), ""
        self.update()

    def failed(self, trouble: str) -> None:
        """Nothing can be read: why."""
        self.trouble = trouble
        self.update()

    def answered(self, result: Result) -> None:
        """One item has its answer."""
        self._results = [
            result if (old.which, old.item.name) == (result.which, result.item.name) else old for old in self._results
        ]
        self._looking -= {result.item.name}
        self.update()

    @property
    def results(self) -> Sequence[Result]:
        """All that are shown."""
        return self._results

    @property
    def found(self) -> dict[tuple[str, str], Result]:
        """What was asked from here, by list and name: a session that only looks has it nowhere else."""
        return {(result.which, result.item.name): result for result in self._results if result.asked}

    @property
    def result(self) -> Result | None:
        """Under the cursor; None on a heading."""
        at = self.table.cursor
        found = self._rows[at] if at < len(self._rows) else None
        return found if isinstance(found, Result) else None

    @property
    def which(self) -> str:
        """The list that the cursor stands in."""
        at = self.table.cursor
        found = self._rows[at] if at < len(self._rows) else "preflight"
        return found.which if isinstance(found, Result) else found

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def update(self) -> None:
        """Draw what is known; nothing is drawn that reads the same."""
        if not self.is_mounted or not self.children:  # not yet there, or already on its way out
            return
        now = self.now()
        self._rows, cells = [], []
        for which in ("preflight", "postflight"):
            its = [result for result in self._results if result.which == which]
            if not its:
                continue
            busy = [result for result in its if result.item.name in self._looking]
            self._rows.append(which)
            cells.append(heading(which, its, f"▶ looking at {len(busy)}  x: stop" if busy else ""))
            for result in its:
                self._rows.append(result)
                how = self._gate.get(result.item.name, "") if which == "preflight" else ""
                cells.append(row(result, now, how, looking=result.item.name in self._looking))
        table = self.table
        table.empty = self.trouble or ("reading…" if not self._results else "")
        table.rows = cells
        if self._rows and not self._placed:
            self._placed = True
            table.cursor = 1
        self._draw_detail(now)

    def _draw_detail(self, now: datetime) -> None:
        result, foot = self.result, self.query_one("#checklists-detail", Static)
        if result is None:
            whole = f"Enter: look at all of the {self.which} list" if self._rows else ""
            content = paint((f"{whole}; the other keys are for one item: ↓" if whole else "", "dim"))
        else:
            width, height = self.size.width or 80, foot.size.height or 5
            how = self._gate.get(result.item.name, "") if result.which == "preflight" else ""
            content = lines(detail(result, how, width, self.zone, now, max(2, height)))
        if content.markup != self._drawn:
            self._drawn = content.markup
            foot.update(content)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _LOW, "-low")
        self.call_after_refresh(self.update)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        self.action_look()

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()
        self._draw_detail(self.now())

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()

    def action_look(self) -> None:
        """This item; on a heading all of its list."""
        result = self.result
        if result is None:
            self.action_look_all()
        elif result.item.kind == "sign-off":
            self.action_sign()
        elif result.item.name not in self._looking:
            self.post_message(self.LookWanted(result.which, (result.item.name,)))

    def action_look_all(self) -> None:
        which = self.which
        names = tuple(
            result.item.name
            for result in self._results
            if result.which == which and result.item.kind != "sign-off" and result.item.name not in self._looking
        )
        if names:
            self.post_message(self.LookWanted(which, names))

    def action_stop(self) -> None:
        if self._looking:
            self.post_message(self.StopWanted())

    def action_sign(self) -> None:
        if self.result is not None:
            self.post_message(self.SignWanted(self.result))

    def action_override(self) -> None:
        result = self.result
        if result is not None:
            blocks = result.which == "preflight" and self._gate.get(result.item.name) == "block"
            good = result.fresh and result.verdict in (Check.PASS, Check.WARN)
            self.post_message(self.OverrideWanted(result, holds=blocks and not good))

    def action_acknowledge(self) -> None:
        found = next((result for result in self._results if result.item.probe == "errors"), None)
        self.post_message(self.AcknowledgeWanted(found))

    def action_procedure(self) -> None:
        if self.result is not None:
            self.post_message(self.ProcedureWanted(self.result))

    def action_history(self) -> None:
        if self.result is not None:
            self.post_message(self.HistoryWanted(self.result.item.name))

    def action_details(self) -> None:
        if self.result is not None:
            self.post_message(self.DetailWanted(self.result))
