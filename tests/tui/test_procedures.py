"""Procedures in the console: what leads to one, dialogs filled in, what gives way, what is refused and not lost."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.engine.actions.parameters import make_params
from console.engine.actions.state.model import ClearParams
from console.engine.context import Context, open_context
from console.engine.model import MigrateParams, ReprocessParams, RunStatus
from console.engine.observe.alerts import Alert, Cause
from console.engine.procedures import guide, journal
from console.tui.actions import DIALOGS, filled
from console.tui.app import ConsoleApp
from console.tui.forms import FORMS
from console.tui.messages import OverviewRead
from console.tui.screens.alerts import AlertsScreen
from console.tui.screens.change import ChangeScreen, _values_of
from console.tui.screens.dialog import AskScreen
from console.tui.screens.migrate import MigrateScreen
from console.tui.screens.reprocess import ReprocessScreen
from console.tui.screens.rollback import RollbackScreen
from console.tui.screens.shell import ShellScreen
from tests.support import make_workspace, valid_record
from tests.tui.faking import Engine, fake_engine
from tests.tui.test_handover import overview
from tests.widgets.hosting import page, until
from widgets.samples import sample_run

OWN = """
title = "Small"
about = "A small one."
symptoms = ["alert:failing", "run:failed", "probe:other-run"]

[[step]]
id = "go"
kind = "action"
title = "Publish"
action = "migrate"
with = { source = "a" }

[[step]]
id = "cmd"
kind = "command"
title = "Say it"
command = "echo said; exit 3"
statuses = [3]
seconds = 30

[[step]]
id = "slow"
kind = "command"
title = "Take long"
command = "echo begun; sleep 60"
seconds = 60

[[step]]
id = "look"
kind = "probe"
title = "Look"
checks = [{ probe = "other-run" }]
"""


def own(root: Path, text: str = OWN, name: str = "small") -> None:
    folder = root / "config/procedures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    engine = fake_engine(monkeypatch, tmp_path / "work")
    own(engine.ctx.workspace.root)
    return engine


@asynccontextmanager
async def opened(ctx: Context, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    app = ConsoleApp(ctx)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        yield app, pilot


async def at(app: ConsoleApp, pilot: Pilot[None], step: int) -> None:
    """In a session of `small`, at this step."""
    session = guide.start(app.ctx, "small")
    for _ in range(1, step):
        session = guide.skip(app.ctx, session, "because")
    app.open_session(session.id)
    await until(pilot, lambda: f"step {step} of 4" in page(app))


def events(ctx: Context) -> list[tuple[str, dict[str, Any]]]:
    session = journal.sessions(ctx)[0]
    return [(entry.event.value, dict(entry.data)) for entry in session.entries]


async def test_an_action_opens_its_own_dialog_filled_in_and_its_run_is_kept_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guide, "settle_run", lambda ctx, session: session)  # a run of the test's, in no ledger
    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 1)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, MigrateScreen) and "[ Migrate 52 files ]" in page(app))
        assert engine.asked[-1] == MigrateParams(source="a")
        assert app.focused is not None and app.focused.id == "cancel"
        app.screen.query_one("#migrate").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "run 7f3a is in progress" in page(app))
        assert app.main.current_pane is app.procedures_pane  # nobody is taken to Runs
        await pilot.press("d")
        await until(pilot, lambda: "this step waits for it" in page(app))
    ran = [data for event, data in events(engine.ctx) if event == "run"]
    assert [(each["run"], each["command"]) for each in ran] == [
        ("20260304T140200Z-migrate-7f3a", engine.started[0]["command"])
    ]


async def test_a_command_runs_when_it_is_confirmed_and_can_be_stopped(engine: Engine) -> None:
    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 2)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ShellScreen) and "$ echo said; exit 3" in page(app))
        await pilot.press("enter")  # Cancel
        await until(pilot, lambda: not isinstance(app.screen, ShellScreen))
        assert "command" not in [event for event, _ in events(engine.ctx)]
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ShellScreen))
        app.screen.query_one("#run").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "✓ exit status 3" in page(app) and "said" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "exit status 3: said" in page(app))
        await pilot.press("t")
        await until(pilot, lambda: "step 3 of 4" in page(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ShellScreen))
        app.screen.query_one("#run").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "begun" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "it is running: Stop ends it" in page(app))
        app.screen.query_one("#stop").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "✗ it was interrupted and ended" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "the command was ended" in page(app))
    said = [(data["status"], data["output"]) for event, data in events(engine.ctx) if event == "command"]
    assert said == [(3, "said\n"), (None, "begun\n(it was interrupted and ended)")]


async def test_what_came_of_a_long_command_is_seen(engine: Engine) -> None:
    long = "echo said " + "a-very-long-word " * 40
    own(engine.ctx.workspace.root, OWN.replace("echo said; exit 3", f"{long}; exit 3"))
    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 2)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ShellScreen) and "good: exit 3" in page(app))
        app.screen.query_one("#run").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "✓ exit status 3" in page(app) and "$ echo said" in page(app))


async def test_a_look_gives_way_to_what_somebody_asks_for_and_half_of_it_is_not_kept(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    never = threading.Event()
    real = guide.ask_conditions

    def slow(ctx: Context, session: Any, conditions: Any, cancelled: Any = guide.never) -> Any:
        asked.append(True)
        while len(asked) == 1 and not cancelled():
            never.wait(0.02)
        return real(ctx, session, conditions)

    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 3)
        monkeypatch.setattr(guide, "ask_conditions", slow)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"because", "tab", "tab", "enter")
        await until(pilot, lambda: "▶ looking…" in page(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"a word", "tab", "tab", "enter")
        await until(pilot, lambda: "note: a word" in page(app) and "✓ no other run" in page(app))  # and looks again
    assert len(asked) == 2
    assert [event for event, _ in events(engine.ctx)][-2:] == ["note", "looked"]


async def test_what_is_true_now_is_shown_although_the_look_gave_way_to_a_reading(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's end may be heard of while a step is looked at."""
    asked: list[bool] = []
    never = threading.Event()
    real = guide.ask_conditions

    def slow(ctx: Context, session: Any, conditions: Any, cancelled: Any = guide.never) -> Any:
        asked.append(True)
        while len(asked) == 2 and not cancelled():
            never.wait(0.02)
        found = real(ctx, session, conditions)
        return [{**each, "evidence": f"look {len(asked)}"} for each in found]

    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 3)
        monkeypatch.setattr(guide, "ask_conditions", slow)
        guide.skip(engine.ctx, journal.sessions(engine.ctx)[0], "because")
        app.session_again()
        await until(pilot, lambda: "✓ no other run is in progress   look 1" in page(app))
        await pilot.press("l")
        await until(pilot, lambda: len(asked) == 2)
        app.session_again()
        await until(pilot, lambda: "✓ no other run is in progress   look 3" in page(app))


async def test_what_cannot_be_kept_is_asked_for_again_with_the_words_in_the_field(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.engine.errors import EngineError

    def full(*args: object, **more: object) -> None:
        raise EngineError("no room for it [/]", untouched="the session")

    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 1)
        with monkeypatch.context() as broken:
            broken.setattr(guide, "note", full)
            await pilot.press("n")
            await until(pilot, lambda: isinstance(app.screen, AskScreen))
            await pilot.press(*"worth keeping", "tab", "tab", "enter")
            await until(pilot, lambda: "no room for it [/]" in page(app) and "worth keeping" in page(app))
        await pilot.press("tab", "tab", "enter")
        await until(pilot, lambda: "note: worth keeping" in page(app))


async def test_somebody_elses_step_is_shown_and_nothing_is_done_twice(engine: Engine) -> None:
    async with opened(engine.ctx) as (app, pilot):
        await at(app, pilot, 2)
        other = journal.sessions(engine.ctx)[0]
        guide.skip(engine.ctx, other, "bob was faster")
        await pilot.press("b")
        await until(pilot, lambda: "taken this session on" in page(app) and "step 3 of 4" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "On their way  1" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "step 3 of 4" in page(app))
        app.start_procedure("small", {})  # it is on its way already: that is asked
        await until(pilot, lambda: isinstance(app.screen, AskScreen) and "is on its way" in page(app))
        assert len(journal.sessions(engine.ctx)) == 1
        await pilot.press("escape")


async def test_alerts_runs_and_checks_lead_to_their_procedure(engine: Engine) -> None:
    alert = Alert("files fail [/]", "do something", Cause.FAILING, key="failing")
    row = sample_run(status=RunStatus.FAILED)
    async with opened(engine.ctx) as (app, pilot):
        app.post_message(OverviewRead(replace(overview(runs=[row]), alerts=(alert,))))
        await until(pilot, lambda: "files fail [/]" in page(app))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: isinstance(app.screen, AlertsScreen))
        await pilot.press("p")
        await until(pilot, lambda: "Which procedure?" in page(app))
        assert "[ Small ]" in page(app) and "files fail [/]" in page(app)
        await pilot.press("escape", "6", "p")
        await until(pilot, lambda: "Which procedure?" in page(app))
        await pilot.press("escape")
        app.procedure_for_probe("other-run", "bob runs")
        await until(pilot, lambda: "Which procedure?" in page(app) or "step 1 of 4" in page(app))
        await pilot.press("escape")
        app.procedure_for_probe("no-such", "nothing")
        await until(pilot, lambda: "No procedure names this" in page(app))


async def test_read_only_looks_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "work", {"a/1.json": valid_record(1)})
    own(root, OWN.replace('id = "go"', 'id = "first"\nbefore = [{ probe = "other-run", text = "nobody runs" }]'))
    ctx = open_context(root)
    session = guide.start(ctx, "small")
    before = (root / ".opsconsole/sessions" / f"{session.id}.jsonl").read_bytes()
    engine = fake_engine(monkeypatch, tmp_path / "other", read_only=True)
    async with opened(replace(engine.ctx, workspace=ctx.workspace, settings=ctx.settings)) as (app, pilot):
        await pilot.press("7")
        await until(pilot, lambda: "On their way  1" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "✓ first: nobody runs" in page(app))  # seen, and kept nowhere
        await pilot.press("t", "d", "n", "b", "x")
        await until(pilot, lambda: "this console is read-only" in page(app))
        assert len(app.screen_stack) == 1 and "[ Tick" not in page(app)
        await pilot.press("escape")
        await until(pilot, lambda: "On their way  1" in page(app))
        app.start_procedure("small", {})
        await pilot.pause()
    assert (root / ".opsconsole/sessions" / f"{session.id}.jsonl").read_bytes() == before
    assert len(list((root / ".opsconsole/sessions").iterdir())) == 1


GIVEN: dict[str, dict[str, Any]] = {
    "migrate": {"source": "a", "pattern": "*.json"},
    "reprocess": {"stale_schema": True, "source": "a"},
    "archive": {"label": "2023", "reason": "old", "withdraw": True},
    "archive restore": {"label": "2023"},
    "verify": {"source": "a", "readback": True},
    "repair": {"source": "a"},
    "backups prune": {"keep_last": 3},
    "state clear": {"reason": "why", "files": "data/raw/a.json"},
    "state restore": {"checkpoint": "x"},
    "logs trim": {"keep_days": 7},
    "schema restore": {"checksum": "7f3a"},
    "state rebuild": {},
    "permissions repair": {},
    "adopt": {},
    "leave": {},
}


@pytest.mark.parametrize("action", GIVEN)
def test_every_action_has_a_dialog_that_its_parameters_fill(engine: Engine, action: str) -> None:
    """What the dialog would plan is what the step says, also what the form has no field for."""
    params = make_params(engine.ctx, action, GIVEN[action])
    dialog = filled(engine.ctx, action, params)
    assert action == dialog.ACTION and type(dialog) is type(DIALOGS[action](engine.ctx))
    if isinstance(dialog, MigrateScreen):
        assert dialog._params == params and isinstance(dialog, ReprocessScreen) == isinstance(params, ReprocessParams)
    elif isinstance(dialog, ChangeScreen):
        assert dialog._parameters(_values_of(FORMS[action], params)) == params


def test_what_a_form_does_not_ask_stays_as_it_was_given(engine: Engine) -> None:
    """Emptied options must not make one file of it all of them."""
    params = make_params(engine.ctx, "state clear", {"files": "a.json", "reason": "why"})
    dialog = filled(engine.ctx, "state clear", params)
    assert isinstance(dialog, ChangeScreen)
    assert dialog._parameters({"reason": "other"}) == ClearParams(("a.json",), "", "", False, "other")
    from console.engine.actions.rollback.model import RollbackParams

    rollback = filled(engine.ctx, "rollback", RollbackParams("x-1", all_or_nothing=True))
    assert isinstance(rollback, RollbackScreen) and rollback._values == {"run": "x-1", "all_or_nothing": "yes"}


def test_the_pane_is_not_loaded_before_it_is_shown() -> None:
    import subprocess
    import sys

    code = (
        "import sys, json, console.tui.app; print(json.dumps([name for name in sys.modules if 'procedures' in name]))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    loaded = [name for name in json.loads(done.stdout) if not name.startswith("console.tui.")]
    assert loaded == []
