"""Keys, panes, leaving, errors of workers, the watcher's messages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from console.engine.errors import EngineError
from console.engine.ledger.store import transaction
from console.engine.model import RunStatus
from console.engine.observe.overview import Alert, Overview
from console.tui.app import ConsoleApp
from console.tui.messages import OverviewRead, RunEnded, RunMoved, TroubleRead
from console.tui.screens.alerts import AlertsScreen
from console.tui.watch import Watcher
from tests.engine.ledger.filled import opened
from tests.tui.faking import READ_LEDGER, Engine, fake_engine
from tests.widgets.hosting import page, shown, until
from widgets.entry import Entry
from widgets.logs.prompt import Prompt
from widgets.overview.overview import OverviewPane
from widgets.runs.pane import RunsPane
from widgets.samples import sample_run
from widgets.table import VirtualTable


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    return fake_engine(monkeypatch, tmp_path / "work")


def overview(**changes: Any) -> Overview:
    runs = tuple(sample_run(seq) for seq in range(3, 0, -1))
    return Overview("x", "h", "/", True, **{"last_run": runs[0], "runs": runs, **changes})


async def test_panes_by_number_and_escape_never_changes_them(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        for key, title in (("6", "▐6 Runs▌"), ("3", "▐3 State▌"), ("2", "▐2 Logs▌"), ("1", "▐1 Overview▌")):
            await pilot.press(key)
            await until(pilot, lambda title=title: title in shown(app)[1])
            await pilot.press("escape")
            assert title in shown(app)[1]


async def test_the_status_line_and_the_buttons_stay_under_every_dialog(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        for keys in (("question_mark",), ("a", "m"), ("ctrl+p",)):
            await pilot.press(*keys)
            await until(pilot, lambda: len(app.screen_stack) > 1)
            await pilot.pause()
            assert "● idle" in shown(app)[0]
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_keys_typed_ahead_go_to_the_pane_that_was_asked_for(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        for key, character in (("2", "2"), ("slash", "/"), ("x", "x"), ("1", "1")):
            app.post_message(events.Key(key, character))  # at once, as a slow line delivers them
        await until(pilot, lambda: isinstance(app.focused, Prompt) and app.focused.value == "x1")
        assert "▐2 Logs▌" in shown(app)[1] and "Nothing to filter" not in page(app)
        await pilot.press("escape")
        for key in ("6", "slash"):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.id == "filter")
        assert "▐6 Runs▌" in shown(app)[1]


async def test_what_a_key_is_bound_to_happens_before_the_key_that_follows(engine: Engine) -> None:
    """Home is for the rows that have the focus, not for the field that the next key makes."""
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6")
        await until(pilot, lambda: "partial" in page(app))
        for key, character in (("home", None), ("slash", "/"), ("a", "a"), ("b", "b")):
            app.post_message(events.Key(key, character))  # at once, as a slow line delivers them
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "ab")
        await pilot.press("c")
        assert app.screen.query_one("#filter", Input).value == "abc"


@pytest.mark.parametrize("astray", [True, False])
async def test_keys_are_for_the_pane_in_front_whatever_had_the_focus(engine: Engine, astray: bool) -> None:
    """The first frame may give the focus to what was in front when it was begun."""
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6")
        await until(pilot, lambda: "partial" in page(app))
        runs, first = app.main.pane("runs"), app.main.pane("overview")
        assert isinstance(runs, RunsPane) and isinstance(first, OverviewPane) and runs.table.cursor == 0
        app.main.focused = first.query_one(VirtualTable) if astray else None
        await pilot.press("down")
        await until(pilot, lambda: runs.table.cursor == 1)


async def test_a_key_is_for_what_the_key_before_it_brings(engine: Engine) -> None:
    """Esc, right behind the Enter that goes into a run, leads out of it again."""
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6")
        await until(pilot, lambda: "partial" in page(app))
        runs = app.main.pane("runs")
        assert isinstance(runs, RunsPane)
        for key in ("enter", "escape", "down"):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: runs.table.cursor == 1)
        await pilot.pause()
        assert not runs.before_list


async def test_a_dialog_is_closed_before_the_key_that_follows(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        for key, character in (("escape", None), ("a", "a"), ("m", "m")):
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: "Migrate: plan" in page(app))


async def test_a_field_takes_letters_and_keys_in_their_order(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        field = Entry(id="some")
        await app.main.mount(field)
        app.main.set_focus(field)
        for key, character in (("a", "a"), ("c", "c"), ("left", None), ("b", "b"), ("end", None), ("x", "x")):
            app.post_message(events.Key(key, character))
        app.post_message(events.Key("backspace", None))
        app.post_message(events.Key("d", "d"))
        await until(pilot, lambda: field.value == "abcd")


async def test_help_is_of_the_pane_one_is_in(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 64)) as pilot:
        for key, words in (
            ("1", "what a migrate would find now"),
            ("2", "all of them merged by time"),
            ("3", "that the ledger knows"),
            ("6", "newest first"),
        ):
            await pilot.press(key, "question_mark")
            await until(pilot, lambda words=words: words in page(app) and "Keys everywhere" in page(app))
            await pilot.press("escape")


async def test_what_a_notification_quotes_is_made_visible(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.notify("[b]\x1b]52;c;aGk=\x07 \u202e\nsecond line", title="\x9b31m", markup=True)
        await until(pilot, lambda: "[b]␛]52;c;aGk=␇ \\u202e" in page(app) and "second line" in page(app))
        (note,) = app._notifications
        assert note.title == "\\x9b31m" and not note.markup


async def test_letters_in_a_filter_are_text(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6", "slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"am123")
        assert app.screen.query_one("#filter", Input).value == "am123"
        assert len(app.screen_stack) == 1 and "▐6 Runs▌" in shown(app)[1]
        await until(pilot, lambda: "no run matches" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "partial" in page(app))


async def test_a_filter_is_typed_in_order_and_ends_with_its_pane(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6", "slash", "a", "backspace", "z", "z")
        await until(pilot, lambda: "no run matches" in page(app))
        assert app.screen.query_one("#filter", Input).value == "zz"
        await pilot.press("enter")
        await app.main.show_pane("disk")  # as a lead does it
        await pilot.pause()
        assert app.main.pane("runs").filter == "" and app.main.pane("disk").filter == ""  # type: ignore[union-attr]
        await pilot.press("6")
        await until(pilot, lambda: "partial" in page(app))


async def test_the_word_of_its_focus_comes_late_and_the_filter_keeps_what_was_typed(engine: Engine) -> None:
    """On a busy machine letters are there before the field hears that it has the focus; it must not select them."""
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("6", "slash", "s", "t")
        field = app.screen.query_one("#filter", Input)
        field.post_message(events.Focus())
        await pilot.press("a")
        assert field.value == "sta"


async def test_a_wrong_letter_after_a_does_nothing(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: "a + letter" in shown(app)[-1])
        await pilot.press("2")
        await until(pilot, lambda: "a + letter" not in shown(app)[-1])
        assert "▐1 Overview▌" in shown(app)[1]


@pytest.mark.parametrize("key", ["f5", "f6", "f7", "f8"])
async def test_read_only_has_no_action(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str) -> None:
    engine = fake_engine(monkeypatch, tmp_path / "work", read_only=True)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: "this console is" in page(app))
        assert len(app.screen_stack) == 1
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert "Migrate" not in titles and "Quit" in titles


async def test_a_worker_s_error_is_seen_and_the_console_lives(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)

    def broken() -> None:
        raise EngineError("no room for [/] \x1b[2J", next_step="make some")

    async with app.run_test(notifications=True, size=(100, 24)) as pilot:
        app.fetch("reading", broken, lambda answer: None)
        await until(pilot, lambda: "no room for [/] ␛[2J" in page(app))
        assert app.is_running


async def test_a_run_moves_through_the_status_line_and_ends(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(100, 24)) as pilot:
        running = sample_run(4, RunStatus.RUNNING)
        app.post_message(OverviewRead(overview(running=running)))
        app.post_message(RunMoved(running, 100.0, 5.0))
        await until(pilot, lambda: "▶ migrate 7f04 62%" in shown(app)[0] and "5.0 s left" in shown(app)[0])
        scans = len(engine.asked)
        app.post_message(RunEnded(sample_run(4)))
        await until(pilot, lambda: "● idle" in shown(app)[0] and len(engine.asked) > scans)


async def test_alerts_are_counted_and_listed(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview(alerts=(Alert("one thing", "do it"), Alert("another", "do that")))))
        await until(pilot, lambda: "! 2 alerts" in shown(app)[0])
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: isinstance(app.screen, AlertsScreen) and "do that" in page(app))


async def test_trouble_comes_and_goes(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, lambda: "new" in page(app))
        app.post_message(TroubleRead(["the ledger cannot be read", "file: ledger.sqlite"]))
        await until(pilot, lambda: "✗ ledger" in shown(app)[0] and "file: ledger.sqlite" in page(app))
        app.post_message(TroubleRead([]))
        await until(pilot, lambda: "✗ ledger" not in shown(app)[0])


async def test_ctrl_c_explains_and_ctrl_q_asks_where_text_was_typed(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "stops nothing" in page(app))
        await pilot.press("a", "m")
        await until(pilot, lambda: "would fail" in page(app))
        await pilot.press("o")
        await until(pilot, lambda: "Plan with these" in page(app))
        await pilot.press(*"sff", "ctrl+q")
        await until(pilot, lambda: "What you typed" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Plan with these" in page(app) and "What you typed" not in page(app))
        assert not app.leaving


async def test_an_unchanged_ledger_is_not_read_twice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, posted, looked = [], [], []
    monkeypatch.setattr(Watcher, "_read", READ_LEDGER)

    def read(ctx: object, *, limit: int) -> Overview:
        reads.append(1)
        return overview(running=None)

    monkeypatch.setattr("console.engine.observe.overview.overview", read)
    watcher = Watcher(engine.ctx, posted.append)
    wait = watcher._wake.wait

    def count(seconds: float | None = None) -> bool:
        looked.append(seconds)
        if len(looked) == 3:
            engine.ctx.workspace.private.mkdir()
            engine.ctx.workspace.ledger.write_text("moved")
        if len(looked) == 6:
            watcher.stop()
        return wait(0)

    monkeypatch.setattr(watcher._wake, "wait", count)
    watcher.run()
    assert len(reads) == 2 and len(looked) == 6
    assert sum(isinstance(message, OverviewRead) for message in posted) == 2


async def test_a_problem_of_the_log_pane_is_said(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6", "enter")
        await until(pilot, lambda: "[ Log l ]" in page(app))
        await pilot.press("l")
        await until(pilot, lambda: "▐2 Logs▌" in shown(app)[1])
        await until(pilot, lambda: "no log" in page(app) and "names run" in page(app))


def fill_outcomes(engine: Engine, outcomes: Iterable[str]) -> None:
    """What run 3 did to 000.json and so on."""
    engine.ctx.workspace.private.mkdir()
    with opened(engine.ctx) as connection, transaction(connection):
        rows = [(3, f"{number:03}.json", outcome) for number, outcome in enumerate(outcomes)]
        connection.executemany("INSERT INTO outcomes (run, path, outcome) VALUES (?, ?, ?)", rows)


async def test_a_run_chosen_in_the_list_shows_its_files(engine: Engine) -> None:
    fill_outcomes(engine, ["published"])
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6", "enter")
        await until(pilot, lambda: "000.json" in page(app))


async def test_the_files_of_a_run_begin_with_the_failed_ones(engine: Engine) -> None:
    fill_outcomes(engine, [*["published"] * 300, "failed"])
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        app.post_message(OverviewRead(overview()))
        await pilot.press("6", "enter")
        await until(pilot, lambda: "✓ published" in page(app))
        lines = [line for line in shown(app) if ".json" in line]
        assert "✗ failed" in lines[0] and "300.json" in lines[0] and "000.json" in lines[1]
