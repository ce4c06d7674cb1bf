"""The one list of panes: number keys, tab line, palette and help read it. A later pane is one more line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.widget import Widget

if TYPE_CHECKING:
    from console.engine.context import Context


@dataclass(frozen=True, slots=True)
class PaneEntry:
    """name: its id; title: on the tab; build: makes its widget when it is shown first; focus: what gets the keys."""

    name: str
    title: str
    build: Callable[[Context], Widget]
    focus: str = ""


def _overview(ctx: Context) -> Widget:
    from widgets.overview import OverviewPane

    return OverviewPane(id="pane-overview")


def _logs(ctx: Context) -> Widget:
    from console.tui.logs import log_pane

    return log_pane(ctx)


def _runs(ctx: Context) -> Widget:
    from widgets.runs import RunsPane

    return RunsPane(id="pane-runs")


PANES: tuple[PaneEntry, ...] = (
    PaneEntry("overview", "Overview", _overview, "#recent"),
    PaneEntry("logs", "Logs", _logs),
    PaneEntry("runs", "Runs", _runs, "#runs-list"),
)


def pane_of_key(key: str) -> str:
    """The pane that a number key asks for; '' for every other key."""
    return next((entry.name for number, entry in enumerate(PANES, 1) if key == str(number)), "")
