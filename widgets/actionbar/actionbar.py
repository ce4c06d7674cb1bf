"""ActionBar: one button an action of the registry, with its keys; what cannot be done says why."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from console.engine.actions.registry import BUTTONS, Action
from widgets.look import paint
from widgets.push import Push


class ActionBar(Horizontal):
    """Attributes in: armed (after `a`: the letters are what counts), read_only. Message out: Wanted(action)."""

    DEFAULT_CSS = """
    ActionBar {
        height: 1; background: $background;
        & > #bar-hint { width: 1fr; height: 1; color: $text-muted; text-align: right; padding-right: 1; }
        & > Push { margin-left: 1; margin-right: 0; }
    }
    """

    class Wanted(Message):
        """Somebody asks for this action: a plan opens, nothing acts."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self, actions: Sequence[Action] = BUTTONS, *, read_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.actions = tuple(actions)
        self._read_only = read_only
        self._armed = False

    def compose(self) -> ComposeResult:
        for action in self.actions:
            yield Push(
                action.label,
                hint=f"a {action.key}",
                id=f"action-{action.name}",
                classes="-main" if action.available else "-later",
                disabled=self._read_only,
            )
        yield Static(id="bar-hint", markup=False)

    def on_mount(self) -> None:
        self._tell()

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed from here."""
        return self._read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        if value != self._read_only:
            self._read_only = value
            for push in self.query(Push):
                push.disabled = value
            self._tell()

    @property
    def armed(self) -> bool:
        """Whether the next letter names an action."""
        return self._armed

    @armed.setter
    def armed(self, value: bool) -> None:
        if value != self._armed:
            self._armed = value
            self._tell()

    def _tell(self) -> None:
        hint = self.query_one("#bar-hint", Static)
        if self._armed:
            hint.update(paint(("a + letter, Esc", "warn")))
        elif self._read_only:
            hint.update(paint(("read-only", "warn")))
        else:
            hint.update(paint((": commands", "dim")))

    def find(self, key: str) -> Action | None:
        """The action with this letter."""
        return next((action for action in self.actions if action.key == key), None)

    def on_push_pressed(self, message: Push.Pressed) -> None:
        message.stop()
        for action in self.actions:
            if message.push.id == f"action-{action.name}":
                self.post_message(self.Wanted(action))
