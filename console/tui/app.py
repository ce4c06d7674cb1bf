"""ConsoleApp: life, keys and commands. What brings data is FedApp; it knows no pane from inside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from console.engine.actions.registry import BUTTONS, find_action, not_yet
from console.engine.context import Context
from console.engine.model import RunRow
from console.engine.observe.alerts import Alert
from console.engine.text import recordable
from console.tui import signals
from console.tui.actions import DIALOGS
from console.tui.commands import Palette, commands
from console.tui.driver import ConsoleDriver
from console.tui.feed import FedApp
from console.tui.glyphs import StandIns
from console.tui.panes import pane_of_key
from console.tui.screens.dialog import AskScreen, Dialog
from console.tui.screens.main import MainScreen
from console.tui.theme import DARK, LIGHT
from widgets import leaving
from widgets.actionbar import ActionBar

SETTLE_SECONDS = 0.2  # at most, between two keys


class ConsoleApp(FedApp):
    """One console on one workspace. ctx.read_only: nothing that changes anything exists."""

    TITLE = "opsconsole"
    ENABLE_COMMAND_PALETTE = True
    ESCAPE_TO_MINIMIZE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit_console", "Quit", show=False, priority=True),
        Binding("ctrl+c", "explain_quit", "How to leave", show=False, priority=False),
        Binding("q", "explain_quit('q alone does not leave. ')", "How to leave", show=False, priority=False),
        Binding("ctrl+z", "suspend_process", "To the shell", show=False, priority=True),
        Binding("ctrl+l", "redraw", "Draw again", show=False, priority=True),
        Binding("ctrl+r", "look_again", "Look again", show=False),
        Binding("ctrl+p,colon", "command_palette", "Commands", show=False),
        *(Binding(action.function_key, f"act('{action.name}')", action.label, show=False) for action in BUTTONS),
    ]
    CSS = """
    Toast { border-left: none; }
    ModalScreen > ToastRack { dock: top; align: right top; margin: 1 0 0 0; }  /* a dialog's buttons are at its foot */
    ScrollBar { background: $background; }
    * { scrollbar-color: $border-blurred; scrollbar-color-hover: $primary; scrollbar-color-active: $primary;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background; }
    """

    def __init__(
        self, ctx: Context, *, theme: str = "ops-dark", stand_ins: str = "", trouble: Iterable[str] = ()
    ) -> None:
        super().__init__(ctx, trouble=trouble)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = theme if theme in self.available_themes else "ops-dark"
        if self.no_color:  # chosen by Textual before our theme was
            self._filters = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]
        if stand_ins:
            self._filters.append(StandIns(stand_ins))
        self.crash: Exception | None = None

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────────────

    def get_driver_class(self) -> type[Driver]:
        return ConsoleDriver

    def get_default_screen(self) -> Screen[Any]:
        return MainScreen(self.ctx)

    def on_mount(self) -> None:
        if not self.is_headless:
            leaving.install(self.leave)

    def on_ready(self) -> None:
        self.start_feeding()

    def leave(self, status: int) -> None:
        """End the console with this exit status; runs go on."""
        if not self.leaving:
            self.stop_feeding()
            self.visits.leave()
            if not self.is_headless:
                leaving.leave_for_certain(lambda: status)
            self.exit(return_code=status)

    def on_unmount(self) -> None:
        self.stop_feeding()

    def _fatal_error(self) -> None:
        """An unexpected exception: the terminal is restored first, start.py says one sentence and writes a file."""
        self.crash = self._exception
        self.leaving = True
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        self.crash = self.crash or error
        super()._handle_exception(error)

    # ── what the dialogs ask for ──────────────────────────────────────────────────────────────────────────────

    def copy(self, text: str, what: str) -> None:
        """To the terminal's clipboard; bytes of a name that are no UTF-8 as `\\xff`, as everywhere."""
        self.copy_to_clipboard(recordable(text))
        self.notify(
            f"Sent {what} to the terminal's clipboard (OSC 52). A terminal that does not allow that keeps its old one.",
            markup=False,
            timeout=5,
        )

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            if event.key in ("tab", "shift+tab"):
                # here and now: typed ahead on a slow line, the Enter behind it must find the new focus
                (self.screen.focus_next if event.key == "tab" else self.screen.focus_previous)()
                return
            if len(self.screen_stack) == 1 and (
                self.main.typed_in_filter(event)
                or self._armed(event)
                or await self._pane_asked(event)
                or await self._filter_asked(event)
            ):
                return
            if not isinstance(self.focused, Input) and not self._typing(event):
                await self._bound(event)
                return
        if isinstance(event, events.MouseDown) and self._on_what_is_gone(event):
            return
        await super().on_event(event)

    async def _bound(self, event: events.Key) -> None:
        """What a key is bound to where the focus is. Here and now: Textual asks only once the key has come up from
        there, behind keys that were typed after it, and then of what has the focus by that time.
        """
        self.app_focus = True
        if len(self.screen_stack) == 1 and self.main.keys_go_astray():
            self.main.focus_again()
        screen, focused = self.screen, self.focused
        if not await self._check_bindings(event.key, priority=True):
            await self._check_bindings(event.key)
        if focused is not None and self.screen is screen:
            await self._settled(focused)

    async def _settled(self, widget: Widget) -> None:
        """Until what a key set going in this widget has come up to its screen: the next key is for what that brings."""
        done = asyncio.Event()

        def up(node: Widget) -> None:
            above = node.parent
            if not isinstance(above, Widget) or not above.call_later(up, above):
                done.set()

        if widget.call_later(up, widget):
            with suppress(TimeoutError):  # something of it is being taken away, or waits itself
                await asyncio.wait_for(done.wait(), SETTLE_SECONDS)

    def _on_what_is_gone(self, event: events.MouseDown) -> bool:
        """Whether a widget was hit that has just been taken away, a notification that was clicked before: Textual
        looks for its parent and dies of having none.
        """
        widget, _ = self.screen.get_widget_and_offset_at(event.x, event.y)
        return widget is not None and not isinstance(widget, Screen) and widget.parent is None

    def _armed(self, event: events.Key) -> bool:
        """`a`, then an action's letter. Decided here, in the order of the keys, not where each may be handled later."""
        bar = self.screen.query_one_optional(ActionBar)
        if bar is None:
            return False
        if not bar.armed:
            bar.armed = event.key == "a" and not self._typing(event)
            return bar.armed
        bar.armed = False
        action = bar.find(event.key)
        if action is not None:
            self.action_act(action.name)
        return True

    def _typing(self, event: events.Key) -> bool:
        """Whether the key is text for a field."""
        focused = self.focused
        return focused is not None and focused.check_consume_key(event.key, event.character)

    async def _pane_asked(self, event: events.Key) -> bool:
        """A pane's number. Here too: making a pane takes a while, and the key behind it is meant for that pane."""
        name = pane_of_key(event.key)
        if not name or self._typing(event):
            return False
        await self.main.show_pane(name)
        return True

    async def _filter_asked(self, event: events.Key) -> bool:
        """`/` in a pane whose rows are filtered. Here too: what is typed behind it is text for that field."""
        pane = self.main.current_pane
        if event.key != "slash" or self._typing(event) or not isinstance(getattr(pane, "filter", None), str):
            return False
        await self.main.action_filter()
        return True

    def action_act(self, name: str) -> None:
        """Open the plan of an action; nothing acts."""
        if not self.can_act(name) or len(self.screen_stack) != 1:
            return
        if name != "reprocess" or not self.reprocess_selection():  # of what the State pane lists
            self.push_screen(DIALOGS[name](self.ctx))

    def ask_maintenance(self) -> None:
        from console.tui.maintaining import ask_maintenance

        ask_maintenance(self)

    def answer_for(self, alert: Alert) -> None:
        from console.tui.rules import answer_for

        answer_for(self, alert)

    def can_act(self, name: str) -> bool:
        """Whether this action can be planned from here; says why where it cannot."""
        action = find_action(name)
        if not self.may_change(action.label):
            return False
        if not action.available or action.name not in DIALOGS:
            self.notify(f"{not_yet(action)}.", title=action.label, markup=False, timeout=6)
            return False
        return True

    def may_change(self, what: str) -> bool:
        """Whether this console may change anything; says why where it may not."""
        if self.configuration_trouble:
            self.notify(f"{what}: nothing can be changed while the configuration does not load.", markup=False)
        elif self.ctx.read_only:
            self.notify(f"{what}: this console is read-only, it can change nothing.", markup=False, timeout=4)
        elif self.refusal:
            self.notify(f"{what}: {self.refusal}.", markup=False, timeout=12)
        else:
            return True
        return False

    def act(self, name: str) -> None:
        self.action_act(name)

    def roll_back(self, run: RunRow) -> None:
        from console.tui.screens.rollback import RollbackScreen

        if self.can_act("rollback"):
            self.push_screen(RollbackScreen(self.ctx, run.id))

    def push_screen(self, screen: Any, *more: Any, **options: Any) -> Any:
        """As Textual's, but a dialog that is on top already is not opened again: clicks and keys wait in the queue
        while the first one is being opened, and a pile of the same dialog helps nobody.
        """
        top = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(screen, Dialog) and type(top) is type(screen) and top.same_as(screen):
            return AwaitComplete()
        return super().push_screen(screen, *more, **options)

    def on_action_bar_wanted(self, message: ActionBar.Wanted) -> None:
        self.action_act(message.action.name)

    def action_explain_quit(self, said: str = "ctrl+c stops nothing here. ") -> None:
        run = self.running
        goes_on = f" {run.action} {run.short} goes on." if run else ""
        self.notify(f"{said}ctrl+q leaves the console.{goes_on}", markup=False, timeout=5)

    def action_help_quit(self) -> None:
        self.action_explain_quit()

    def action_quit_console(self) -> None:
        """Leave; what somebody typed is not thrown away unasked."""
        if not any(isinstance(screen, Dialog) and screen.unfinished() for screen in self.screen_stack):
            self.leave(0)
            return
        if isinstance(self.screen, AskScreen) and self.screen.id == "leave":
            return
        ask = AskScreen("Leave?", ["What you typed in the dialog is lost."], [("back", "Stay"), ("leave", "Leave")])
        ask.id = "leave"
        self.push_screen(ask, lambda choice: self.leave(0) if choice == "leave" else None)

    async def action_quit(self) -> None:
        self.action_quit_console()

    def action_redraw(self) -> None:
        self.screen.refresh(repaint=True, layout=True)

    def action_help(self) -> None:
        if len(self.screen_stack) == 1:
            self.main.action_help()

    def action_suspend_process(self) -> None:
        if signals.can_come_back():
            super().action_suspend_process()
        else:
            self.notify("There is no shell to come back from; ctrl+q leaves.", markup=False, timeout=5)

    def action_toggle_mouse(self) -> None:
        driver = self._driver
        if isinstance(driver, ConsoleDriver):
            driver.set_mouse(not driver.mouse)
            says = "on." if driver.mouse else "the terminal's again."
            if driver.mouse and driver.in_screen:
                says = "on. GNU screen now holds Esc back until the next key; the palette turns the mouse off again."
            self.notify(f"The mouse is {says}", markup=False, timeout=3 if len(says) < 40 else 8)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return commands(self)
