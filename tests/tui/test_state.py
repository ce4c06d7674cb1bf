"""The State pane in the console: what leads to it, what it leads to, and that nothing there acts by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.engine.context import Context, open_context
from console.engine.model import ReprocessParams
from console.engine.observe.failures import list_failures
from console.tui.app import ConsoleApp
from console.tui.screens.dialog import AskScreen
from console.tui.screens.reprocess import ReprocessScreen
from console.tui.state_feed import failure_selection, reprocess_params
from tests.support import RAW, make_workspace, run_cli, valid_record
from tests.widgets.hosting import page, until
from widgets.state import Scope
from widgets.state.pane import StatePane


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources; three files fail, two of them for want of a date."""
    dateless = [{key: value for key, value in valid_record(n).items() if key != "date"} for n in range(2)]
    files: dict[str, Any] = {f"a/{n}.json": [valid_record(n)] for n in range(4)}
    files |= {"a/x[1].json": [dateless[0]], "b/y.json": [dateless[1]], "b/z.json": "{"}
    root = make_workspace(tmp_path_factory.mktemp("state") / "w", files)
    run_cli(root, "migrate", "--yes")
    return root


def said(app: ConsoleApp) -> str:
    """What notifications say."""
    return " ".join(f"{note.title} {note.message}" for note in app._notifications)


@asynccontextmanager
async def opened(root: Path, **options: Any) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(open_context(root, **options))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "looking…" not in page(app), 2000)
        yield app, pilot


async def test_typed_ahead_nothing_is_lost(root: Path) -> None:
    """Each key is meant for what the one before it brings, however slow that is."""
    async with opened(root) as (app, pilot):
        await pilot.press("3", "c", "enter", "enter")
        await until(pilot, lambda: "Record 1" in page(app) and "date is missing" in page(app), 2000)
        await pilot.press("slash", *"zcag")
        await until(pilot, lambda: "no path here holds 'zcag'" in page(app), 2000)
        assert app.main.query_one("#filter", Input).value == "zcag"


async def test_esc_leads_out_of_a_file_to_the_filtered_list(root: Path) -> None:
    async with opened(root) as (app, pilot):
        await pilot.press("3", "slash", *".json", "enter")
        await until(pilot, lambda: "7 files" in page(app), 2000)
        await pilot.press("slash", "backspace", *"n", "backspace", "enter")  # typed on, and kept
        field = app.main.query_one("#filter", Input)
        assert field.value == ".jso"
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: "Esc: back" in page(app), 2000)
        await pilot.press("escape")
        await until(pilot, lambda: "Esc: back" not in page(app), 2000)
        pane = app.main.current_pane
        assert isinstance(pane, StatePane)
        assert field.value == ".jso" and pane.filter == ".jso" and pane.table.cursor == 2
        await pilot.press("escape")
        await until(pilot, lambda: not field.has_class("-shown") and pane.filter == "", 2000)


async def test_a_file_that_nobody_knows_is_said_where_one_looks(root: Path) -> None:
    app = ConsoleApp(open_context(root))
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await app.show_file("data/raw/funding_sources/nowhere\x1b[2J.json")
        await until(pilot, lambda: "reading…" not in page(app) and "nowhere␛[2J" in page(app))
        assert "there is no such file, and the ledger never saw one" in page(app)


async def test_an_alert_leads_to_the_causes(root: Path) -> None:
    async with opened(root) as (app, pilot):
        await app.show_causes()
        await until(pilot, lambda: "2 causes" in page(app) or "3 causes" in page(app), 2000)
        await pilot.press("escape")
        await until(pilot, lambda: "7 files" in page(app), 2000)


async def test_reprocess_of_a_cause_opens_its_plan(root: Path) -> None:
    async with opened(root) as (app, pilot):
        await pilot.press("3", "c")
        await until(pilot, lambda: "date is missing" in page(app), 2000)
        await pilot.press("a", "r")
        await until(pilot, lambda: isinstance(app.screen, ReprocessScreen), 2000)
        await until(pilot, lambda: "failures: date is missing" in page(app), 2000)


async def test_reprocess_of_everything_is_asked_as_ever(root: Path) -> None:
    async with opened(root) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "7 files" in page(app), 2000)
        await pilot.press("a", "r")
        await until(pilot, lambda: "published by another rule than today's" in page(app), 2000)


async def test_a_filter_that_no_pattern_says_plans_nothing(root: Path) -> None:
    async with opened(root) as (app, pilot):
        await pilot.press("3", "slash", *"a/", "enter", "r")
        await until(pilot, lambda: "is no pattern of a reprocess" in said(app), 2000)
        assert len(app.screen_stack) == 1


async def test_accepting_wants_a_reason_and_takes_what_was_shown(tmp_path: Path) -> None:
    bad = {key: value for key, value in valid_record(1).items() if key != "date"}
    root = make_workspace(tmp_path / "w", {"a/1.json": [bad], "b/1.json": [bad], "a/2.json": "["})
    run_cli(root, "migrate", "--yes")
    async with opened(root) as (app, pilot):
        await pilot.press("3", "A")
        await until(pilot, lambda: "Not all of these fail" in said(app), 2000)
        await pilot.press("c")
        await until(pilot, lambda: "date is missing" in page(app), 2000)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, AskScreen), 2000)
        await pilot.press("enter")  # without a reason nothing is accepted
        await until(pilot, lambda: "first type a reason" in page(app))
        await pilot.press("escape")
        assert not [row for row in list_failures(app.ctx, "file") if row.accepted]
        await until(pilot, lambda: not isinstance(app.screen, AskScreen))
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, AskScreen), 2000)
        await pilot.press(*"the source knows", "tab", "tab", "enter")
        await until(pilot, lambda: "2 failures accepted" in said(app), 2000)
        await until(pilot, lambda: "accepted: date is" in page(app), 2000)
        assert {row.path[-8:] for row in list_failures(app.ctx, "file") if row.accepted} == {"a/1.json", "b/1.json"}


async def test_read_only_accepts_and_reprocesses_nothing(root: Path) -> None:
    async with opened(root, read_only=True) as (app, pilot):
        await pilot.press("3", "c")
        await until(pilot, lambda: "date is missing" in page(app), 2000)
        await pilot.press("A", "r")
        await until(pilot, lambda: "it can accept nothing" in said(app) and "it can change nothing" in said(app), 2000)
        assert "A: accept" not in page(app) and len(app.screen_stack) == 1


async def test_export_says_where(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    async with opened(root) as (app, pilot):
        await pilot.press("3", "c")
        await until(pilot, lambda: "date is missing" in page(app), 2000)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, AskScreen), 2000)
        await pilot.press("right", "right", "enter")
        await until(pilot, lambda: list((tmp_path / "mine").rglob("errors-*.jsonl")), 2000)
        (file,) = (tmp_path / "mine").rglob("errors-*.jsonl")
        await until(pilot, lambda: "Exported" in said(app), 2000)
        assert len(file.read_text().splitlines()) == 2 and oct(file.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("scope", "path", "params"),
    [
        (Scope(cause="required:date", source="a"), "", ReprocessParams(cause="required:date", source="a")),
        (Scope(status="failed"), "", ReprocessParams(failed=True)),
        (Scope(status="stale"), "", ReprocessParams(stale_schema=True)),
        (Scope(filter="x[1]"), "", ReprocessParams(pattern="**/*x[[]1]*")),
        (Scope(), f"{RAW}/a/sub/x[1].json", ReprocessParams(source="a", pattern="sub/x[[]1].json")),
        (Scope(order="at"), "", ReprocessParams(all=True)),
    ],
)
def test_what_a_reprocess_is_asked(root: Path, scope: Scope, path: str, params: ReprocessParams) -> None:
    ctx: Context = open_context(root)
    assert reprocess_params(ctx, scope, path) == params
    assert not failure_selection(scope, path).empty
