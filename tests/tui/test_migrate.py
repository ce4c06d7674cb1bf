"""The migrate dialog: what it shows, what it refuses, what it hands to the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.engine.errors import EngineError, LockedError, RefusedError
from console.engine.model import Check, GateItem, Plan
from console.tui.app import ConsoleApp
from console.tui.screens.migrate import MigrateScreen
from tests.tui.faking import Engine, fake_engine
from tests.widgets.hosting import page, until
from widgets.push import Push
from widgets.samples import sample_plan


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    return fake_engine(monkeypatch, tmp_path / "work")


@asynccontextmanager
async def dialog(
    engine: Engine, wait: str = "would fail", size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "free" in page(app))
        await pilot.press("a", "m")
        await until(pilot, lambda: wait in page(app))
        yield app, pilot


def button(app: ConsoleApp, name: str) -> Push:
    return app.screen.query_one(f"#{name}", Push)


async def test_cancel_has_the_focus_and_enter_starts_nothing(engine: Engine) -> None:
    async with dialog(engine) as (app, pilot):
        assert app.focused is button(app, "cancel")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, MigrateScreen))
        assert engine.started == []


async def test_confirming_hands_over_the_full_plan(engine: Engine) -> None:
    async with dialog(engine) as (app, pilot):
        button(app, "migrate").focus()
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, MigrateScreen))
    started = engine.started[0]
    assert started["action"] == "migrate" and started["plan"].depth == "full"
    assert started["command"] == "opsconsole migrate --yes" and started["overrides"] == {}


async def test_the_scan_is_there_at_once_and_can_be_confirmed(engine: Engine) -> None:
    engine.steps, engine.hold = 5, lambda: True
    async with dialog(engine, "4/52") as (app, pilot):
        assert not button(app, "migrate").disabled
        await pilot.press("s")
        await until(pilot, lambda: "not judged to the end" in page(app))
        button(app, "migrate").focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.started))
    assert engine.started[0]["plan"].depth == "scan"


async def test_nothing_to_do_cannot_be_confirmed(engine: Engine) -> None:
    engine.scan = lambda: sample_plan(0)
    async with dialog(engine, "nothing: no file") as (app, _pilot):
        assert button(app, "migrate").disabled


async def test_a_refused_plan_needs_a_typed_reason(engine: Engine) -> None:
    engine.scan = lambda: sample_plan(refused=True)

    def full() -> Plan:
        return sample_plan(depth="full", refused=True)

    engine.full = full
    async with dialog(engine, "source-empty refuses the run") as (app, pilot):
        assert button(app, "migrate").disabled
        button(app, "override").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "Override: source-empty" in page(app))
        button(app, "release").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "first type" in page(app))  # nothing is released without a reason
        await pilot.press(*"closed", "escape")  # Esc keeps what was typed
        assert "closed" in page(app)
        button(app, "release").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "overridden: closed" in page(app) and "would fail" in page(app))
        button(app, "migrate").focus()
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.started))
    assert engine.started[0]["overrides"] == {"source-empty": "closed"}
    assert "--override source-empty" in engine.started[0]["command"]


async def test_options_plan_again(engine: Engine) -> None:
    async with dialog(engine) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "Plan with these" in page(app))
        await pilot.press(*"sff")
        button(app, "operation").focus()
        await pilot.press("enter", "enter")
        button(app, "checksum").focus()
        await pilot.press("enter")
        button(app, "plan").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "source sff" in page(app))
    params = engine.asked[-1]
    assert (params.source, params.operation, params.checksum) == ("sff", "move", True)


async def test_a_wrong_number_is_said(engine: Engine) -> None:
    async with dialog(engine) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "Plan with these" in page(app))
        app.screen.query_one("#sample").focus()
        await pilot.press("x")
        button(app, "plan").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "is not a number" in page(app))


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (RefusedError("the plan is out of date", next_step="plan again"), "Refused"),
        (EngineError("the disk is full", file="[/]\x1b[2J", next_step="make room"), "Not started"),
    ],
)
async def test_refusals_say_what_to_do(engine: Engine, error: EngineError, title: str) -> None:
    engine.refusal = error
    async with dialog(engine) as (app, pilot):
        button(app, "migrate").focus()
        await pilot.press("enter")
        await until(pilot, lambda: title in page(app) and error.next_step in page(app))
        assert app.focused is button(app, "close")
        scans = len(engine.asked)
        button(app, "again").focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.asked) > scans and "would fail" in page(app))


async def test_locked_says_whose_run_and_waits(engine: Engine) -> None:
    engine.refusal = LockedError("another run is in progress: bob@db7 holds the lock since 14:02")
    async with dialog(engine) as (app, pilot):
        button(app, "migrate").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "bob@db7 holds the lock" in page(app))
        scans = len(engine.asked)
        button(app, "wait").focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.asked) > scans and "would fail" in page(app))


async def test_an_error_of_the_plan_is_shown(engine: Engine) -> None:
    def broken() -> Plan:
        raise EngineError("config/schemas/x.json: [/] does not load", file="x", next_step="correct it")

    async with dialog(engine) as (app, pilot):
        engine.scan = broken
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "does not load" in page(app) and "correct it" in page(app))
        assert button(app, "migrate").disabled


async def test_an_error_of_judging_is_shown_and_leaves_the_scan(engine: Engine) -> None:
    def broken() -> Plan:
        raise RuntimeError("it fell over")

    engine.full = broken
    async with dialog(engine, "could not be judged beforehand") as (app, _pilot):
        assert "it fell over" in page(app) and not button(app, "migrate").disabled


async def test_a_warning_does_not_refuse(engine: Engine) -> None:
    def scan() -> Plan:
        plan = sample_plan()
        plan.gate = [GateItem("headroom", Check.WARN, False, "under 20 % free")]
        return plan

    engine.scan = scan
    engine.full = lambda: None
    async with dialog(engine, "under 20 % free") as (app, _pilot):
        assert not button(app, "migrate").disabled


async def test_an_answer_for_an_older_plan_is_dropped(engine: Engine) -> None:
    held = [True]
    engine.steps, engine.hold = 1, lambda: held[0]
    engine.full = lambda: sample_plan(5, depth="full")
    async with dialog(engine, "0/52") as (app, pilot):
        engine.scan = lambda: sample_plan(7)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "7 files" in page(app))
        assert "5 files" not in page(app)
        held[0] = False
        await until(pilot, lambda: "5 files" in page(app))


SMALL = [(40, 10), (41, 11), (47, 10), (60, 12), (79, 10), (40, 24), (80, 24), (120, 40)]


def buttons_in_sight(app: ConsoleApp) -> bool:
    """Whether every button of the dialog stands on the screen with all of its label."""
    pushes = [push for push in app.screen.query(".dialog-buttons Push").results(Push) if push.display]
    return all(app.screen.region.contains_region(push.region) and f"[ {push.label}" in page(app) for push in pushes)


@pytest.mark.parametrize("refused", [False, True], ids=["open", "refused"])
@pytest.mark.parametrize("size", SMALL, ids=str)
async def test_the_buttons_are_in_sight_and_the_text_moves(
    engine: Engine, size: tuple[int, int], refused: bool
) -> None:
    engine.scan = lambda: sample_plan(refused=refused)
    async with dialog(engine, "Migrate: plan", size) as (app, pilot):
        await until(pilot, lambda: button(app, "override").display == refused and not button(app, "files").disabled)
        await until(pilot, lambda: refused or "Migrate 52 files" in page(app))
        await until(pilot, lambda: buttons_in_sight(app))
        assert app.focused is button(app, "cancel") and "Would read" in page(app)
        for _ in range(20):
            await pilot.press("pagedown")
        await until(pilot, lambda: "migrate --yes" in page(app) or "c: copy" in page(app))
        assert buttons_in_sight(app)


@pytest.mark.parametrize("size", SMALL, ids=str)
async def test_the_buttons_of_options_and_of_a_question_are_in_sight(engine: Engine, size: tuple[int, int]) -> None:
    engine.scan = lambda: sample_plan(refused=True)
    async with dialog(engine, "Migrate: plan", size) as (app, pilot):
        await until(pilot, lambda: button(app, "override").display)
        await pilot.press("o")
        await until(pilot, lambda: "Migrate: options" in page(app) and buttons_in_sight(app))
        await pilot.press(*["tab"] * 4)
        await until(pilot, lambda: "as configured" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Migrate: options" not in page(app))
        button(app, "override").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "Override: source-empty" in page(app) and buttons_in_sight(app))
        await pilot.press(*"why so")
        await until(pilot, lambda: "why so" in page(app) and buttons_in_sight(app))
