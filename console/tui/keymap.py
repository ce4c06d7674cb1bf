"""What each key does where, read from the bindings of the console itself; for `opsconsole keys`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from textual import events
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.keys import _get_key_aliases
from textual.message import Message

from console.engine.actions.registry import BUTTONS
from console.tui.driver import WholeParser


def name_of(message: Message) -> str:
    """A message of the terminal in words: a key's name, `mouse down at 10,5`."""
    if isinstance(message, events.Key):
        return message.key
    if isinstance(message, events.MouseEvent):
        what = type(message).__name__.removeprefix("Mouse").replace("Scroll", "wheel ").lower()
        return f"mouse {what} at {message.x + 1:.0f},{message.y + 1:.0f}"
    return {"AppFocus": "terminal in front", "AppBlur": "terminal behind"}.get(type(message).__name__, "an answer")


def _each(bindings: Iterable[BindingType]) -> Iterator[tuple[str, str]]:
    for binding in bindings:
        if isinstance(binding, Binding):
            for key in binding.key.split(","):
                yield key.strip(), binding.description or binding.action.partition("(")[0].replace("_", " ")


@cache
def _places() -> dict[str, list[tuple[str, str]]]:
    """Key -> (where, what), in the order in which an operator meets the places."""
    from console.tui.app import ConsoleApp
    from console.tui.screens.dialog import Dialog
    from console.tui.screens.main import MainScreen
    from widgets.disk import DiskPane
    from widgets.logs import LogPane
    from widgets.overview import OverviewPane
    from widgets.pager import Pager
    from widgets.procedures import ProceduresPane
    from widgets.push import Push
    from widgets.runs import RunsPane
    from widgets.runs.detail import RunDetail
    from widgets.state import StatePane
    from widgets.table import VirtualTable

    found: dict[str, list[tuple[str, str]]] = {}
    everywhere = [*_each(ConsoleApp.BINDINGS), *_each(MainScreen.BINDINGS)]
    for key, what in everywhere:
        found.setdefault(key, []).append(("", what))
    letters = ", ".join(f"{action.key} {action.label}" for action in BUTTONS)
    found["a"] = [("", f"then an action's letter: {letters}")]
    found["tab"], found["shift+tab"] = [("", "to what comes next")], [("", "to what was before")]
    classes: dict[str, type[DOMNode]] = {
        "Overview": OverviewPane,
        "Logs": LogPane,
        "State": StatePane,
        "Disk": DiskPane,
        "Runs": RunsPane,
        "a run": RunDetail,
        "Procedures": ProceduresPane,
        "tables": VirtualTable,
        "texts": Pager,
        "buttons": Push,
        "dialogs": Dialog,
    }
    for where, kind in classes.items():
        for key, what in _each(kind.BINDINGS):
            found.setdefault(key, []).append((where, what))
    return found


def bound(key: str) -> list[tuple[str, str]]:
    """(where, what it does) for a key as Textual names it; where is '' for what holds everywhere."""
    places = _places()
    for name in (key, *_get_key_aliases(key)):
        if name in places:
            return places[name]
    return []


def in_words(key: str) -> str:
    """What a key does, on one line; '' where it does nothing."""
    return "; ".join(f"{where}: {what}" if where else what for where, what in bound(key))


class Reading:
    """Pieces of `Sequences` to what the console makes of them: the parser that it has itself."""

    def __init__(self) -> None:
        self._parser = WholeParser()

    def of(self, piece: str) -> list[tuple[str, str]]:
        """(name, what it does) of each message that a piece is; none for what the console does not know."""
        return [
            (name_of(message), in_words(message.key) if isinstance(message, events.Key) else "")
            for message in self._parser.whole(piece)
        ]
