"""Every dialog, notification and field, holding texts that would bite if anything interpreted them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from console.engine.actions.adopt.compare import Found
from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.leave.model import LeavePlan
from console.engine.errors import EngineError
from console.engine.model import ActionParams, Check, GateItem, MigrateParams, Plan, RunStatus
from console.engine.observe.alerts import Alert, Cause
from console.tui.actions import DIALOGS
from console.tui.app import ConsoleApp
from console.tui.leads import alert_lines
from console.tui.screens.alerts import AlertsScreen
from console.tui.screens.dialog import AskScreen, TextScreen
from console.tui.screens.files import FilesScreen
from console.tui.screens.form import Field, FormScreen
from console.tui.screens.options import OptionsScreen
from console.tui.screens.rollback import RunChooser
from tests.tui.faking import Engine, fake_engine
from tests.widgets.hosting import HOSTILE, links, page, until
from widgets.entry import Entry, harmless
from widgets.samples import sample_plan, sample_run

ALL = " ".join(text for text in HOSTILE if len(text) < 200)
LONG = "n" * 4096
TEXTS = [ALL, LONG]
KINDS = ("migrate", "rollback", "adopt")  # one of each way in which a dialog is made
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u2028-\u202e\u200b-\u200f\u2060-\u2069\ufeff\U000e0041\udcff]")


def harmless_page(app: ConsoleApp) -> str:
    """What is shown, after a look that nothing of it can act."""
    seen = page(app)
    assert not ACTS.search(seen), ascii(ACTS.search(seen))
    assert links(app) == [] and app.is_running and app.crash is None
    return seen


def hostile_plan(text: str) -> Plan:
    plan = sample_plan(3, depth="full")
    plan.gate = [GateItem("lock", Check.FAIL, True, text, text), GateItem("headroom", Check.WARN, False, text, text)]
    plan.failing, plan.recovery, plan.ignored, plan.beside = [(text, 1, 1)], [text], [(text, text)], text
    plan.command = f"opsconsole migrate --source {text}"
    return plan


def hostile_change(action: str, text: str) -> ChangePlan:
    plan = ChangePlan(action, ActionParams(), f"opsconsole {action} {text}", text, word=text)
    plan.undo = text
    plan.facts = [(text[:10], text)]
    plan.gate = [GateItem("lock", Check.FAIL, True, text, text)]
    plan.add(PlannedChange(text, "remove", text, 100), "removed")
    plan.leave(text, text)
    return plan


def hostile_adoption(text: str) -> AdoptPlan:
    plan = AdoptPlan(text, text, f"opsconsole adopt {text}", entries=4, about=4)
    plan.found, plan.examples = {Found.MISSING: 5}, {Found.MISSING: [(text, text)]}
    plan.last_updated, plan.other_examples, plan.other_files = text, [text], 1
    plan.gate = [GateItem("lock", Check.FAIL, True, text, text)]
    return plan


def questions(engine: Engine, text: str) -> list[Any]:
    """Dialogs that are made of what they are given."""
    forms = tuple(Field(f"f{at}", text[:40], text, placeholder=text) for at in range(2))
    chosen = Field("c", text[:40], text, kind="choice", choices=(("", text),))
    runs = RunChooser()
    alert = Alert(text, text, Cause.LEDGER, details=(text, text))
    return [
        AskScreen(text, [text, (text, "dim")], [("a", text[:60]), ("b", "Go")], typed=text, word=text),
        TextScreen(text, text),
        TextScreen(text, lines_=[(text, "bad"), *alert_lines(alert)]),
        AlertsScreen([alert, alert], UTC),
        FormScreen(text, (*forms, chosen), {"f0": text, "f1": ""}, {"f1": text}),
        OptionsScreen(engine.ctx, MigrateParams(source=text, pattern=text)),
        FilesScreen(hostile_plan(text), text[:20]),
        runs,
    ]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    engine = fake_engine(monkeypatch, tmp_path / "work")
    raw = engine.ctx.workspace.path(engine.ctx.settings.zones.raw)
    for name in HOSTILE:
        if len(name) < 80:
            (raw / name.replace("/", "_")).mkdir(parents=True, exist_ok=True)
    return engine


@pytest.mark.parametrize("text", TEXTS, ids=["all", "long"])
async def test_questions_texts_and_forms(engine: Engine, text: str) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "free" in page(app))
        for screen in questions(engine, text):
            app.push_screen(screen)
            await until(pilot, lambda screen=screen: app.screen is screen and screen.is_mounted)
            if isinstance(screen, RunChooser):
                screen.fill([sample_run(3, RunStatus.DONE, action=text, who={"login": text}, message=text)])
            for _ in range(2):
                await pilot.press("tab")
                await pilot.pause()
                harmless_page(app)
            screen.dismiss(None)
            await until(pilot, lambda screen=screen: app.screen is not screen)


@pytest.mark.parametrize(
    ("text", "names"),
    [(ALL, KINDS), (LONG, KINDS), pytest.param(ALL, tuple(DIALOGS), marks=pytest.mark.soak)],
    ids=["all", "long", "every"],
)
async def test_the_dialog_of_every_action(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str, names: tuple[str, ...]
) -> None:
    """Its plan, its files, and what it says when planning fails."""
    broken = False

    def answer(make: Callable[[], Any]) -> Any:
        if broken:
            raise EngineError(text, file=text, untouched=text, next_step=text)
        return make()

    engine.scan = engine.full = lambda: answer(lambda: hostile_plan(text))
    for name, make in (
        ("changes", lambda ctx, action, *rest, **more: answer(lambda: hostile_change(action, text))),
        ("adoption", lambda *rest, **more: answer(lambda: hostile_adoption(text))),
        ("leaving", lambda *rest, **more: answer(lambda: LeavePlan(text, [text], [text], [text]))),
    ):
        monkeypatch.setattr(f"console.tui.planner.{name}", make, raising=False)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "free" in page(app))
        for broken in (False, True):
            for name in names:
                screen, before = DIALOGS[name](app.ctx), set(app.workers)
                app.push_screen(screen)
                await until(pilot, lambda screen=screen: screen in app.screen_stack and screen.is_mounted)
                await pilot.pause()
                await until(pilot, lambda before=before: all(w.is_finished for w in set(app.workers) - before))
                await pilot.pause()
                harmless_page(app)
                if app.screen is screen and not broken:
                    await pilot.press("f")
                    await pilot.pause()
                    harmless_page(app)
                while len(app.screen_stack) > 1:
                    app.screen.dismiss(None)
                    await pilot.pause()


async def test_notifications_and_fields(engine: Engine) -> None:
    def fails() -> None:
        raise EngineError(ALL, file=ALL)

    app = ConsoleApp(engine.ctx)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        app.fetch("x", fails, lambda _: None)
        await until(pilot, lambda: "[@click" in page(app))
        harmless_page(app)
        app.copy(ALL, ALL)
        await pilot.pause()
        harmless_page(app)
        await pilot.press("6", "slash")
        await until(pilot, lambda: isinstance(app.focused, Entry))
        assert isinstance(app.focused, Entry)
        app.focused.value = ALL
        await pilot.pause()
        assert "[/foo]" in harmless_page(app) and app.focused.value == ALL


@pytest.mark.parametrize("text", HOSTILE)
def test_a_field_shows_as_many_characters_as_it_has(text: str) -> None:
    assert len(harmless(text)) == len(text) and not ACTS.search(harmless(text))
