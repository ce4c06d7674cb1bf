"""Prompt: the one line where a text, an expression, a time or a file name is typed; it is checked at every key."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from console.engine.observe.logs_search import Search, SearchError, compile_search
from widgets.entry import Entry

_HOLDS = {
    "find": "text to find; Ctrl+R: regular expression",
    "filter": "text of the lines to show; Ctrl+R: expression; Ctrl+N: lines without it",
    "time": "03:12   03-04 03:12   2026-03-04 03:12   -2h",
    "save": "path of a new file",
}


class Prompt(Entry):
    """Says Typed at every change, Asked at Enter and Left at Escape. purpose: find | filter | time | save."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Take it", show=False),
        Binding("ctrl+r", "regex", "Text or expression", show=False),
        Binding("ctrl+n", "invert", "Lines with it or without", show=False),
        Binding("escape", "leave", "Back", show=False),
    ]
    DEFAULT_CSS = """
    Prompt { height: 1; border: none; padding: 0 1; background: $panel; }
    Prompt:focus { border: none; }
    """

    class Typed(Message):
        """what: `find text`, `show without expression`; problem: why it does not work, '' where it does; hint: what
        it means.
        """

        def __init__(self, what: str, problem: str, hint: str) -> None:
            super().__init__()
            self.what, self.problem, self.hint = what, problem, hint

    class Asked(Message):
        """Enter, on something that works. search: of find and filter; None where nothing was typed."""

        def __init__(self, purpose: str, text: str, search: Search | None, invert: bool) -> None:
            super().__init__()
            self.purpose, self.text, self.search, self.invert = purpose, text, search, invert

    class Left(Message):
        """Escape."""

    class Behind(Message):
        """A key that was typed before it was seen that nothing is typed here any more."""

        def __init__(self, key: events.Key) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.purpose = "find"
        self._regex = self._invert = self._done = False
        self._check: Callable[[str], str] | None = None

    def begin(
        self, purpose: str, text: str = "", *, regex: bool | None = None, check: Callable[[str], str] | None = None
    ) -> None:
        """Start typing; text: to change or type over. regex None: as last time. check: says what a text means, or
        raises ValueError with what is wrong with it.
        """
        self.purpose, self._check = purpose, check
        self._invert = self._done = False
        self._regex = self._regex if regex is None else regex
        self.placeholder = _HOLDS[purpose]
        self.value = text
        self.select_all()
        self._tell()

    @property
    def _seeks(self) -> bool:
        return self.purpose in ("find", "filter")

    def _what(self) -> str:
        kind = "expression" if self._regex else "text"
        if self.purpose == "filter":
            return f"only lines {'without' if self._invert else 'with'} {kind}"
        return {"find": f"find {kind}", "time": "go to time", "save": "save as"}[self.purpose]

    def _meaning(self, text: str) -> str:
        """Raises ValueError, SearchError."""
        if self._seeks:
            compile_search(text, regex=self._regex)
            other = f"Ctrl+R: {'text' if self._regex else 'expression'}"
            if self.purpose == "filter":
                other += f"  Ctrl+N: {'with' if self._invert else 'without'}"
            return other
        return self._check(text) if self._check is not None and text else ""

    def _tell(self) -> None:
        problem = hint = ""
        try:
            hint = self._meaning(self.value)
        except (SearchError, ValueError) as error:
            problem = str(error)
        self.post_message(self.Typed(self._what(), problem, hint))

    def action_regex(self) -> None:
        self._regex = self._regex != self._seeks
        self._tell()

    def action_invert(self) -> None:
        self._invert = self._invert != (self.purpose == "filter")
        self._tell()

    def action_leave(self) -> None:
        self._done = True
        self.post_message(self.Left())

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        self._tell()

    async def _on_key(self, event: events.Key) -> None:
        """What is typed behind the Enter is not for this field any more."""
        if self._done:
            self.post_message(self.Behind(event))
            event.stop()
            event.prevent_default()

    def action_ask(self) -> None:
        """What was typed is meant; where it does not work it stays, with the reason."""
        text = self.value
        try:
            self._meaning(text)
        except (SearchError, ValueError):
            self._tell()
            return
        self._done = True
        search = compile_search(text, regex=self._regex) if self._seeks and text else None
        self.post_message(self.Asked(self.purpose, text, search, self._invert))
