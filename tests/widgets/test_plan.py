"""The plan as an operator reads it."""

from __future__ import annotations

import pytest

from console.engine.actions.archive.model import ArchiveParams
from console.engine.actions.change.model import ChangePlan
from console.engine.errors import LedgerError
from console.engine.model import Check, GateItem
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.plan import ChangeView, PlanFiles, PlanView
from widgets.samples import sample_plan
from widgets.table import VirtualTable


async def drawn(width: int, plan: object, judged: tuple[int, int] | None = None) -> str:
    app = Host(PlanView)
    async with app.run_test(size=(width, 30)) as pilot:
        app.query_one(PlanView).show(plan, judged)  # type: ignore[arg-type]
        await pilot.pause()
        return page(app)


@pytest.mark.parametrize("width", [74, 100])
async def test_a_full_plan(width: int) -> None:
    said = await drawn(width, sample_plan(depth="full"))
    for word in (
        "52 files",
        "184 MB",
        "34 new",
        "18 changed",
        "41 published",
        "11 files would fail",
        "date is missing 11",
    ):
        assert word in said, said
    for word in ("1,204 unchanged", "9 ignored", "18 files first", "212 GB free", "140 inodes", "last 5 runs"):
        assert word in said, said
    assert "✓ disk" in said and "! backups" in said and "not verified for 9 days" in said


async def test_while_it_is_judged() -> None:
    said = await drawn(74, sample_plan(), (26, 52))
    assert "judging… ████████░░░░░░░░ 26/52" in said


async def test_what_refuses_is_said_with_what_helps() -> None:
    said = await drawn(74, sample_plan(refused=True))
    assert "✗ source-empty refuses the run: sff had 40 files" in said and "is the share mounted?" in said


async def test_an_override_shows_its_reason() -> None:
    plan = sample_plan()
    plan.gate = [GateItem("source-empty", Check.FAIL, True, "sff is empty", "look", "sff is closed for good")]
    said = await drawn(74, plan)
    assert "overridden: sff is closed for good" in said and "refuses" not in said


async def test_a_run_in_progress_is_said() -> None:
    plan = sample_plan()
    plan.beside = "run 7f3a is in progress: the counts of this plan may be out of date"
    assert f"! {plan.beside}" in await drawn(74, plan)


async def test_nothing_to_do() -> None:
    plan = sample_plan(0)
    assert "nothing: no file is new" in await drawn(74, plan)


async def test_without_a_ledger_it_does_not_claim_that_nothing_waits() -> None:
    plan = sample_plan(0)
    plan.unread = LedgerError("the ledger cannot be read: file is not a database")
    said = await drawn(74, plan)
    assert "not known: the ledger cannot be read" in said
    assert "nothing:" not in said


async def test_a_full_disk() -> None:
    plan = sample_plan()
    space = plan.space[0]
    plan.space = [type(space)(space.zones, space.mount, 5_000, 4_000, 10, 5)]
    assert "✗ 5.0 kB, 10 inodes of 4.0 kB free" in await drawn(74, plan)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    plan = sample_plan(3, depth="full")
    plan.gate = [GateItem(text[:60], Check.FAIL, True, text, text)]  # names of checks are our own and short
    plan.failing, plan.recovery, plan.ignored, plan.beside = [(text, 1, 1)], [text], [(text, text)], text
    for build in (PlanView, lambda: PlanFiles(plan)):
        app = Host(build)  # type: ignore[arg-type]
        async with app.run_test(size=(80, 24)) as pilot:
            for view in app.query(PlanView):
                view.show(plan)
            await pilot.pause()
            assert not any(ord(character) < 0x20 for line in shown(app) for character in line)
            assert links(app) == [] and app.is_running


async def test_files_failing_first_and_filtered() -> None:
    app = Host(lambda: PlanFiles(sample_plan(depth="full")))
    async with app.run_test(size=(100, 20), message_hook=app.hook) as pilot:
        await pilot.pause()
        table = app.query_one(VirtualTable)
        assert "12 of 96 records fail" in shown(app)[2]
        app.query_one(PlanFiles).filter()
        await pilot.press(*"part-00007")
        await until(pilot, lambda: len(table.rows) == 1)
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert "part-00007" in app.of(PlanFiles.Chosen)[0].texts[1]
        app.query_one(PlanFiles).back()
        await until(pilot, lambda: len(table.rows) == 61)


async def test_a_plan_of_changes_without_a_ledger_does_not_claim_that_nothing_would_change() -> None:
    plan = ChangePlan("archive", ArchiveParams(label="old", reason="superseded", match="a/**"), "opsconsole", "now")
    plan.unread = LedgerError("the ledger cannot be read: file is not a database")
    app = Host(ChangeView)
    async with app.run_test(size=(80, 30)) as pilot:
        app.query_one(ChangeView).show(plan)
        await pilot.pause()
        said = page(app)
    assert "not known: the ledger cannot be read" in said and "nothing" not in said
