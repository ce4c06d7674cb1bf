"""PlanFiles: every file of a plan, and every one it leaves alone with the reason; filtered as one types."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from console.engine.model import FileStatus, Plan
from console.engine.text import count, size
from widgets.entry import Entry
from widgets.look import Cell, paint
from widgets.table import Column, VirtualTable

_TONES = {
    FileStatus.MISSING: ("!", "warn"),
    FileStatus.DAMAGED: ("✗", "bad"),
}


def plan_rows(plan: Plan, prefix: str = "") -> list[tuple[Cell, ...]]:
    """(status, path, size, what) for every file that the plan names; failing ones first.

    prefix: what every path begins with and nobody needs to read.
    """
    bad: list[tuple[Cell, ...]] = []
    good: list[tuple[Cell, ...]] = []
    for item in plan.items:
        sign, tone = _TONES.get(item.status, ("●", ""))
        what: Cell = ""
        if item.verdict and item.verdict != "ok":
            what = (item.verdict, "bad")
        elif item.verdict:
            what = ("✓ passes", "good")
        if item.replaces:
            what = what or ("replaces a version, backed up", "")
        row = ((f"{sign} {item.status.value}", tone), item.path.removeprefix(prefix), size(item.identity.size), what)
        (bad if item.verdict not in ("", "ok") else good).append(row)
    rest: list[tuple[Cell, ...]] = [
        (("✗ unreadable", "bad"), path.removeprefix(prefix), "", why) for path, why in plan.unreadable
    ]
    rest += [(("! raw is gone", "warn"), path.removeprefix(prefix), "", "stays published") for path in plan.vanished]
    rest += [(("ignored", "dim"), path.removeprefix(prefix), "", (why, "dim")) for path, why in plan.ignored]
    return [*bad, *good, *rest]


class PlanFiles(Vertical):
    """Attribute in: plan. Message out: Chosen(status, path, what)."""

    DEFAULT_CSS = """
    PlanFiles {
        height: 1fr;
        & > Input { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
        &.-filtering > Input { display: block; }
        & > #plan-count { height: 1; color: $text-muted; padding: 0 1; }
    }
    """

    class Chosen(Message):
        """Show everything about this line."""

        def __init__(self, texts: tuple[str, ...]) -> None:
            super().__init__()
            self.texts = texts

    def __init__(self, plan: Plan, *, prefix: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._prefix = prefix
        self._all = plan_rows(plan, prefix)
        self._rows = self._all

    def compose(self) -> ComposeResult:
        yield Entry(placeholder="part of a path, a status or a reason; Esc: all", id="plan-filter")
        yield VirtualTable(
            [
                Column("status", 12),
                Column("file", cut="middle", share=3),
                Column("size", 8, "right", from_width=90),
                Column("what", from_width=60, share=2),
            ],
            empty="nothing: no file is new, changed or missing",
        )
        yield Static(id="plan-count", markup=False)

    def on_mount(self) -> None:
        self._fill()

    def _fill(self, needle: str = "") -> None:
        needle = needle.strip().lower()
        self._rows = [row for row in self._all if not needle or any(needle in text.lower() for text in _texts(row))]
        self.query_one(VirtualTable).rows = self._rows
        self.query_one("#plan-count", Static).update(
            paint((f"{count(len(self._rows))} of {count(len(self._all))} files   /: filter   Enter: all of it", "dim"))
        )

    def filter(self) -> None:
        """Type what to look for."""
        self.add_class("-filtering")
        self.query_one(Input).focus()

    def back(self) -> bool:
        """Leave the filter; False when there was none."""
        if not self.has_class("-filtering"):
            return False
        self.query_one(Input).value = ""
        self.remove_class("-filtering")
        self.query_one(VirtualTable).focus()
        return True

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._fill(message.value)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.query_one(VirtualTable).focus()

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        status, path, *rest = _texts(self._rows[message.index])
        self.post_message(self.Chosen((status, self._prefix + path, *rest)))


def _texts(row: tuple[Cell, ...]) -> tuple[str, ...]:
    return tuple(cell if isinstance(cell, str) else cell[0] for cell in row)
