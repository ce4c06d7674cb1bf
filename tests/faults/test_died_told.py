"""A run that was killed with its first batch in place and nothing recorded: no more is told of it than is known.

What the intents name may be done or not: until a later run has settled it, nobody says that nothing was done.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from console.engine.context import open_context
from console.tui.app import ConsoleApp
from console.tui.screens.dialog import TextScreen
from console.tui.screens.rollback import RollbackScreen
from tests.faults.checker import VALIDATED, walk_files
from tests.faults.scenario import Scenario, ledger_rows, make_died, run
from tests.widgets.hosting import page, until

FILES = 12


@pytest.fixture
def died(place: Path) -> tuple[Scenario, str, int]:
    """The workspace, the run, and how many files it has published without a word of it in the ledger."""
    scenario, name = make_died(place / "ws", FILES, {"workers": 1})
    published = len(list(walk_files(scenario.root / VALIDATED)))
    assert published > FILES and ledger_rows(scenario.root, "SELECT count(*) FROM outcomes") == [(0,)]
    return scenario, name, published


def test_the_report_says_that_it_died_and_what_is_not_settled(died: tuple[Scenario, str, int]) -> None:
    scenario, name, published = died
    told = run(scenario.root, "runs", "report", name).out
    assert "| Result | died, not settled yet" in told and "its process died, last sign of life" in told, told
    assert f"names {published} files" in told and "settles it first" in told, told
    assert "Nothing was done" not in told and "running" not in told, told
    assert run(scenario.root, "runs", "show", name, "--json").events[0]["status"] == "interrupted"
    assert run(scenario.root, "verify", "--yes").status == 0  # the next run, which settles it
    told = run(scenario.root, "runs", "report", name).out
    assert "| Result | interrupted |" in told and "not settled" not in told, told


def test_the_plan_of_its_rollback_counts_what_the_intents_name(died: tuple[Scenario, str, int]) -> None:
    scenario, name, published = died
    plan = run(scenario.root, "rollback", name, "--dry-run")
    assert (plan.status, "nothing to do" in plan.out) == (1, False), plan.text
    assert f"up to {published} files that it had in hand" in plan.out, plan.text
    counted = run(scenario.root, "rollback", name, "--dry-run", "--json")
    assert (counted.status, counted.summary["counts"]["unsettled"]) == (1, published), counted.text
    done = run(scenario.root, "rollback", name, "--yes", "--json", "--confirm", "ws")
    assert (done.status, done.summary["counts"]["removed"]) == (0, published), done.text
    assert not list(walk_files(scenario.root / VALIDATED)) and scenario.examine() == []


def test_one_that_died_before_its_first_batch_has_nothing_to_take_back(place: Path) -> None:
    scenario, name = make_died(place / "ws", FILES, {"workers": 1}, failpoint="run.registered")
    plan = run(scenario.root, "rollback", name, "--dry-run")
    assert plan.status == 0 and "nothing to do" in plan.out, plan.text
    told = run(scenario.root, "runs", "report", name).out
    assert "died before it changed a file" in told and "died, not settled yet" in told, told


async def test_the_console_says_it_and_offers_the_rollback(died: tuple[Scenario, str, int]) -> None:
    scenario, _, published = died
    app = ConsoleApp(open_context(scenario.root))
    async with app.run_test(size=(140, 45), notifications=True) as pilot:
        await until(pilot, lambda: "free" in page(app))
        await pilot.press("6")
        await until(pilot, lambda: "Roll back b" in page(app), 3000)
        await pilot.press("enter")
        await until(pilot, lambda: f"up to {published} files that it had in hand" in page(app))
        await until(pilot, lambda: "known once it is settled" in page(app))
        shown = page(app)
        assert "! died" in shown and "not settled yet" in shown and "the next run does" in shown, shown
        assert "nothing recorded yet" not in shown and "changed nothing" not in shown, shown
        assert "no file was changed" not in shown, shown
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, TextScreen) and "died, not settled yet" in page(app))
        await pilot.press("escape", "b")
        await until(
            pilot, lambda: isinstance(app.screen, RollbackScreen) and f"Roll back up to {published}" in page(app)
        )
        assert f"up to {published} files that it had in hand" in page(app)
