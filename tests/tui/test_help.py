"""Help: what is said of a key stands beside it, at every width."""

from __future__ import annotations

import re

import pytest

from console.tui.commands import GENERAL_HELP
from console.tui.screens import handover, migrate, reprocess, rollback
from console.tui.screens.help_text import flow
from widgets.checklists import ChecklistsPane
from widgets.disk import DiskPane
from widgets.logs import LogPane
from widgets.overview import OverviewPane
from widgets.pager.pager import _hang
from widgets.procedures import ProceduresPane
from widgets.runs import RunsPane
from widgets.state import StatePane

NARROW = 73  # cells in a dialog of 80 columns
DIALOGS = (handover._ADOPT_HELP, handover._LEAVE_HELP, migrate._HELP, reprocess._HELP, rollback.HELP)
PAIRS = re.compile(r"\S {2,}\S.* {2,}\S")


def test_lines_that_go_on_are_joined() -> None:
    text = "# Head\nOne sentence\ngoes on.\n\nkey   what it does\n      and more\nother   that\nA sentence.\n"
    assert flow(text) == "# Head\nOne sentence goes on.\n\nkey   what it does and more\nother   that\nA sentence.\n"


def all_help() -> list[str]:
    panes = (OverviewPane, LogPane, StatePane, DiskPane, ChecklistsPane, RunsPane, ProceduresPane)
    return [GENERAL_HELP, *DIALOGS, *(pane.HELP for pane in panes)]


@pytest.mark.parametrize("text", all_help(), ids=lambda text: text.split("\n")[0].strip("# "))
def test_no_pair_of_keys_is_broken(text: str) -> None:
    """Two keys on one line fit into 80 columns; a line with one wraps under what is said of it."""
    assert text
    assert [line for line in flow(text).split("\n") if PAIRS.search(line) and len(line) > NARROW] == []


def test_what_does_not_fit_goes_on_under_what_is_said() -> None:
    assert _hang("Waiting     what a migrate would find now") == 12
    assert _hang("a, then letter   an action's plan") == 17
    assert _hang("one sentence that has no columns at all") == 2
    assert _hang("    - an item") == 6
    assert _hang("a long beginning of a line that has  two blanks somewhere") == 2
