"""One widget in an app of its own, and text that would bite if anything interpreted it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

# Markup that crashes, vanishes or becomes a button; bytes that clear, beep, write the clipboard, turn text round.
HOSTILE = (
    "[/]",
    "[/foo]",
    "a [b] c",
    "[@click=app.boom]click me[/]",
    "[@click=app.quit]x\n\x1b]52;c;aGFoYQ==\x07.json",
    "\x1b[2J\x1b[31;5mred",
    "\x9b31m csi",
    "\u202egnp.exe",
    "tab\there",
    "line\u2028separator",
    "byte\udcff",
    "wide 日本語 and e\u0301",
    "zero\u200bwidth\u2060\ufeff\u00ad\U000e0041 \u200f\u2067rtl\u2069",
    "z\u0301" + "\u0302\u0323" * 60 + "algo",
    "\u0301first combines 👩\u200d👩\u200d👧 \ufe0f",
    "n" * 4096,
    "名" * 1365,
)


class Host(App[None]):
    """Shows what `build` makes; `heard` keeps the messages that came out of it."""

    def __init__(self, build: Callable[[], Widget]) -> None:
        super().__init__()
        self._build_widget = build
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self._build_widget()

    def hook(self, message: Message) -> None:
        """To be given to run_test as message_hook."""
        self.heard.append(message)

    def of(self, kind: type[Message]) -> list[Any]:
        """The messages of this kind, in order."""
        seen: list[Message] = []
        for message in self.heard:
            if isinstance(message, kind) and not any(message is other for other in seen):
                seen.append(message)
        return seen


def shown(app: App[Any]) -> list[str]:
    """The screen as lines of text, blanks at their ends removed."""
    strips = app.screen._compositor.render_strips(app.size)
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def links(app: App[Any]) -> list[object]:
    """Every action that a click somewhere on the screen would run: none may come from data."""
    strips = app.screen._compositor.render_strips(app.size)
    metas = [segment.style.meta for strip in strips for segment in strip if segment.style is not None]
    return [value for meta in metas for key, value in meta.items() if key == "@click"]


def page(app: App[Any]) -> str:
    """The screen as one text."""
    return "\n".join(shown(app))


async def until(pilot: Pilot[Any], true: Callable[[], object], rounds: int = 400) -> None:
    """Let the app work until `true()` is; fails when it does not become true."""
    for _ in range(rounds):
        if true():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come true; the screen shows:\n" + page(pilot.app))
