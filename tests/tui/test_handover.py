"""Adopt and leave: how the dialogs fill in, what they refuse, what they start; alerts that lead to them; visits."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.engine.actions.adopt.compare import Found
from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.leave.model import LeavePlan
from console.engine.errors import EngineError
from console.engine.model import ActionParams, Check, GateItem, Identity, RunStatus
from console.engine.observe.alerts import Alert, Cause, Level
from console.engine.observe.overview import Overview
from console.engine.observe.state_file import StateFileLook
from console.engine.observe.visits import Away
from console.tui.actions import DIALOGS
from console.tui.app import ConsoleApp
from console.tui.commands import Palette
from console.tui.messages import OverviewRead
from console.tui.screens.handover import AdoptScreen, LeaveScreen
from console.tui.screens.migrate import MigrateScreen
from tests.support.another import large_state
from tests.tui.faking import Engine, fake_engine
from tests.widgets.hosting import page, shown, until
from widgets.overview.notices import NoticeLine
from widgets.push import Push
from widgets.samples import sample_plan, sample_run

OFFER = Alert("Another program has worked here: about 32 entries", "", Cause.ADOPTION, Level.OFFER)


def adoption(entries: int = 400, *, gate: tuple[GateItem, ...] = ()) -> AdoptPlan:
    plan = AdoptPlan("logs/state.json", "", "opsconsole adopt --yes", entries=entries, about=4000)
    plan.found = {Found.AGREES: entries - 5, Found.MISSING: 5}
    plan.examples = {Found.MISSING: [("old/[/]\x1b[2J.json", "nothing stands at its destination")]}
    plan.last_updated = "2025-10-30T14:02:00"
    plan.gate = [GateItem("lock", Check.PASS, True, "no other run"), *gate]
    return plan


class Planner:
    """What the helper process would answer; `go` lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.plan: AdoptPlan = adoption()
        self.asked = 0
        self.given_up = 0
        self.error: Exception | None = None
        self.look = StateFileLook(None, None)
        monkeypatch.setattr("console.tui.planner.adoption", self.adoption)
        monkeypatch.setattr("console.tui.planner.leaving", self.leaving)
        monkeypatch.setattr("console.tui.planner.state_file", lambda ctx, *, cancelled: self.look)

    def adoption(
        self, ctx: object, *, progress: Callable[[AdoptPlan], None], cancelled: Callable[[], bool]
    ) -> AdoptPlan | None:
        self.asked += 1
        progress(adoption(120))
        while not self.go.wait(0.01):
            if cancelled():
                self.given_up += 1
                return None
        if self.error is not None:
            raise self.error
        return self.plan

    def leaving(self, ctx: object, **_: Any) -> LeavePlan:
        plan = LeavePlan("opsconsole leave --yes", ["put x.incumbent back as x"], ["3 held files: published again"])
        plan.gate = [GateItem("ledger", Check.PASS, True, "the ledger loads")]
        return plan


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    return fake_engine(monkeypatch, tmp_path / "work")


@pytest.fixture
def planner(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Planner:
    return Planner(monkeypatch)


def overview(*alerts: Alert, **changes: Any) -> Overview:
    return Overview(**{"name": "x", "host": "h", "root": "/", "has_ledger": True, "alerts": alerts, **changes})


@asynccontextmanager
async def opened(engine: Engine, *alerts: Alert, **changes: Any) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        if alerts or changes:
            app.post_message(OverviewRead(overview(*alerts, **changes)))
            await pilot.pause()
        yield app, pilot


def words(app: ConsoleApp) -> str:
    """What the screen says, wherever its lines break."""
    return " ".join(page(app).split())


def button(app: ConsoleApp, name: str) -> Push:
    return app.screen.query_one(f"#{name}", Push)


async def test_enter_on_the_first_screen_opens_the_plan_and_cancel_has_the_focus(
    engine: Engine, planner: Planner
) -> None:
    async with opened(engine, OFFER, has_ledger=False) as (app, pilot):
        await until(pilot, lambda: isinstance(app.focused, NoticeLine))
        assert "alert" not in shown(app)[0]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AdoptScreen))
        assert app.focused is button(app, "cancel")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, AdoptScreen))
        assert engine.started == []


async def test_the_plan_fills_in_while_it_is_made_and_can_be_started_only_then(
    engine: Engine, planner: Planner
) -> None:
    async with opened(engine) as (app, pilot):
        app.act("adopt")
        await until(pilot, lambda: "120 of about 4,000 entries" in page(app) and "115 files" in page(app))
        assert button(app, "adopt").disabled and "$ opsconsole adopt --yes" in page(app)
        planner.go.set()
        await until(pilot, lambda: "Adopt 395 files" in page(app) and "Reading" not in page(app))
        assert "5 entries whose copy is missing" in page(app) and "✓ lock" in page(app)
        button(app, "adopt").focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.started) and not isinstance(app.screen, AdoptScreen))
    started = engine.started[0]
    assert started["action"] == "adopt" and started["params"] == ActionParams() and started["plan"] is None
    assert started["command"] == "opsconsole adopt --yes"


async def test_examples_are_behind_a_key_and_harmless(engine: Engine, planner: Planner) -> None:
    planner.go.set()
    async with opened(engine) as (app, pilot):
        app.act("adopt")
        await until(pilot, lambda: "Adopt 395 files" in page(app))
        await pilot.press("e")
        await until(pilot, lambda: "old/[/]␛[2J.json" in page(app) and "nothing stands" in page(app))


async def test_what_refuses_is_said_and_nothing_can_be_started(engine: Engine, planner: Planner) -> None:
    refused = GateItem("mirror", Check.FAIL, True, "does not parse at line 3, column 7", "`cp a.bak a`")
    planner.plan = adoption(gate=(refused,))
    planner.go.set()
    async with opened(engine) as (app, pilot):
        app.act("adopt")
        await until(pilot, lambda: "mirror refuses the run" in page(app))
        assert button(app, "adopt").disabled and not button(app, "override").display


async def test_an_error_of_the_helper_is_said_and_planning_again_helps(engine: Engine, planner: Planner) -> None:
    planner.error = EngineError("it fell over", next_step="pick it up")
    planner.go.set()
    async with opened(engine) as (app, pilot):
        app.act("adopt")
        await until(pilot, lambda: "it fell over" in page(app) and "pick it up" in page(app))
        planner.error = None
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Adopt 395 files" in page(app))


async def test_closing_ends_the_planning(engine: Engine, planner: Planner) -> None:
    async with opened(engine) as (app, pilot):
        app.act("adopt")
        await until(pilot, lambda: planner.asked == 1)
        await pilot.press("escape")
        await until(pilot, lambda: planner.given_up == 1)


async def test_leave_says_what_it_puts_back_and_what_is_forgotten(engine: Engine, planner: Planner) -> None:
    async with opened(engine) as (app, pilot):
        app.act("leave")
        await until(pilot, lambda: "put x.incumbent back as x" in page(app) and "! 3 held files" in page(app))
        assert isinstance(app.screen, LeaveScreen) and app.focused is button(app, "cancel")
        button(app, "leave").focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.started))
    assert engine.started[0]["action"] == "leave"


async def test_every_available_action_has_its_dialog_and_the_palette_has_it(engine: Engine, planner: Planner) -> None:
    from console.engine.actions.registry import ACTIONS

    assert set(DIALOGS) == {action.name for action in ACTIONS if action.available}
    async with opened(engine) as (app, pilot):
        await pilot.press("colon")
        await until(pilot, lambda: "Roll" in page(app) and isinstance(app.screen, Palette))
        await pilot.press(*"adopt")
        await until(pilot, lambda: "take over what another program" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AdoptScreen))


async def test_a_migrate_that_waits_for_adoption_offers_it(engine: Engine, planner: Planner) -> None:
    def scan() -> Any:
        plan = sample_plan()
        plan.gate = [GateItem("adoption", Check.FAIL, True, "nobody has adopted them", "`opsconsole adopt`")]
        return plan

    engine.scan = scan
    async with opened(engine) as (app, pilot):
        await pilot.press("a", "m")
        await until(pilot, lambda: isinstance(app.screen, MigrateScreen) and "[ Adopt… ]" in page(app))
        button(app, "override").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AdoptScreen))


async def test_a_newer_ledger_refuses_every_action_with_its_sentence(engine: Engine, planner: Planner) -> None:
    newer = Alert("opsconsole 0.9.0 has upgraded this ledger", "use 0.9.0", Cause.NEWER_LEDGER)
    async with opened(engine, newer, refusal="opsconsole 0.9.0 has upgraded this ledger") as (app, pilot):
        await until(pilot, lambda: "READ-ONLY" in shown(app)[0] and "read-only" in shown(app)[-1])
        await pilot.press("f5")
        await until(pilot, lambda: "Migrate: opsconsole 0.9.0" in words(app))
        assert len(app.screen_stack) == 1
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert "Migrate" not in titles and "Adopt" not in titles
        app.post_message(OverviewRead(overview()))
        await until(pilot, lambda: "READ-ONLY" not in shown(app)[0] and "read-only" not in shown(app)[-1])


@pytest.mark.parametrize(
    ("alert", "leads"),
    [
        (Alert("given back by bob", "", Cause.LEFT), "Adopt: plan"),
        (Alert("it does not parse", "", Cause.BROKEN_STATE_FILE, details=("cp a.bak a",)), "cp a.bak a"),
        (Alert("not ours", "", Cause.OTHERS, Level.NOTE, details=("f00.json",)), "f00.json"),
        (Alert("3 files fail", "", Cause.FAILING), "✓ nothing fails"),
        (Alert("it is newer", "use 9", Cause.NEWER_LEDGER), "A newer ledger"),
    ],
)
async def test_enter_on_an_alert_leads_to_what_helps(
    engine: Engine, planner: Planner, alert: Alert, leads: str
) -> None:
    async with opened(engine, alert) as (app, pilot):
        await until(pilot, lambda: bool(app.screen.query(NoticeLine)))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: isinstance(app.focused, NoticeLine))
        await pilot.press("enter")
        await until(pilot, lambda: leads in page(app))


async def test_enter_on_a_dead_run_goes_into_it(
    engine: Engine, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = sample_run(5, RunStatus.INTERRUPTED)
    monkeypatch.setattr("console.engine.runs.query.get_run", lambda ctx, name: row if name == row.id else None)
    alert = Alert("run 7f05 died", "", Cause.DEAD_RUN, run=row.id)
    async with opened(engine, alert, runs=(row,)) as (app, pilot):
        await until(pilot, lambda: bool(app.screen.query(NoticeLine)))
        app.screen.query_one(NoticeLine).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "▐6 Runs▌" in shown(app)[1] and "7f05" in page(app) and "Report" in page(app))


async def test_a_changed_state_file_is_read_once_and_its_alert_says_what_it_is(
    engine: Engine, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Alert("changed by somebody else", "", Cause.STATE_FILE)
    planner.look = StateFileLook(Identity(1, 2, 3), Alert("it does not parse", "", Cause.BROKEN_STATE_FILE))
    asked: list[object] = []

    def look(ctx: object, *, cancelled: object) -> StateFileLook:
        asked.append(ctx)
        return planner.look

    monkeypatch.setattr("console.tui.planner.state_file", look)
    monkeypatch.setattr("console.tui.presence.REST_SECONDS", 0.01)
    async with opened(engine, stat, state_file=Identity(1, 2, 3)) as (app, pilot):
        await until(pilot, lambda: "it does not parse" in page(app) and "changed by somebody" not in page(app))
        for _ in range(10):  # more than it rests
            app.post_message(OverviewRead(overview(stat, state_file=Identity(1, 2, 3))))
            await pilot.pause(0.01)
        assert len(asked) == 1 and "it does not parse" in page(app)


@pytest.mark.parametrize("key", ["enter", "6"])
async def test_what_happened_meanwhile_is_shown_until_the_runs_are_seen(
    engine: Engine, planner: Planner, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    away = Away("2026-03-02T14:02:00.000000Z", 3, ((RunStatus.DONE, 2), (RunStatus.FAILED, 1)), 12, by=("timer",))
    monkeypatch.setattr("console.engine.observe.visits.since_last_visit", lambda ctx: away)
    async with opened(engine, runs=(sample_run(3),)) as (app, pilot):
        await until(pilot, lambda: "3 runs, 2 done, 1 failed; 12 files published" in words(app))
        app.screen.query_one(NoticeLine).focus()
        await pilot.press(key)
        await until(pilot, lambda: "▐6 Runs▌" in shown(app)[1])
        await pilot.press("1")
        await until(pilot, lambda: "▐1 Overview▌" in shown(app)[1] and "Since you were here" not in page(app))


async def test_a_visit_is_written_while_one_is_here_and_on_leaving(
    engine: Engine, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr("console.engine.observe.visits.record_visit", lambda ctx: bool(written.append(1)) or True)
    monkeypatch.setattr("console.tui.presence.VISIT_SECONDS", 0.01)
    engine.ctx.workspace.private.mkdir()
    engine.ctx.workspace.ledger.write_bytes(b"")
    async with opened(engine) as (app, pilot):
        await until(pilot, lambda: len(written) > 1)
        app.running = sample_run(4, RunStatus.RUNNING)
        await until(pilot, lambda: not any(w.name == "visit" and not w.is_finished for w in app.workers))
        before = len(written)
        for _ in range(10):
            await pilot.pause(0.01)
        assert len(written) == before  # a run has better use for the ledger
        app.leave(0)
        assert len(written) == before + 1


async def test_leaving_does_not_wait_for_a_visit_that_cannot_be_written(
    engine: Engine, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr("console.engine.observe.visits.record_visit", lambda ctx: held.wait(600))
    engine.ctx.workspace.private.mkdir()
    engine.ctx.workspace.ledger.write_bytes(b"")
    async with opened(engine) as (app, _pilot):
        app.leave(0)
        assert not held.is_set()
    held.set()


async def test_a_large_state_file_waits_for_adoption_without_a_look_at_the_raw_zone(
    engine: Engine, planner: Planner
) -> None:
    large_state(engine.ctx.workspace.root, 3000)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "is adopted first" in words(app))
        assert engine.asked == []


async def test_a_dialog_that_is_open_is_not_opened_again(engine: Engine, planner: Planner) -> None:
    from console.tui.screens.dialog import TextScreen

    async with opened(engine) as (app, pilot):
        for _ in range(60):
            app.push_screen(TextScreen("Failures, by cause", "one"))
        await until(pilot, lambda: isinstance(app.screen, TextScreen))
        assert len(app.screen_stack) == 2
        await pilot.press("q")
        await until(pilot, lambda: not isinstance(app.screen, TextScreen))
        app.push_screen(TextScreen("Failures, by cause", "two"))
        await until(pilot, lambda: "two" in page(app))
