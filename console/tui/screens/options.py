"""What a migrate is asked to do: source, pattern, copy or move, hash everything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Input, Static

from console.engine.model import MigrateParams
from console.tui.screens.dialog import Dialog
from widgets.look import paint
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context

OPERATIONS = ("", "copy", "move")


class OptionsScreen(Dialog[MigrateParams]):
    """Dismisses with what was chosen; None leaves everything as it was."""

    DEFAULT_CSS = """
    OptionsScreen {
        & Input { height: 1; border: none; padding: 0 1; background: $panel; margin-bottom: 1; }
        & Input:focus { background: $boost; }
        & .option-word { height: auto; color: $text-muted; }
        & .dialog-body-line { height: 1; margin-bottom: 1; }
    }
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
        yield Static(paint((f"Source, one of: {', '.join(names[:12]) or 'none yet'}", "dim")), classes="option-word")
        yield self._field("source", self._params.source, "all sources")
        yield Static(paint(("Pattern relative to the source folder, ** crosses folders", "dim")), classes="option-word")
        yield self._field("pattern", self._params.pattern, "all files, for instance 2025-*/**/*.csv")
        yield Static(paint(("Only the first N files that are waiting", "dim")), classes="option-word")
        yield self._field("sample", str(self._params.sample or ""), "all")
        yield Push(self._operation_label(), id="operation", classes="dialog-body-line")
        yield Push(self._checksum_label(), id="checksum", classes="dialog-body-line")
        yield Static(id="problem", markup=False)

    def _field(self, name: str, value: str, placeholder: str) -> Input:
        field = Input(value, placeholder=placeholder, id=name, compact=True)
        field.cursor_blink = False
        return field

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        yield Push("Plan with these", id="plan", classes="-main")

    def focus_first(self) -> None:
        self.query_one("#source", Input).focus()

    def unfinished(self) -> bool:
        return self._chosen() not in (None, self._params)

    def action_leave(self) -> None:
        if self.unfinished() and isinstance(self.focused, Input):
            self.query_one("#cancel", Push).focus()
        else:
            self.leave()

    def _operation_label(self) -> str:
        default = self._ctx.settings.operation
        return f"Operation: {self._operation or f'{default} (as configured)'}"

    def _checksum_label(self) -> str:
        return "Unchanged is told by: " + ("checksum of every file" if self._checksum else "size, time and inode")

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
