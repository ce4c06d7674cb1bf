"""The palette: every command by name, from the registries; and the keys that work everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.command import CommandPalette
from textual.widgets import Input

from console.engine.actions.registry import ACTIONS
from console.tui.panes import PANES

if TYPE_CHECKING:
    from console.tui.app import ConsoleApp

GENERAL_HELP = """# Keys everywhere
1 to 7           panes
?                help for the pane
Enter            deeper
Esc              back
/                filter
: or ctrl+p      every command by name
!                all alerts; there n acknowledges one with a note, p starts its procedure
a, then letter   an action's plan
F5 F6 F7 F8      the same, where the terminal sends them
ctrl+r           look again
ctrl+l           draw everything again
ctrl+z           back to the shell for a while; fg comes back
ctrl+q           leave. A run in progress goes on; `opsconsole runs attach` shows it
Tab, Shift+Tab   to buttons, to alerts; Enter on an alert leads to what helps

To mark text with the mouse hold Shift, or turn the mouse off in the palette.
"""


def commands(app: ConsoleApp) -> Iterable[SystemCommand]:
    """What the palette offers. Titles are our own words: the palette reads them as markup."""
    for entry in PANES:
        yield SystemCommand(entry.title, f"go to the pane {entry.title}", _call(app, f"pane('{entry.name}')"))
    for action in ACTIONS:
        if app.only_looking:
            continue
        later = "" if action.available else " (comes with a later version)"
        yield SystemCommand(action.label, action.summary + later, _call(app, f"act('{action.name}')"))
    if not app.only_looking:
        yield SystemCommand("Maintenance", "stop all processing with a reason, or allow it again", app.ask_maintenance)
    yield SystemCommand("Trends", "files, failures, time and disk over days and weeks", app.show_trend_plots)
    yield SystemCommand("Who is here", "other consoles that are open on this workspace", app.show_others)
    yield SystemCommand("Open session", "go on with the newest procedure that is on its way", app.open_newest_session)
    if not app.only_looking:
        yield SystemCommand("Open a runbook", "walk a section of a Markdown file, step by step", _runbook(app))
    yield SystemCommand("Look again", "read configuration, ledger and raw zone now", app.action_look_again)
    yield SystemCommand("Help", "explain the pane one is in", _call(app, "help"))
    yield SystemCommand("Theme", "other colours, for this session", app.action_change_theme)
    yield SystemCommand("Mouse on or off", "off lets the terminal mark text by itself", app.action_toggle_mouse)
    yield SystemCommand("Draw again", "the screen, when something else wrote on it", app.action_redraw)
    yield SystemCommand("To the shell", "ctrl+z: suspend the screen, fg comes back", app.action_suspend_process)
    yield SystemCommand("Quit", "leave; a run in progress goes on", app.action_quit_console)


def _runbook(app: ConsoleApp) -> Callable[[], None]:
    def ask() -> None:
        from console.tui.runbooks import open_runbook

        open_runbook(app)

    return ask


def _call(app: ConsoleApp, action: str) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        await app.run_action(action, app.main if action.startswith("pane") else app)

    return call


class Palette(CommandPalette):
    """The palette without a blinking cursor and without a picture that most fonts lack."""

    DEFAULT_CSS = "Palette SearchIcon { display: none; }"

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
