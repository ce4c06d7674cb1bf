"""The runs pane: list, detail, paging, the run in progress."""

from __future__ import annotations

import pytest

from console.engine.model import Counts, Outcome, RunStatus
from console.engine.observe.runs_compare import Change
from console.engine.observe.runs_undo import UndoWords
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.runs import RunDetail, RunsPane
from widgets.runs.compare import RunComparison
from widgets.runs.messages import FileWanted
from widgets.runs.words import next_steps
from widgets.samples import sample_changes, sample_comparison, sample_outcome, sample_run
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


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.PARTIAL])
@pytest.mark.parametrize("held", [True, False])
async def test_a_rollback_says_that_something_is_held_only_where_it_is(status: RunStatus, held: bool) -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        run = sample_run(40, status, action="rollback", counts=Counts(restored=20, left_alone=1))
        pane.show_run(run)
        pane.detail.show_undo(run, UndoWords(True, "b: plan the rollback of 20 changes", held=held))
        await until(pilot, lambda: "plan the rollback of 20 changes" in page(app))
        assert ("What was taken back is held" in page(app)) == held, page(app)
        assert ("does everything again" if status == RunStatus.DONE else "left alone stays") in page(app), page(app)
        assert "failed in an earlier run" not in page(app)


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


async def test_a_filter_shows_what_is_known_at_once_and_asks_for_older_ones() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        pane.runs = [sample_run(31, RunStatus.DONE, who={"login": "bob"}), *pane.runs]
        pane.filter = "status:done by:bo"
        await until(pilot, lambda: "looking…   status:done by:bo" in page(app))
        assert len(app.query_one(LIST, VirtualTable).rows) == 1
        await until(pilot, lambda: app.of(RunsPane.MoreWanted))
        wanted = app.of(RunsPane.MoreWanted)[-1]
        assert (wanted.before_seq, wanted.filter) == (1, "status:done by:bo")
        pane.add_older(1, "by:ann", [sample_run(0)], 9, 31)  # of another filter
        old = sample_run(0, RunStatus.DONE, who={"login": "bob"})
        pane.add_older(1, wanted.filter, [sample_run(2), old], 2, 31)
        await until(pilot, lambda: "2 of 31 runs" in page(app))
        assert [row.seq for row in pane._shown] == [31, 0]  # 2 was known, and does not fit
        pane.runs = [sample_run(32, RunStatus.DONE, who={"login": "bob"}), *pane.runs]  # a run that came meanwhile
        await until(pilot, lambda: [row.seq for row in pane._shown] == [32, 31, 0])
        pane.filter = "by:nobody"
        await until(pilot, lambda: "no run matches 'by:nobody'" in page(app))
        assert pane.back() and not pane.back()
        await until(pilot, lambda: "m: mark" in page(app))
        assert len(pane._shown) == 32


async def test_two_runs_are_marked_and_compared_and_the_way_back_is_the_way_there() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        app.query_one(LIST).focus()
        await pilot.press("m", "down")
        await until(pilot, lambda: "● migrate 7f1e" in page(app))
        assert any(line.startswith("●") for line in shown(app))
        await pilot.press("c")
        await until(pilot, lambda: "comparing…" in page(app))
        await until(pilot, lambda: app.of(RunsPane.CompareWanted))
        wanted = app.of(RunsPane.CompareWanted)[-1]
        assert {wanted.before.seq, wanted.after.seq} == {29, 30}
        found = sample_comparison()
        pane.show_comparison(found)  # of two others: somebody asked for them before
        assert "comparing…" in page(app)
        found.before, found.after = sample_run(29), sample_run(30)
        pane.show_comparison(found)
        await until(pilot, lambda: "303 files stand otherwise" in page(app))
        await until(pilot, lambda: "+37" in page(app) and "0123456789ab" in page(app) and "reading…" in page(app))
        await until(pilot, lambda: app.of(RunComparison.FilesWanted))
        asked = app.of(RunComparison.FilesWanted)
        assert [(each.change, each.start) for each in asked] == [(Change.NEWLY_FAILING, 0)]
        pane.comparison.add_files(found, Change.NEWLY_FAILING, 0, sample_changes(Change.NEWLY_FAILING, 0, 200))
        await until(pilot, lambda: "part-00000" in page(app) and "date is missing" in page(app))
        await pilot.press("end")
        await until(pilot, lambda: app.of(RunComparison.FilesWanted)[-1].start == 200)
        pane.comparison.add_files(found, Change.NEWLY_FAILING, 200, sample_changes(Change.NEWLY_FAILING, 200, 100))
        await pilot.press("end")
        await until(pilot, lambda: app.of(RunComparison.FilesWanted)[-1].change == Change.OTHER_CHECKSUM)
        had = len(app.of(RunComparison.FilesWanted))
        await pilot.press("f", "f")  # newly failing, other checksum
        await until(pilot, lambda: "part-0" not in page(app))
        await until(pilot, lambda: len(app.of(RunComparison.FilesWanted)) == had + 2)
        last = app.of(RunComparison.FilesWanted)[-1]
        assert (last.change, last.start) == (Change.OTHER_CHECKSUM, 0)
        pane.comparison.add_files(found, last.change, 0, sample_changes(last.change, 0, 2))
        await until(pilot, lambda: "aaaaaaaaaaaa" in page(app) and "bbbbbbbbbbbb" in page(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.of(FileWanted))
        assert app.of(FileWanted)[0].path.endswith("part-00001.json")
        await pilot.press("escape")
        await until(pilot, lambda: "c: compare with it" in page(app))
        assert pane.comparison.wanted is None and app.query_one(LIST).has_focus
        assert pane.back() and not pane.back()  # unmarked
        await pilot.press("enter", "c")  # without a mark: the one before it
        await until(pilot, lambda: "comparing…" in page(app))
        await until(pilot, lambda: len(app.of(RunsPane.CompareWanted)) == 2)
        wanted = app.of(RunsPane.CompareWanted)[-1]
        assert {wanted.before.seq, wanted.after.seq} == {28, 29}
        pane.comparison.failed("the ledger cannot be read")
        await until(pilot, lambda: "the ledger cannot be read" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Command" in page(app))


async def test_attach_and_undo() -> None:
    app = Host(RunsPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        app.query_one(LIST).focus()
        await pilot.press("t")
        await until(pilot, lambda: "no run is in progress" in page(app))
        run = sample_run(31, RunStatus.RUNNING)
        pane.runs = [run, *pane.runs]
        await until(pilot, lambda: "▶ one in progress, t: attach" in page(app))
        await pilot.press("down", "t")
        await until(pilot, lambda: "812/1,304" in page(app))
        await until(pilot, lambda: [each.run.id for each in app.of(RunDetail.UndoWanted)] == [run.id])
        pane.detail.show_undo(run, UndoWords(True, "b: plan the rollback of 9 changes"))  # it runs: not yet
        await pilot.pause()
        assert "Roll back" not in page(app) and "Undo" not in page(app)
        done = sample_run(31)
        pane.run_moved(done)
        await until(pilot, lambda: app.of(RunDetail.UndoWanted)[-1].run.status == RunStatus.PARTIAL)
        pane.detail.show_undo(run, UndoWords(False, "asked before it ended"))
        await pilot.pause()
        assert "asked before" not in page(app)
        pane.detail.show_undo(done, UndoWords(True, "b: plan the rollback of 57 changes"))
        await until(pilot, lambda: "plan the rollback of 57 changes" in page(app) and "[ Roll back b ]" in page(app))
        pane.detail.show_undo(done, UndoWords(False, "was rolled back by 00ff; rolling 00ff back does it again"))
        await until(pilot, lambda: "Roll back b" not in page(app) and "was rolled back by 00ff" in page(app))
        asked = len(app.of(RunDetail.UndoWanted))
        pane.runs = [sample_run(32, action="rollback"), *pane.runs]  # it may be of this one
        await until(pilot, lambda: len(app.of(RunDetail.UndoWanted)) == asked + 1)
        await pilot.press("escape", "r", "b", "l", "g")
        await until(pilot, lambda: app.of(RunsPane.CausesWanted))
        for kind in (RunDetail.ReportWanted, RunDetail.RollbackWanted, RunDetail.LogWanted):
            assert [each.run.seq for each in app.of(kind)] == [31]


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
        pane.filter = text
        pane.action_mark()
        await pilot.pause()
        assert not any(ord(character) < 0x20 for line in shown(app) for character in line)
        pane.filter = ""
        found = sample_comparison(text, action=text, who={"login": text})
        found.between = [(text, 2)]
        pane.runs = [found.after, found.before]
        pane.show_run(found.after)
        pane._mark(found.before)
        pane.action_compare()
        pane.show_comparison(found)
        changes = sample_changes(Change.NEWLY_FAILING, 0, 9, text, text)
        pane.comparison.add_files(found, Change.NEWLY_FAILING, 0, changes)
        await until(pilot, lambda: "files stand otherwise" in page(app))
        assert not any(ord(character) < 0x20 for line in shown(app) for character in line)
        assert links(app) == [] and app.is_running
