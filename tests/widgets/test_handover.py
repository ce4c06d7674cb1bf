"""The plans of adopting and leaving as an operator reads them."""

from __future__ import annotations

from typing import Any

import pytest

from console.engine.actions.adopt.compare import Found
from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.leave.model import LeavePlan
from console.engine.model import Check, GateItem
from tests.widgets.hosting import HOSTILE, Host, page
from widgets.plan import AdoptView, LeaveView
from widgets.plan.handover import example_lines


def adopt_plan(**changes: Any) -> AdoptPlan:
    plan = AdoptPlan("logs/.state.json", "", "opsconsole adopt --yes", entries=412_000, about=400_000)
    plan.found = {Found.AGREES: 411_000, Found.SOURCE_CHANGED: 12, Found.MISSING: 40, Found.SIDECAR: 948}
    plan.other_files, plan.other_backups, plan.bytes = 7, 31, 2_100_000_000
    plan.last_updated = "2025-10-30T14:02:00"
    plan.gate = [GateItem("lock", Check.PASS, True, "no other run")]
    for name, value in changes.items():
        setattr(plan, name, value)
    return plan


async def drawn(view: AdoptView | LeaveView, *given: Any, width: int = 76) -> str:
    app = Host(lambda: view)
    async with app.run_test(size=(width, 30)) as pilot:
        view.show(*given)
        await pilot.pause()
        return page(app)


@pytest.mark.parametrize("width", [40, 76, 100])
async def test_an_adoption_says_what_it_takes_and_what_it_leaves(width: int) -> None:
    said = " ".join((await drawn(AdoptView(), adopt_plan(), width=width)).split())
    for words in ("412,000 entries", "✓ 411,000 files", "● 12 files", "2.1 GB of copies", "✓ lock"):
        assert words in said, said
    assert "no published byte" in said and "opsconsole leave" in said


async def test_an_adoption_in_the_making_shows_how_far_it_is() -> None:
    said = await drawn(AdoptView(), adopt_plan(entries=100_000, about=400_000), False)
    assert "████░░░░░░░░░░░░ 100,000 of about 400,000 entries" in said and "Pre-flight" not in said


async def test_an_adoption_of_nothing_says_so() -> None:
    assert "no entry: none names a file" in await drawn(AdoptView(), adopt_plan(found={}, entries=0, other_files=0))


async def test_a_leave_says_what_is_forgotten() -> None:
    plan = LeavePlan("opsconsole leave --yes", [], ["3 held files: published again"], ["[/foo]\x1b[2J"])
    said = await drawn(LeaveView(), plan)
    assert "nothing: the state file is as" in said and "! 3 held files" in said and "[/foo]␛[2J" in said


@pytest.mark.parametrize("text", HOSTILE)
def test_examples_name_what_was_found(text: str) -> None:
    plan = adopt_plan(examples={Found.MISSING: [(text, text)]}, other_examples=[text])
    shown = [line for line, _ in example_lines(plan)]
    assert f"  {text}" in shown and "  and 39 more" in shown and "  and 6 more" in shown
