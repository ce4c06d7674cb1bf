"""The console in tmux, GNU screen and byobu, by whatever name the terminal goes: nothing out of reach, nothing garbled.

Nothing garbled: what the multiplexer paints is, cell by cell, what the console paints in the same terminal without one.
One representative is quick; every program and every name of a terminal is `soak`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from console.engine.actions.registry import ACTIONS
from console.tui.panes import PANES
from tests.support import run_cli
from tests.terminal.multiplexer import BYOBU, DIRECT, MULTIPLEXERS, SCREEN, TMUX, Multiplexed, need
from tests.terminal.screen import Terminal

TERMS = ("screen", "linux", "vt220", "xterm-256color")
# What says that a pane has come and has what it shows.
THERE = {
    "overview": "Last run",
    "logs": "following",
    "state": "19 files",
    "disk": "scanned",
    "checklists": "Documentation is updated",
    "runs": "started",
    "procedures": "All procedures",
}
_CHANGES = re.compile(r" +[\d.]+ (s|m|h|B|kB|MB|GB|%)|[█▓░]+")


def tab(title: str, number: int) -> str:
    return f"▐{number} {title}▌"


def drawing(t: Terminal) -> list[str]:
    """The pane as it can be compared: no clock, no age, nothing of a disk that fills and a ledger that grows."""
    lines = t.inside if isinstance(t, Multiplexed) else t.lines
    return [re.sub(r"\d", "0", _CHANGES.sub(" ~", line)).rstrip() for line in lines[1:] if " free" not in line]


def go_to(t: Terminal, name: str) -> None:
    entry = next(entry for entry in PANES if entry.name == name)
    t.press(str(entry.number))
    t.wait(tab(entry.title, entry.number))
    t.wait(THERE[name])


def every_pane(t: Terminal) -> Iterator[str]:
    for entry in PANES:
        go_to(t, entry.name)
        yield entry.name


def cursor(t: Terminal) -> int:
    """The line that the cursor of the table is in."""
    return next((at for at, line in enumerate(t.lines) if line.startswith(("▸", ">"))), -1)


def keys_of_a_table(t: Terminal) -> None:
    """Arrows, Page and Home, End: as whatever the multiplexer makes of them."""
    go_to(t, "state")
    t.wait(lambda: cursor(t) > 0)
    first = cursor(t)
    for key, where in (("down", first + 1), ("down", first + 2), ("up", first + 1), ("home", first)):
        t.press(key)
        t.wait(lambda where=where: cursor(t) == where)
    for key in ("end", "pagedown"):
        t.press(key)
        t.wait(lambda: cursor(t) > first + 3)
        t.press("home")
        t.wait(lambda: cursor(t) == first)


def by_letter(t: Terminal) -> None:
    """The four buttons, by `a` and a letter."""
    for action in ACTIONS:
        if action.button:
            t.press("a")
            t.press(action.key)
            leave_dialog(t, action.label)


def titles(t: Terminal, label: str) -> list[str]:
    """Which dialogs of an action can be seen."""
    return [title for title in (f" {label}: plan ", f" {label}: options ") if title in t.page]


def leave_dialog(t: Terminal, label: str) -> None:
    """Wait for a dialog of this action, then leave it by Esc, and the one that was below or has come meanwhile."""
    t.wait(lambda: titles(t, label))
    until = time.monotonic() + 30
    while seen := titles(t, label) or (t.pump(0.3) and titles(t, label)):  # between two pictures there may be none
        assert time.monotonic() < until, f"Esc does not leave {label}\n{t.page}"
        t.press("esc")
        with suppress(AssertionError):
            t.wait(lambda seen=seen: titles(t, label) != seen, 4)


def by_function_key(t: Terminal) -> None:
    for action in ACTIONS:
        if action.function_key:
            t.press(action.function_key)
            leave_dialog(t, action.label)


def by_name(t: Terminal) -> None:
    """Every action there is, through the palette."""
    for action in ACTIONS:
        t.press(":")
        t.wait("Search for commands")
        t.press(*action.label)
        t.wait(lambda label=action.label: any(label in line for line in t.lines[2:8]))
        t.wait(lambda label=action.label: sum(label in line for line in t.lines) >= 2)
        t.press("enter")
        leave_dialog(t, action.label)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample workspace after a migrate: 19 files, 9 of them failed, one run."""
    from tests.terminal.conftest import copy_sample

    root = copy_sample(tmp_path_factory.mktemp("mux") / "w")
    run_cli(root, "migrate", "--yes")
    return root


@pytest.fixture(scope="module")
def alone(migrated: Path) -> Callable[[str, int], dict[str, list[str]]]:
    """Every pane of the console in a terminal of that name and height, with nothing between."""
    seen: dict[tuple[str, int], dict[str, list[str]]] = {}

    def look(term: str, rows: int) -> dict[str, list[str]]:
        if (term, rows) not in seen:
            with Multiplexed(DIRECT, migrated, term=term, size=(80, rows)) as t:
                t.wait("Last run")
                panes = {}
                for name in every_pane(t):
                    t.pump(1.0)
                    panes[name] = drawing(t)
                seen[term, rows] = panes
        return seen[term, rows]

    return look


def test_in_tmux(migrated: Path) -> None:
    """The quick representative: TERM=screen, as tmux says it is where nobody told it otherwise."""
    need(TMUX)
    with Multiplexed(TMUX, migrated) as t:
        t.wait("Last run")
        for _ in every_pane(t):
            assert "[ Migrate a m ]" in t.inside[-1] and "\ufffd" not in t.page
        keys_of_a_table(t)
        t.press("f5")
        leave_dialog(t, "Migrate")
        t.press("ctrl+q")
        assert t.ended(20) == 0
        assert "exited" in t.raw.decode(errors="replace")


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("kind", MULTIPLEXERS)
def test_everywhere(migrated: Path, alone: Callable[[str, int], dict[str, list[str]]], kind: str, term: str) -> None:
    need(kind)
    with Multiplexed(kind, migrated, term=term) as t:
        t.wait("Last run")
        wanted = alone(term, len(t.inside))
        for name in every_pane(t):
            t.wait(lambda name=name: drawing(t) == wanted[name])
        keys_of_a_table(t)
        by_letter(t)
        if kind != BYOBU:  # it keeps F2 to F12 for itself
            by_function_key(t)
        by_name(t)
        t.press("?")
        t.wait("Help: State")
        t.press("esc")
        t.gone("Help: State")
        t.press("ctrl+q")
        assert t.ended(20) == 0


def test_esc_counts_in_gnu_screen(migrated: Path) -> None:
    """screen keeps Esc to itself while the mouse is reported: the console, having asked what it is in, does without."""
    need(SCREEN)
    with Multiplexed(SCREEN, migrated, term="xterm-256color", env={"STY": ""}) as t:
        t.wait("Last run")
        t.press("f5")
        t.wait(" Migrate: plan ")  # screen's answer came in front of F5, and the mouse went off in front of this
        t.press("esc")
        t.gone(" Migrate: plan ")
        t.press("4")
        t.wait("▐4 Disk▌")


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("outer", ["linux", "vt220", "screen"])
@pytest.mark.parametrize("kind", [TMUX, SCREEN])
def test_around_it_too(migrated: Path, kind: str, outer: str) -> None:
    """The terminal around the multiplexer is a poor one, as on a console server or one multiplexer in another."""
    need(kind)
    with Multiplexed(kind, migrated, outer=outer) as t:
        t.wait("Last run")
        for _ in every_pane(t):
            assert "\ufffd" not in t.page
        keys_of_a_table(t)
        by_letter(t)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", MULTIPLEXERS)
def test_split_by_300_ms_on_the_way_in(migrated: Path, kind: str) -> None:
    """The slow line is in front of the multiplexer: whatever that makes of the pieces, no pane changes."""
    from tests.terminal.test_split import BUTTONS, SHORT, Late, slowly

    need(kind)
    with Multiplexed(kind, migrated) as t:
        t.wait("Last run")
        go_to(t, "runs")
        for sequence in (*SHORT.values(), *BUTTONS.values(), "\x1b[C", "\x1b[99~"):
            try:
                slowly(t, sequence)
            except Late:  # nor may a pane change then
                pass
            t.pump(1.0)
            for label in ("Migrate", "Reprocess", "Archive", "Rollback"):  # put together again or not: both are right
                if titles(t, label):
                    leave_dialog(t, label)
            assert "▐6 Runs▌" in t.page, f"{sequence!r}\n{t.page}"
