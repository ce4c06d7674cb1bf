"""What gets the keys in a session: the text, the branches or offers, the field."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from widgets.entry import Entry
from widgets.table import VirtualTable

OFFERED = "type to narrow, down to choose, Enter takes it"
READING = "looking what there is…"
NONE = "none is known here: type it, Enter takes it"
HINTS = {  # of an empty field whose value is not one of those that are offered
    "date": "a day, as 2026-03-01; Enter takes it",
    "number": "a whole number; Enter takes it",
    "folder": "a folder that exists; Enter takes it",
    "text": "in a few words; Enter takes it",
}


class StepsBody(VerticalScroll, can_focus=True):
    """The text, which the arrows move."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", show=False),
        Binding("up,k", "scroll_up", show=False),
    ]

    class Resized(Message):
        """There is more room now, or less."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class Choices(VirtualTable):
    """Branches or offers; PageUp and PageDown are the text's, which may have no room."""

    class Paged(Message):
        """Move the text by so many pages."""

        def __init__(self, pages: int) -> None:
            super().__init__()
            self.pages = pages

    def action_page(self, step: int) -> None:
        self.post_message(self.Paged(step))


class ValueEntry(Entry):
    """The field of an input step; up and down walk the offers below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(1)", "Next offer", show=False),
        Binding("up", "step(-1)", "Previous offer", show=False),
    ]

    class Stepped(Message):
        """To the next offer (1) or the one before (-1)."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def action_step(self, step: int) -> None:
        self.post_message(self.Stepped(step))
