"""Entry: a field to type in that shows what it holds so that nothing of it can act."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.widgets import Input

from console.engine.text import visible


def harmless(text: str) -> str:
    """Each character as one: what a terminal would act on, or nobody would see, has a picture or is `\\ufffd`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(shown if len(shown) == 1 else "\ufffd" for shown in map(visible, text))


class Entry(Input):
    """Textual's Input, whose value may be a file's name or was pasted: Input would send its escapes to the terminal.

    The value itself stays what it is. The cursor does not blink: that would send 2 KB/s.
    """

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=visible(placeholder), id=id, compact=True)
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        return Text(harmless(self.value), no_wrap=True, overflow="ignore", end="")

    async def _on_key(self, event: events.Key) -> None:
        """Keys in the order in which they were pressed: left to Textual, what a key is bound to would happen behind the
        letters that were typed after it.
        """
        bound = self._bindings.key_to_bindings.get(event.key)
        if not bound:
            return  # a letter: Input's own handler comes next
        event.stop()
        event.prevent_default()
        await self.run_action(bound[0].action)
