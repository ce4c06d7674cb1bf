"""The runs pane: list, detail, paging, the run in progress."""

from __future__ import annotations

import pytest

from console.engine.model import Outcome, RunStatus
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.runs import RunDetail, RunsPane
from widgets.runs.words import next_steps
from widgets.samples import sample_outcome, sample_run
from widgets.table import VirtualTable

LIST = "#runs-list"


def fill(app: Host, count: int = 30) -> RunsPane:
    pane = app.query_one(RunsPane)
    pane.runs = [sample_run(seq) for seq in range(count, 0, -1)]
    return pane


async def test_enter_goes_in_and_escape_comes_back() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        app.query_one(LIST).focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Command" in page(app))
        assert "migrate 7f1d" in shown(app)[0]
        wanted = app.of(RunDetail.OutcomesWanted)[-1]
        assert (wanted.run.seq, wanted.after_id, wanted.outcome) == (29, 0, "")
        pane.detail.add_outcomes(29, 0, "", [sample_outcome(n) for n in range(1, 201)], 200)
        await until(pilot, lambda: "part-00001" in page(app))
        await pilot.press("end")
        await until(pilot, lambda: app.of(RunDetail.OutcomesWanted)[-1].after_id == 200)
        await pilot.press("escape")
        await until(pilot, lambda: "Command" not in page(app))
        assert app.query_one(LIST, VirtualTable).cursor == 1


async def test_a_page_for_another_run_is_dropped() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        pane.show_run(pane.runs[0])
        pane.detail.add_outcomes(1, 0, "", [sample_outcome(1)], 200)
        pane.detail.add_outcomes(30, 50, "", [sample_outcome(51)], 200)
        await pilot.pause()
        assert "part-0" not in page(app)


async def test_when_a_run_has_ended_its_files_come_in_another_order() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        pane.show_run(sample_run(31, RunStatus.RUNNING))
        await until(pilot, lambda: app.of(RunDetail.OutcomesWanted))
        assert app.of(RunDetail.OutcomesWanted)[-1].live
        pane.detail.add_outcomes(31, 0, "", [sample_outcome(1), sample_outcome(2)], 200, live=True)
        await until(pilot, lambda: "part-00002" in page(app))
        pane.detail.run = sample_run(31)
        await until(pilot, lambda: not app.of(RunDetail.OutcomesWanted)[-1].live and "part-00002" not in page(app))
        assert app.of(RunDetail.OutcomesWanted)[-1].after_id == 0
        pane.detail.add_outcomes(31, 0, "", [sample_outcome(1)], 200, live=True)  # asked for before it ended
        pane.detail.add_outcomes(31, 0, "", [sample_outcome(9, Outcome.FAILED), sample_outcome(1)], 200)
        await until(pilot, lambda: "part-00009" in page(app))
        assert page(app).index("part-00009") < page(app).index("part-00001")
        assert page(app).count("part-00001") == 1


async def test_wide_has_both_and_the_detail_follows_the_cursor() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(130, 30)) as pilot:
        fill(app)
        app.query_one(LIST).focus()
        await pilot.press("down", "down")
        await until(pilot, lambda: "migrate 7f1c" in page(app))
        assert "started" in page(app)


async def test_a_run_in_progress_shows_bar_time_left_and_the_way_to_cancel() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        run = sample_run(31, RunStatus.RUNNING)
        pane.runs = [run, *pane.runs]
        pane.show_run(run)
        pane.detail.progress(run, 120.0, 4.1)
        await until(pilot, lambda: "4.1 s left" in page(app))
        assert "812/1,304" in page(app) and "120 files/s" in page(app) and "█" in page(app)
        app.query_one("#run-cancel").focus()
        await pilot.press("enter")
        await pilot.pause()
        assert app.of(RunDetail.CancelWanted)[0].run.id == run.id
        pane.detail.progress(sample_run(31, RunStatus.RUNNING, cancel_by="bob"), 120.0, 4.1)
        await until(pilot, lambda: "cancelling, asked by bob" in page(app))
        pane.detail.run = sample_run(31, RunStatus.CANCELLED, cancel_by="bob")
        await until(pilot, lambda: "Migrate again goes on" in page(app))
        await until(pilot, lambda: "Cancel this run" not in page(app))


async def test_the_list_knows_when_a_run_has_ended() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        pane.runs = [sample_run(31, RunStatus.RUNNING), *pane.runs]
        await until(pilot, lambda: "▶ running" in page(app))
        pane.run_moved(sample_run(31, RunStatus.DONE))
        await until(pilot, lambda: "▶ running" not in page(app) and "✓ done" in page(app))


async def test_read_only_has_no_cancel() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        pane.detail.read_only = True
        pane.show_run(sample_run(31, RunStatus.RUNNING))
        await pilot.pause()
        assert "Cancel this run" not in page(app)


@pytest.mark.parametrize("status", list(RunStatus))
async def test_every_end_says_what_to_do(status: RunStatus) -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        pane.show_run(sample_run(40, status, message="why it is so"))
        await until(pilot, lambda: status.value in page(app) and next_steps(pane.detail.run)[0][:40] in page(app))
        told = status not in (RunStatus.RUNNING, RunStatus.DONE, RunStatus.PARTIAL)
        assert ("why it is so" in page(app)) == told


async def test_filters() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        pane.runs = [sample_run(31, RunStatus.DONE, who={"login": "bob"}), *pane.runs]
        pane.filter = "BOB"
        await until(pilot, lambda: len(app.query_one(LIST, VirtualTable).rows) == 1)
        pane.filter = ""
        pane.show_run(pane.runs[1])
        await pilot.press("f")
        await pilot.pause()
        assert app.of(RunDetail.OutcomesWanted)[-1].outcome == "failed"
        pane.detail.add_outcomes(30, 0, "failed", [sample_outcome(3, Outcome.FAILED, reason="no date")], 200)
        await until(pilot, lambda: "no date" in page(app))


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(130, 30)) as pilot:
        pane = app.query_one(RunsPane)
        run = sample_run(
            message=text, command=text, action=text, phase=text, who={"login": text}, gate=[{"name": text}]
        )
        pane.runs = [run]
        pane.show_run(run)
        page_ = [sample_outcome(number, Outcome.FAILED, text, text) for number in range(1, 20)]
        pane.detail.add_outcomes(run.seq, 0, "", page_, 200)
        await pilot.pause()
        assert not any(ord(character) < 0x20 for line in shown(app) for character in line)
        assert links(app) == [] and app.is_running
