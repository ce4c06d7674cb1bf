"""A form: what an action is asked to do, field by field; the fields are data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from console.tui.screens.dialog import Dialog
from widgets.entry import Entry
from widgets.look import paint
from widgets.push import Push


@dataclass(frozen=True, slots=True)
class Field:
    """kind: text | choice | yes. choices: (value, words) that Enter turns through; yes: the words for no and yes."""

    name: str
    label: str
    note: str = ""
    kind: str = "text"
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    needed: bool = False


YES = "yes"


class FormScreen(Dialog[dict[str, str]]):
    """Dismisses with the values by name; None leaves everything as it was."""

    DEFAULT_CSS = """
    FormScreen {
        & .option-row { height: 1; }
        & .option-label { width: 12; color: $text-muted; }
        & .option-note { height: auto; max-height: 3; margin: 0 0 1 12; }
        & Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $panel; text-style: none; }
        & Input:focus { background: $primary-muted; background-tint: transparent; }
    }
    FormScreen:ansi Input { text-style: underline; background: ansi_default; }
    """

    def __init__(
        self, title: str, fields: Iterable[Field], values: Mapping[str, str], notes: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._title, self._fields, self._notes = title, tuple(fields), notes
        self._values = {field.name: values.get(field.name, "") for field in self._fields}
        self._first = dict(self._values)

    def title_text(self) -> str:
        return self._title

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            for field in self._fields:
                label = Static(field.label, classes="option-label", markup=False)
                yield Horizontal(label, self._widget(field), classes="option-row")
                note = self._notes.get(field.name, field.note)
                if note:
                    yield Static(paint((note, "dim")), classes="option-note")
            yield Static(id="problem", markup=False)

    def _widget(self, field: Field) -> Widget:
        if field.kind != "text":
            return Push(self._words(field), id=field.name)
        return Entry(self._values[field.name], placeholder=field.placeholder, id=field.name)

    def _words(self, field: Field) -> str:
        return next((words for value, words in field.choices if value == self._values[field.name]), field.choices[0][1])

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        yield Push("Plan with these", id="plan", classes="-main")

    def focus_first(self) -> None:
        first = next((field for field in self._fields if field.kind == "text"), None)
        if first is None:
            self.focus_harmless()
        else:
            self.set_focus(self.query_one(f"#{first.name}", Input))

    def unfinished(self) -> bool:
        return self._read() != self._first

    def _read(self) -> dict[str, str]:
        typed = {field.name: self.query_one(f"#{field.name}", Input).value.strip() for field in self._texts()}
        return {**self._values, **typed}

    def _texts(self) -> list[Field]:
        return [field for field in self._fields if field.kind == "text"]

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.focus_next()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        name = message.push.id or ""
        turned = next((field for field in self._fields if field.name == name), None)
        if turned is not None:
            values = [value for value, _ in turned.choices]
            at = values.index(self._values[name]) if self._values[name] in values else 0
            self._values[name] = values[(at + 1) % len(values)]
            message.push.label = self._words(turned)
        elif name == "cancel":
            self.leave()
        else:
            self._submit()

    def _submit(self) -> None:
        read = self._read()
        lacking = next((field for field in self._fields if field.needed and not read[field.name]), None)
        if lacking is None:
            self.dismiss(read)
            return
        self.query_one("#problem", Static).update(paint((f"✗ {lacking.label.lower()} is needed", "bad")))
        self.query_one(f"#{lacking.name}").focus()
