"""SearchPrompt: where a text or an expression is typed; it is compiled at every key."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from console.engine.observe.logs_search import Search, SearchError, compile_search
from widgets.entry import Entry


class SearchPrompt(Entry):
    """Says Typed at every change, Asked with what to look for (None: for nothing any more), and Left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "regex", "Text or expression", show=False),
        Binding("escape", "leave", "Back", show=False),
    ]
    DEFAULT_CSS = """
    SearchPrompt { height: 1; border: none; padding: 0 1; background: $panel; }
    SearchPrompt:focus { border: none; }
    """

    class Typed(Message):
        """kind: `text` or `expression`; problem: why it does not compile, '' where it does."""

        def __init__(self, kind: str, problem: str) -> None:
            super().__init__()
            self.kind, self.problem = kind, problem

    class Asked(Message):
        """Enter."""

        def __init__(self, search: Search | None) -> None:
            super().__init__()
            self.search = search

    class Left(Message):
        """Escape."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, placeholder="text to find; Ctrl+R: regular expression")
        self._regex = False

    def begin(self, before: Search | None) -> None:
        """Start typing, with the last search to change or type over."""
        self.value = before.text if before is not None else ""
        self._regex = before.regex if before is not None else self._regex
        self.select_all()
        self._tell()

    def _compiled(self) -> Search:
        return compile_search(self.value, regex=self._regex)

    def _tell(self) -> None:
        problem = ""
        try:
            self._compiled()
        except SearchError as error:
            problem = str(error)
        self.post_message(self.Typed("expression" if self._regex else "text", problem))

    def action_regex(self) -> None:
        self._regex = not self._regex
        self._tell()

    def action_leave(self) -> None:
        self.post_message(self.Left())

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        self._tell()

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        try:
            self.post_message(self.Asked(self._compiled() if self.value else None))
        except SearchError:
            self._tell()  # what was typed stays, with the reason
