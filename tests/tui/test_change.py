"""The dialog of actions that are made of changes, shown by the rollback: plan, choice, the word, what is started."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.rollback.model import RollbackParams
from console.engine.ledger.store import open_writer
from console.engine.model import ActionParams, Check, GateItem, RunStatus
from console.engine.observe.runs_undo import UndoWords
from console.tui.app import ConsoleApp
from console.tui.messages import OverviewRead
from console.tui.screens.change import ChangeScreen
from console.tui.screens.dialog import AskScreen, TextScreen
from console.tui.screens.rollback import RollbackScreen, RunChooser
from tests.tui.faking import Engine, fake_engine
from tests.tui.test_handover import overview
from tests.widgets.hosting import page, until
from widgets.push import Push
from widgets.samples import sample_run

NEWEST, OLDER = "20260304T150000Z-migrate-bbbb", "20260303T150000Z-migrate-aaaa"


class Planner:
    """What the helper process would answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[ActionParams] = []
        self.gate = [GateItem("lock", Check.PASS, True, "no other run")]
        self.files = 20
        monkeypatch.setattr("console.tui.planner.changes", self.changes)

    def changes(
        self,
        ctx: object,
        action: str,
        params: ActionParams,
        *,
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool],
    ) -> ChangePlan:
        self.asked.append(params)
        progress(3, 20)
        plan = ChangePlan(action, params, f"opsconsole {action} X --confirm work --yes", "", word="work")
        plan.undo = "a rollback is a run"
        plan.facts = [("run", getattr(params, "run", ""))]
        for number in range(self.files):
            path = f"data/transformed/validated/src/{number:03}[/].json"
            plan.add(PlannedChange(path, "remove", "", 100), "removed")
        if self.files:
            plan.leave("data/transformed/validated/src/\x1b[2Jx.json", "somebody changed it since, no run of ours")
        plan.gate = list(self.gate)
        return plan


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    engine = fake_engine(monkeypatch, tmp_path / "work")
    ledger = engine.ctx.workspace.ledger
    ledger.parent.mkdir(exist_ok=True)
    with closing(open_writer(ledger)) as connection:
        for run in (OLDER, NEWEST):
            _add_run(connection, run)
    return engine


def _add_run(connection: sqlite3.Connection, run: str) -> None:
    row = {"id": run, "action": "migrate", "status": "done", "params": "{}", "command": "opsconsole migrate --yes"}
    row |= {"who": json.dumps({"login": "ann"}), "started_at": "2026-03-04T15:00:00.000000Z", "pid": 1}
    row |= {"pid_started": 0.0, "host": "db7", "heartbeat_at": "2026-03-04T15:00:00.000000Z"}
    names = ", ".join(row)
    seq = connection.execute(
        f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
    ).lastrowid
    connection.execute("INSERT INTO outcomes (run, path, outcome) VALUES (?, 'a', 'published')", [seq])


@pytest.fixture
def planner(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Planner:
    return Planner(monkeypatch)


@asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        yield app, pilot


@asynccontextmanager
async def dialog(engine: Engine, wanted: str = "Roll back 20 files") -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    async with opened(engine) as (app, pilot):
        await pilot.press("a", "b")
        await until(pilot, lambda: isinstance(app.screen, ChangeScreen) and wanted in page(app))
        yield app, pilot


def button(app: ConsoleApp, name: str) -> Push:
    return app.screen.query_one(f"#{name}", Push)


async def test_the_newest_run_is_planned_and_cancel_has_the_focus(engine: Engine, planner: Planner) -> None:
    async with dialog(engine) as (app, pilot):
        assert planner.asked == [RollbackParams(NEWEST)]
        assert app.focused is button(app, "cancel")
        shown = page(app)
        assert "20 removed" in shown and "remove src/000[/].json" in shown and "and 17 more" in shown
        assert "1 file" in shown and "somebody changed it since" in shown and "src/␛[2Jx.json" in shown
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ChangeScreen))
    assert engine.started == []


async def test_only_the_word_starts_it(engine: Engine, planner: Planner) -> None:
    async with dialog(engine) as (app, pilot):
        button(app, "rollback").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"wor", "tab", "enter")  # only Back can be pressed: the button is still out of reach
        await until(pilot, lambda: isinstance(app.screen, RollbackScreen))
        assert engine.started == []
        button(app, "rollback").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"work", "tab", "tab", "enter")
        await until(pilot, lambda: bool(engine.started))
    started = engine.started[0]
    assert started["action"] == "rollback" and started["params"] == RollbackParams(NEWEST)
    assert started["plan"].files == 20 and started["command"].endswith("--confirm work --yes")


async def test_another_run_is_chosen_from_a_list(engine: Engine, planner: Planner) -> None:
    async with dialog(engine) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, RunChooser) and "migrate" in page(app).split("which run?")[1])
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RollbackScreen) and len(planner.asked) == 2)
    assert planner.asked[1] == RollbackParams(OLDER)


async def test_every_file_is_behind_a_key(engine: Engine, planner: Planner) -> None:
    async with dialog(engine) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, TextScreen) and "src/007[/].json" in page(app))


async def test_what_refuses_is_said_and_nothing_can_be_started(engine: Engine, planner: Planner) -> None:
    planner.gate.append(GateItem("target", Check.FAIL, True, "run x was rolled back already, by y", ""))
    async with dialog(engine, "target refuses the run") as (app, _pilot):
        assert button(app, "rollback").disabled


async def test_nothing_to_do_cannot_be_started(engine: Engine, planner: Planner) -> None:
    planner.files = 0
    async with dialog(engine, "nothing") as (app, _pilot):
        assert button(app, "rollback").disabled


async def test_a_run_in_the_pane_leads_to_its_plan(
    engine: Engine, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = UndoWords(True, "b: plan the rollback of 57 changes")  # of a run that no ledger has
    monkeypatch.setattr("console.engine.observe.runs_undo.undo_words", lambda ctx, run: said)
    row = sample_run(status=RunStatus.DONE, id=OLDER)
    async with opened(engine) as (app, pilot):
        app.post_message(OverviewRead(overview(runs=[row])))
        await pilot.press("6", "enter")
        await until(pilot, lambda: "[ Roll back b ]" in page(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, RollbackScreen) and "Roll back 20" in page(app))
    assert planner.asked == [RollbackParams(OLDER)]


async def test_a_read_only_console_offers_no_rollback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: Engine, planner: Planner
) -> None:
    other: Any = fake_engine(monkeypatch, tmp_path / "other", read_only=True)
    row = sample_run(status=RunStatus.DONE, id=OLDER)
    async with opened(other) as (app, pilot):
        app.post_message(OverviewRead(overview(runs=[row])))
        await pilot.press("6", "enter")
        await until(pilot, lambda: "[ Report r ]" in page(app))
        assert "Roll back" not in page(app)
        await pilot.press("b")
        await pilot.pause()
        assert len(app.screen_stack) == 1
