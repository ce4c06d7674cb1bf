"""The one list of panes: number keys, tab line, palette and help read it. A later pane is one more line;
numbers stay what they are whatever panes there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.widget import Widget

if TYPE_CHECKING:
    from console.engine.context import Context


@dataclass(frozen=True, slots=True)
class PaneEntry:
    """number: its key; name: its id; title: on the tab; build: makes its widget when it is shown first; focus: what
    gets the keys.
    """

    number: int
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


def _disk(ctx: Context) -> Widget:
    from widgets.disk import DiskPane

    return DiskPane(id="pane-disk")


def _state(ctx: Context) -> Widget:
    from widgets.state import StatePane

    return StatePane(id="pane-state")


def _checklists(ctx: Context) -> Widget:
    from widgets.checklists import ChecklistsPane

    return ChecklistsPane(id="pane-checklists")


def _runs(ctx: Context) -> Widget:
    from widgets.runs import RunsPane

    return RunsPane(id="pane-runs")


def _procedures(ctx: Context) -> Widget:
    from widgets.procedures import ProceduresPane

    return ProceduresPane(id="pane-procedures")


PANES: tuple[PaneEntry, ...] = (
    PaneEntry(1, "overview", "Overview", _overview, "#recent"),
    PaneEntry(2, "logs", "Logs", _logs),
    PaneEntry(3, "state", "State", _state, ".-front"),
    PaneEntry(4, "disk", "Disk", _disk, "#disk-folders"),
    PaneEntry(5, "checklists", "Checklists", _checklists, "#checklists-items"),
    PaneEntry(6, "runs", "Runs", _runs, ".-front"),
    PaneEntry(7, "procedures", "Procedures", _procedures, ".-front"),
)


def pane_of_key(key: str) -> str:
    """The pane that a number key asks for; '' for every other key."""
    return next((entry.name for entry in PANES if key == str(entry.number)), "")
