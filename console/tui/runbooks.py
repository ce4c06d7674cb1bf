"""Opening a runbook from the palette: which file, which section, then a session of it in the Procedures pane."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from console.engine.text import plural
from console.tui.screens.form import Field, FormScreen
from widgets.look import lines, paint
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.procedures.model import Procedure
    from console.engine.procedures.runbook import Runbook
    from console.tui.app import ConsoleApp


class OneField(FormScreen):
    """One thing to be typed, and what it can be. Dismisses with it as the form does."""

    def __init__(self, title: str, field: Field, says: Sequence[str], button: str) -> None:
        super().__init__(title, [field], {}, {})
        self._field, self._says, self._button = field, says, button

    def body(self) -> Iterable[Widget]:
        label = Static(self._field.label, classes="option-label", markup=False)
        yield Horizontal(label, self._widget(self._field), classes="option-row")
        yield Static(id="problem", markup=False)
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield Static(lines([paint(text) for text in self._says]), markup=False)

    def buttons(self) -> Iterable[Push]:
        yield Push("Back", id="cancel")
        yield Push(self._button, id="go", classes="-main")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter leads on to the button; it never presses it."""
        message.prevent_default()  # the form's own way leads to the first button
        self.set_focus(self.query_one("#go", Push))


def open_runbook(app: ConsoleApp) -> None:
    """Ask for the file, read it, ask for the section, and begin."""
    if not app.may_change("Walking a runbook"):
        return
    says = [
        "A Markdown file; its path as seen from the workspace's folder. Each of its shell blocks is told by what it"
        " does to files, and offered as the safe action where one is known. Nothing runs before you say so."
    ]
    field = Field("file", "File", placeholder="runbook.md", needed=True)

    def answered(values: dict[str, str] | None) -> None:
        if values is not None:
            path = app.ctx.workspace.root / os.path.expanduser(values["file"])
            app.fetch("runbook", lambda: _read(path), lambda book: _ask_section(app, book))

    app.push_screen(OneField("Open a runbook", field, says, "Read it"), answered)


def _read(path: Path) -> Runbook:
    from console.engine.procedures.runbook import read_runbook

    return read_runbook(path)


def _ask_section(app: ConsoleApp, book: Runbook) -> None:
    from console.engine.procedures.runbook import sections_listed

    says: list[str] = []
    for section, blocks, worst in sections_listed(book):
        does = f"  ({plural(blocks, 'block')}: {worst.word})" if worst is not None else ""
        says.append(f"{section.number:>3} {'  ' * max(0, section.level - 1)}{section.title}{does}")
    field = Field("section", "Section", placeholder="its number, or part of its title", needed=True)

    def answered(values: dict[str, str] | None) -> None:
        if values is not None:
            app.start_made(lambda: _procedure(app, book, values["section"]))

    app.push_screen(OneField(book.title, field, says, "Go through it"), answered)


def _procedure(app: ConsoleApp, book: Runbook, section: str) -> Procedure:
    from console.engine.procedures.runbook_compile import procedure_of

    return procedure_of(book, book.find(section), app.ctx.settings)
