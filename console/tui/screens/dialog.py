"""Dialogs: what they have in common, a question, and text to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from console.engine.reasons import AT_LEAST, says_why
from widgets.entry import Entry
from widgets.look import Cell, lines, paint
from widgets.pager import Pager
from widgets.push import Push, PushRow

if TYPE_CHECKING:
    from console.tui.app import ConsoleApp

T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """A box under the status line: title in its border, a body, buttons below; Esc does what the first button does.

    Subclasses give `title_text`, `body` and `buttons`; the first button is the harmless one and has the focus. The
    buttons are always on the screen: a body is one widget that scrolls.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("pageup", "scroll_body(-1)", "Up", show=False),
        Binding("pagedown", "scroll_body(1)", "Down", show=False),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012 - as Screen has it
    DEFAULT_CSS = """
    Dialog {
        align: center middle; background: $background 45%;
        & > .dialog {
            width: 100%; max-width: 104; height: auto; max-height: 100%; margin: 1 1 0 1; padding: 0 1;
            background: $surface; border: round $primary; border-title-color: $text-primary;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        & .dialog-body { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
        & .dialog-buttons { dock: bottom; margin-top: 1; }
        &.-low .dialog-buttons { margin-top: 0; }
        &.-tall > .dialog { height: 100%; }
    }
    Dialog:ansi > .dialog { background: ansi_default; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)

    @property
    def console_app(self) -> ConsoleApp:
        """The app that owns all workers."""
        app: ConsoleApp = self.app  # type: ignore[assignment]
        return app

    def title_text(self) -> str:
        return ""

    def body(self) -> Iterable[Widget]:
        return ()

    def buttons(self) -> Iterable[Push]:
        return (Push("Close", id="close"),)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = paint(self.title_text())
            yield from self.body()
            with PushRow(classes="dialog-buttons"):
                yield from self.buttons()

    def _update_auto_focus(self) -> None:
        """Textual asks for this when the widgets are there, before they are drawn. What somebody has chosen by then
        stays: a focus that is set once more in on_mount takes back a Tab that was typed meanwhile."""
        if self.app.app_focus and self.focused is None and self.query(".dialog-buttons Push"):
            self.focus_first()

    def focus_first(self) -> None:
        """Where the keys go when it opens."""
        self.focus_harmless()

    _left = False

    def same_as(self, other: Dialog[Any]) -> bool:
        """Whether this one, still open, is what `other` would be."""
        return not self._left and self.title_text() == other.title_text()

    def focus_harmless(self) -> None:
        """Give the harmless button the focus."""
        # at once, not when the screen is idle: a key that comes right behind must find it there
        self.set_focus(self.query(".dialog-buttons Push").first(Push))

    def unfinished(self) -> bool:
        """Whether somebody typed something that leaving would lose."""
        return any(field.value for field in self.query(Input))

    def action_leave(self) -> None:
        """Esc: never discards typed text; then only a button leaves, and that is said."""
        if self.unfinished():
            self.focus_harmless()
            first = self.query(".dialog-buttons Push").first(Push).label
            self.query_one(".dialog").border_subtitle = paint((f"what you typed is kept: {first} leaves it", "warn"))
            return
        self.leave()

    def action_scroll_body(self, pages: int) -> None:
        """The keys stay on the buttons, so the text is moved from here."""
        body = self.query_one_optional(".dialog-body", VerticalScroll)
        if body is not None:
            body.scroll_relative(y=pages * max(1, body.size.height - 1), animate=False)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Close once; a second key on a dialog that is already closing does nothing."""
        if self._left:
            return AwaitComplete()
        self._left = True
        return super().dismiss(result)

    def leave(self) -> None:
        """Close without doing anything."""
        self.dismiss(None)


class AskScreen(Dialog[str]):
    """A question. Dismisses with the id of the button that was pressed, None on Esc or the first button.

    typed: a text has to be typed before any but the first button does something; it is then in `answer`. word: that
    very text, letter by letter. value: what stands in the field already.
    """

    def __init__(
        self,
        title: str,
        says: Sequence[str | Cell],
        choices: Sequence[tuple[str, str]],
        *,
        typed: str = "",
        danger: str = "",
        word: str = "",
        value: str = "",
    ) -> None:
        super().__init__()
        self._word, self._value = word, value
        self._title, self._says, self._choices = title, says, choices
        self._typed, self._danger = typed, danger
        self.answer = ""

    def title_text(self) -> str:
        return self._title

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield Static(lines([paint(text) for text in self._says]), markup=False)
            if self._typed:
                yield Entry(self._value, placeholder=self._typed, id="typed")

    def buttons(self) -> Iterable[Push]:
        for name, label in self._choices:
            yield Push(
                label,
                id=name,
                classes="-danger" if name == self._danger else None,
            )

    def focus_first(self) -> None:
        if self._typed:
            self.set_focus(self.query_one(Input))
        else:
            self.focus_harmless()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter leads on to the button that the text is for; it never presses it."""
        if self._lacks():
            self._ask_again()
        else:
            self.set_focus(self.query_one(f"#{self._danger or self._choices[-1][0]}", Push))

    def on_push_pressed(self, message: Push.Pressed) -> None:
        name = message.push.id or ""
        if name == self._choices[0][0]:
            self.dismiss(None)
        else:
            self._choose(name)

    def _choose(self, name: str, *, again: bool = True) -> None:
        """Only with what has to be typed. Looked at when it is pressed, and once more behind the keys that are still on
        their way to the field: a button that opens itself would be skipped by a Tab that was typed ahead."""
        if self._typed:
            self.answer = self.query_one(Input).value.strip()
            if self._lacks():
                if again:
                    self.call_after_refresh(self._choose, name, again=False)
                else:
                    self._ask_again()
                return
        self.dismiss(name)

    def _lacks(self) -> bool:
        text = self.query_one(Input).value.strip()
        return text != self._word if self._word else not says_why(text)

    def _ask_again(self) -> None:
        field = self.query_one(Input)
        if self._word:
            says = f"{field.value.strip()!r} is not it: " if field.value.strip() else ""
            says += f"first type {self._word}"
        else:
            says = f"first type a reason, {AT_LEAST}"
        self.query_one(".dialog").border_subtitle = paint((says, "warn"))
        self.set_focus(field)


class TextScreen(Dialog[None]):
    """Text to read, of any length; c copies it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy", show=False),
        Binding("q,question_mark,enter", "leave", "Close", show=False),
    ]
    DEFAULT_CSS = "TextScreen > .dialog { height: 100%; }"

    def __init__(self, title: str, text: str = "", lines_: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._title, self._text, self._lines = title, text, lines_

    def title_text(self) -> str:
        return self._title

    def body(self) -> Iterable[Widget]:
        pager = Pager(self._text)
        if self._lines:
            pager.lines = self._lines
        yield pager

    def buttons(self) -> Iterable[Push]:
        yield Push("Close", id="close")
        yield Push("Copy", hint="c", id="copy")

    def focus_first(self) -> None:
        self.set_focus(self.query_one(Pager))

    def set_lines(self, lines_: Sequence[tuple[str, str]]) -> None:
        """Another text; nothing happens when the dialog is gone by now."""
        if self.is_attached:
            self.query_one(Pager).lines = lines_

    def add_lines(self, lines_: Sequence[tuple[str, str]]) -> None:
        """More lines below."""
        if self.is_attached:
            pager = self.query_one(Pager)
            pager.lines = [*pager.lines, *lines_]

    def action_copy(self) -> None:
        self.console_app.copy(self.query_one(Pager).text, "the text")

    def on_push_pressed(self, message: Push.Pressed) -> None:
        if message.push.id == "copy":
            self.action_copy()
        else:
            self.leave()
