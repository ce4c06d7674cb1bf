"""What a migrate is asked to do: source, pattern, copy or move, hash everything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from console.engine.model import MigrateParams
from console.tui.screens.dialog import Dialog
from widgets.entry import Entry
from widgets.look import paint
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context

OPERATIONS = ("", "copy", "move")


class OptionsScreen(Dialog[MigrateParams]):
    """Dismisses with what was chosen; None leaves everything as it was."""

    DEFAULT_CSS = """
    OptionsScreen {
        & .option-row { height: 1; }
        & .option-label { width: 12; color: $text-muted; }
        & .option-note { height: auto; max-height: 3; margin: 0 0 1 12; }
        & Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $panel; text-style: none; }
        & Input:focus { background: $primary-muted; background-tint: transparent; }
    }
    OptionsScreen:ansi Input { text-style: underline; background: ansi_default; }
    """

    def __init__(self, ctx: Context, params: MigrateParams) -> None:
        super().__init__()
        self._ctx = ctx
        self._params = params
        self._operation = params.operation
        self._checksum = params.checksum

    def title_text(self) -> str:
        return "Migrate: options"

    def _sources(self) -> list[str]:
        try:
            with os.scandir(self._ctx.workspace.path(self._ctx.settings.zones.raw)) as found:
                return sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
        except OSError:
            return []

    def body(self) -> Iterable[Widget]:
        names = self._sources()
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield self._row("Source", self._field("source", self._params.source, "all of them"))
            yield self._note(f"there are: {', '.join(names) or 'none yet'}")
            yield self._row("Pattern", self._field("pattern", self._params.pattern, "all files"))
            yield self._note("relative to the source's folder, ** crosses folders: 2025-*/**/*.csv")
            yield self._row(
                "At most", self._field("sample", str(self._params.sample or ""), "all files that are waiting")
            )
            yield self._note("a number: only so many of the files that are waiting, as a sample")
            yield from self.last_rows()
            yield Static(id="problem", markup=False)

    def last_rows(self) -> Iterable[Widget]:
        """What only this action asks."""
        yield self._row("Operation", Push(self._operation_label(), id="operation"))
        yield self._row("Unchanged", Push(self._checksum_label(), id="checksum"))

    def _row(self, label: str, field: Widget) -> Widget:
        return Horizontal(Static(label, classes="option-label", markup=False), field, classes="option-row")

    def _note(self, text: str) -> Widget:
        return Static(paint((text, "dim")), classes="option-note")

    def _field(self, name: str, value: str, placeholder: str) -> Input:
        return Entry(value, placeholder=placeholder, id=name)

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        yield Push("Plan with these", id="plan", classes="-main")

    def focus_first(self) -> None:
        self.set_focus(self.query_one("#source", Input))

    def unfinished(self) -> bool:
        return self._chosen() not in (None, self._params)

    def _operation_label(self) -> str:
        default = self._ctx.settings.operation
        return self._operation or f"{default}, as configured"

    def _checksum_label(self) -> str:
        return "told by the checksum of every file" if self._checksum else "told by size, time and inode"

    def _chosen(self) -> MigrateParams | None:
        sample = self.query_one("#sample", Input).value.strip()
        if sample and not (sample.isascii() and sample.isdigit()):
            self.query_one("#problem", Static).update(paint(("✗ the number of files is not a number", "bad")))
            return None
        return MigrateParams(
            source=self.query_one("#source", Input).value.strip(),
            pattern=self.query_one("#pattern", Input).value.strip(),
            operation=self._operation,
            checksum=self._checksum,
            sample=int(sample or 0),
        )

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.focus_next()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        name = message.push.id
        if name == "operation":
            self._operation = OPERATIONS[(OPERATIONS.index(self._operation) + 1) % len(OPERATIONS)]
            message.push.label = self._operation_label()
        elif name == "checksum":
            self._checksum = not self._checksum
            message.push.label = self._checksum_label()
        elif name == "cancel":
            self.leave()
        else:
            chosen = self._chosen()
            if chosen is not None:
                self.dismiss(chosen)
