"""16 colours, NO_COLOR, light, dark, 40 lines, 250 columns: every pane is there, no meaning is in a colour alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.engine.context import open_context
from console.tui.app import ConsoleApp
from console.tui.panes import PANES
from console.tui.screens.migrate import MigrateScreen
from console.tui.theme import DARK, LIGHT
from tests.support import run_cli
from tests.terminal.conftest import copy_sample
from tests.widgets.hosting import page, shown, until
from widgets.push import Push

THERE = {
    "overview": "by root|by [a-z]",
    "logs": "following",
    "state": "19 files",
    "disk": "scanned",
    "checklists": "Documentation is updated",
    "runs": "partial",
    "procedures": "All procedures",
}
LOOKS = [
    ("ops-dark", "", (80, 40)),
    ("ops-light", "", (250, 40)),
    ("ansi-light", "", (80, 40)),
    ("ansi-dark", "1", (250, 40)),
]
# What is said in a colour of warning or success says it as well by a word or a sign; or it is a number under a
# heading, or the bar before such a word.
SAYS_IT = re.compile(r"[A-Za-z]{2}|[✓✗!▶●■?]|^ *[\d.,–]+( [kMG]?B)? *$|^ *$|^█+$")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_sample(tmp_path_factory.mktemp("looks") / "w")
    run_cli(root, "migrate", "--yes")
    return root


@asynccontextmanager
async def console(root: Path, theme: str, size: tuple[int, int]) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(open_context(root), theme=theme)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "Last run" in page(app) and "free" in page(app))
        yield app, pilot


def colours(app: ConsoleApp) -> set[str]:
    """Every colour that is sent."""
    strips = app.screen._compositor.render_strips(app.size)
    styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
    return {colour.name for style in styles for colour in (style.color, style.bgcolor) if colour is not None}


def coloured(app: ConsoleApp, colours: set[str]) -> list[str]:
    """The texts that are shown in one of these colours."""
    strips = app.screen._compositor.render_strips(app.size)
    return [
        segment.text
        for strip in strips
        for segment in strip
        if segment.style is not None and segment.style.color is not None and segment.style.color.name in colours
    ]


@pytest.mark.parametrize(("theme", "no_color", "size"), LOOKS)
async def test_every_pane(
    migrated: Path, monkeypatch: pytest.MonkeyPatch, theme: str, no_color: str, size: tuple[int, int]
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    own = {DARK.name: DARK, LIGHT.name: LIGHT}.get(theme)
    tones = {each for each in (own.success, own.warning, own.error) if each} if own else set()
    seen = 0
    async with console(migrated, theme, size) as (app, pilot):
        for entry in PANES:
            await pilot.press(str(entry.number))
            await until(pilot, lambda entry=entry: re.search(THERE[entry.name], page(app)))
            lines = shown(app)
            assert f"▐{entry.number} {entry.title}▌" in lines[1]  # the current one is marked by more than colour
            assert lines[-1].startswith(" [ Migrate a m ]") and lines[0].strip()
            assert all(len(line) <= size[0] for line in lines)
            if entry.name in ("overview", "state", "disk", "runs"):
                assert any(line.startswith("▸") for line in lines)  # and so is the row one is in
            told = coloured(app, tones)
            seen += len(told)
            assert [text for text in told if not SAYS_IT.search(text)] == []
            if no_color:
                assert colours(app) <= {"default"}
        assert bool(seen) == bool(own)
        await pilot.press("a", "m")
        await until(pilot, lambda: isinstance(app.screen, MigrateScreen) and "nothing" in page(app))
        focused = app.focused
        assert isinstance(focused, Push) and focused.id == "cancel"
        style = focused.rich_style
        others = next(push for push in app.screen.query(Push) if not push.has_focus).rich_style
        assert (style.reverse, style.bold) != (others.reverse, others.bold)  # the focus, without any colour
