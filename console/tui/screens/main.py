"""The main screen: status line, tab line, the pane, the action buttons. The first and the last never move."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Rule

from console.tui.panes import PANES, PaneEntry
from widgets.actionbar import ActionBar
from widgets.entry import Entry
from widgets.status import StatusLine
from widgets.tabs import TabLine

if TYPE_CHECKING:
    from console.engine.context import Context


class PaneMade(Message):
    """A pane was made and wants its data."""

    def __init__(self, pane: Widget) -> None:
        super().__init__()
        self.pane = pane


class MainScreen(Screen[None]):
    """Panes are made when they are shown first and stay."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", show=False),
        Binding("escape", "back", "Back", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("exclamation_mark", "app.alerts", "All alerts", show=False),
        *(Binding(str(entry.number), f"pane('{entry.name}')", entry.title) for entry in PANES),
    ]
    DEFAULT_CSS = """
    MainScreen {
        &:ansi > Rule.-horizontal { color: ansi_default; text-style: dim; }
        & > Rule.-horizontal { margin: 0; color: $border-blurred; height: 1; }
        & > #panes { height: 1fr; & > * { display: none; } & > .-current { display: block; } }
        & > #filter { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
        & > #filter.-shown { display: block; }
    }
    """

    def __init__(self, ctx: Context) -> None:
        super().__init__()
        self._ctx = ctx
        self._current = PANES[0]

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield TabLine([(entry.name, entry.title, entry.number) for entry in PANES], id="tabs")
        yield Rule()
        first = PANES[0].build(self._ctx)
        first.add_class("-current")
        yield Container(first, id="panes")
        yield Rule()
        yield ActionBar(read_only=self._ctx.read_only, id="actions")

    def on_mount(self) -> None:
        self._focus_pane(PANES[0])

    # ── panes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def pane(self, name: str) -> Widget | None:
        """The widget of a pane, None where it was never shown."""
        return self.query_one_optional(f"#pane-{name}")

    @property
    def current_pane(self) -> Widget | None:
        return self.pane(self._current.name)

    async def show_pane(self, name: str) -> Widget:
        """Bring a pane to the front, making it first where needed."""
        entry = next(entry for entry in PANES if entry.name == name)
        pane = self.pane(name)
        if pane is None:
            pane = entry.build(self._ctx)
            await self.query_one("#panes", Container).mount(pane)
            # handed out here and now: the key behind the pane's number is for what the pane lists
            await self.app._dispatch_message(PaneMade(pane))
        if entry is not self._current:
            old = self.current_pane
            if old is not None:
                old.remove_class("-current")
            self.hide_filter()
        self._current = entry
        pane.add_class("-current")
        self.query_one(TabLine).current = name
        self._focus_pane(entry)
        self.call_after_refresh(self.focus_again)
        return pane

    def keys_go_astray(self) -> bool:
        """Whether nothing has the focus, or something in a pane that is not in front."""
        pane, focused = self.current_pane, self.focused
        if focused is None or pane is None:
            return True
        above = focused.ancestors_with_self
        return pane not in above and self.query_one("#panes", Container) in above

    def focus_again(self) -> None:
        """Where the key came before the first frame: nothing could take the focus then, or the first frame took it."""
        pane, focused = self.current_pane, self.focused
        if pane is None or (focused is not None and focused.id == "filter"):
            return
        if focused is None or pane not in focused.ancestors_with_self:
            self._focus_pane(self._current)

    def _focus_pane(self, entry: PaneEntry) -> None:
        pane = self.pane(entry.name)
        if pane is None:
            return
        target = pane.query_one_optional(entry.focus) if entry.focus else None
        candidates = [target] if target is not None else [pane, *pane.query("*").results(Widget)]
        for widget in candidates:
            if widget.focusable:
                self.set_focus(widget)  # now: Widget.focus waits behind the keys that were typed ahead
                return
        self.set_focus(None)

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def action_pane(self, name: str) -> None:
        await self.show_pane(name)

    def action_back(self) -> None:
        """Esc: one step back inside the pane; it never changes the pane. Out of what stands before a filtered list it
        leads to that list, filtered as it was."""
        pane = self.current_pane
        typing = isinstance(self.focused, Input) and self.focused.id == "filter"
        if (typing or not getattr(pane, "before_list", False)) and self.hide_filter():
            return
        back = getattr(pane, "back", None)
        if callable(back):
            back()

    async def action_filter(self) -> None:
        pane = self.current_pane
        filtering = getattr(pane, "filter", None)
        if filtering is None:
            self.notify("Nothing to filter in this pane.", markup=False, timeout=3)
        elif callable(filtering):
            filtering()
        else:
            field = self.query_one_optional("#filter", Input)
            if field is None:  # made when it is asked for first: the first frame need not wait for it
                field = Entry(id="filter")
                field.select_on_focus = False  # the word of its focus may come behind letters that were typed ahead
                await self.mount(field, after="#panes")
            field.placeholder = str(getattr(pane, "FILTER_HINT", "part of what is shown; Esc: all"))
            field.add_class("-shown")
            self.set_focus(field)  # now: keys that were typed ahead are for it

    def hide_filter(self) -> bool:
        """Leave the filter; False when there was none."""
        field = self.query_one_optional("#filter", Input)
        if field is None or not field.has_class("-shown"):
            return False
        field.remove_class("-shown")
        with field.prevent(Input.Changed):
            field.value = ""
        pane = self.current_pane
        if pane is not None and hasattr(pane, "filter"):
            pane.filter = ""  # now: another pane may be the current one when a message comes
        self._focus_pane(self._current)
        return True

    def on_input_changed(self, message: Input.Changed) -> None:
        pane, field = self.current_pane, message.input
        if field.id != "filter" or not field.has_class("-shown") or message.value != field.value:
            return  # of before
        if pane is not None and hasattr(pane, "filter"):
            pane.filter = message.value

    def typed_in_filter(self, event: events.Key) -> bool:
        """A letter, Backspace or Enter for the filter, done at once and so in their order: the key behind that Enter is
        for the rows that are left.
        """
        field, pane = self.app.focused, self.current_pane
        if not isinstance(field, Input) or field.id != "filter" or pane is None or not hasattr(pane, "filter"):
            return False
        if event.key == "enter":
            pane.filter = field.value
            self._focus_pane(self._current)
        elif event.key == "backspace":
            field.action_delete_left()
        elif event.is_printable and event.character:
            field.replace(event.character, *sorted(field.selection))
        else:
            return False
        return True

    def action_help(self) -> None:
        from console.tui.commands import GENERAL_HELP
        from console.tui.screens.dialog import TextScreen
        from console.tui.screens.help_text import flow

        pane = self.current_pane
        text = str(getattr(pane, "HELP", "")) or f"# {self._current.title}\n"
        self.app.push_screen(TextScreen(f"Help: {self._current.title}", flow(text + "\n" + GENERAL_HELP)))

    async def on_tab_line_picked(self, message: TabLine.Picked) -> None:
        if message.tab == "?":
            self.action_help()
        elif self.query_one("#panes", Container).is_attached:  # a click may come while the console closes
            await self.show_pane(message.tab)
