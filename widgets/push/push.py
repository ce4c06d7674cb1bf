"""Push: a button of one line, `[ Migrate ]`, that shows focus by reverse video and brackets, not by colour alone."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from console.engine.text import visible
from widgets.look import width_of


class Push(Widget, can_focus=True):
    """label: what it says. Message out: Pressed (Enter, space, click), never while it is disabled.

    hint: a dim word behind the label, a key for instance.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "press", "Press", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
    ]
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Push {
        width: auto; height: 1; background: $panel; color: $foreground; margin-right: 1; pointer: pointer;
        &:hover { background: $boost; }
        &:focus { text-style: bold; background: $block-cursor-background; color: $block-cursor-foreground; }
        &.-danger { color: $text-error; }
        &.-main { color: $text-primary; text-style: bold; }
        &:focus.-danger, &:focus.-main { color: $block-cursor-foreground; }
        &:disabled { color: $text-disabled; background: transparent; pointer: default; }
    }
    Push:ansi { background: ansi_default; }
    Push:ansi:focus { text-style: bold reverse; background: ansi_default; color: ansi_default; }
    Push:ansi:disabled { text-style: dim; }
    """

    class Pressed(Message):
        """It was pressed; `push.id` says which."""

        def __init__(self, push: Push) -> None:
            super().__init__()
            self.push = push

        @property
        def control(self) -> Push:
            return self.push

    def __init__(
        self, label: str, *, hint: str = "", id: str | None = None, classes: str | None = None, disabled: bool = False
    ) -> None:
        super().__init__(id=id, classes=classes, disabled=disabled)
        self._label = visible(label)
        self.hint = hint

    @property
    def label(self) -> str:
        return self._label

    @label.setter
    def label(self, text: str) -> None:
        if visible(text) != self._label:
            self._label = visible(text)
            self.refresh(layout=True)

    def _text(self) -> str:
        return f"[ {self._label} ]"

    def get_content_width(self, container: object, viewport: object) -> int:
        return width_of(self._text()) + (len(self.hint) + 1 if self.hint else 0)

    def render(self) -> Content:
        if not self.hint:
            return Content(self._text())
        inner = self._text()[:-2]
        return Content.assemble(inner, " ", (self.hint, "" if self.has_focus else "$text-muted"), " ]")

    def action_press(self) -> None:
        if not self.disabled:
            self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        self.action_press()
