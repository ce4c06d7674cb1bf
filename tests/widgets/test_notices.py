"""Notices: one thing each, gone to by Tab and arrows, cut to fit, the same at every width; absences in two lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from textual.widgets import Button

from console.engine.model import RunStatus
from console.engine.observe.alerts import Alert, Cause, Level
from console.engine.observe.overview import Overview
from console.engine.observe.visits import Away
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.look import width_of
from widgets.overview import OverviewPane
from widgets.overview.notices import Notice, NoticeLine
from widgets.overview.words import alert_notices, away_notice
from widgets.samples import sample_run

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
OFFER = Alert("Another program has worked here", "no byte changes", Cause.ADOPTION, Level.OFFER)
WRITER = Alert("another program wrote the state file", "look for it", Cause.STATE_FILE)
QUIET = Alert("left alone: 3 files", "", Cause.OTHERS, Level.NOTE)


def away(**changes: Any) -> Away:
    base: dict[str, Any] = {
        "since": "2026-03-02T14:02:00.000000Z",
        "runs": 3,
        "statuses": ((RunStatus.FAILED, 1), (RunStatus.DONE, 2)),
        "published": 12,
        "by": ("ann", "timer"),
    }
    return Away(**{**base, **changes})


def pane(*alerts: Alert, runs: int = 3, **attributes: Any) -> OverviewPane:
    widget = OverviewPane()
    widget.zone = UTC
    widget.overview = Overview(
        "x", "h", "/", True, runs=tuple(sample_run(seq) for seq in range(runs, 0, -1)), alerts=alerts
    )
    for name, value in attributes.items():
        setattr(widget, name, value)
    return widget


def text(notice: Notice, room: int = 66) -> list[str]:
    return ["".join(cell if isinstance(cell, str) else cell[0] for cell in row) for row in notice.rows(room)]


def test_an_absence_is_told_in_two_lines_at_most() -> None:
    said = text(away_notice(away(), UTC, NOW))
    assert " ".join(" ".join(said).split()) == (
        "! Since you were here (Mon 14:02): 3 runs, 2 done, 1 failed; 12 files published; by ann, timer Enter: Runs"
    )
    run = sample_run(3, who={"login": "ann"})
    long = away_notice(away(published=123_456, failed=9_999, adopted=400_000, state_file=run), UTC, NOW)
    assert len(text(long)) == 2 and all(width_of(line) <= 66 for line in text(long))
    calm = away_notice(away(statuses=((RunStatus.DONE, 1),), runs=1, state_file=run), UTC, NOW)
    assert calm.sign == "●" and "1 run, done; 12 files published; state file written by ann's migrate" in calm.text


def test_a_time_ends_the_text_in_local_words() -> None:
    alert = Alert("given back by bob", "", Cause.LEFT, at="2026-03-04T14:02:00.000000Z")
    assert text(alert_notices([alert], UTC, NOW)[0])[0].startswith("! given back by bob 14:02   Enter: ")


@pytest.mark.parametrize("room", [40, 66, 106])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_line_is_wider_than_its_room(hostile: str, room: int) -> None:
    for notice in alert_notices([Alert(hostile * 9, hostile * 9, Cause.FAILING)], UTC, NOW):
        assert all(width_of(line) <= room for line in text(notice, room))


async def test_arrows_go_through_the_lists_and_down_to_the_runs() -> None:
    app = Host(lambda: pane(OFFER, WRITER, QUIET))
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await pilot.pause()
        app.query_one("#recent").focus()
        await pilot.press("up")
        assert isinstance(app.focused, NoticeLine) and app.focused.notice.about == QUIET
        for expected in (WRITER, OFFER, OFFER):  # above the first there is nothing
            await pilot.press("up")
            await pilot.pause()
            assert isinstance(app.focused, NoticeLine) and app.focused.notice.about == expected
        assert "▸Found here" in page(app)
        await pilot.press("enter", "down")
        await pilot.pause()
        await pilot.press("space", "down", "down")
        await until(pilot, lambda: app.focused is app.query_one("#recent"))
        assert [message.alert for message in app.of(OverviewPane.AlertChosen)] == [OFFER, WRITER]


async def test_what_enter_does_on_an_absence() -> None:
    app = Host(lambda: pane(away=away()))
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await pilot.pause()
        app.query_one(NoticeLine).focus()
        await pilot.press("enter")
        await pilot.pause()
        assert len(app.of(OverviewPane.AwayChosen)) == 1


async def test_an_offer_gets_the_focus_only_where_there_is_nothing_else_to_go_into() -> None:
    for runs, expected in ((0, True), (3, False)):
        app = Host(lambda runs=runs: pane(OFFER, runs=runs))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            app.query_one("#recent").focus()
            await pilot.pause()
            app.query_one(OverviewPane).focus_offer()
            await pilot.pause()
            assert isinstance(app.focused, NoticeLine) is expected


async def test_alerts_come_and_go_and_the_focus_stays() -> None:
    app = Host(lambda: pane(WRITER, QUIET))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        widget = app.query_one(OverviewPane)
        list(app.query(NoticeLine))[1].focus()
        widget.overview = pane(Alert("another one", "", Cause.FAILING), WRITER, QUIET).overview
        widget.update()
        await pilot.pause()
        assert [line.notice.label for line in app.query(NoticeLine)] == ["Alerts", "", "To know"]
        assert isinstance(app.focused, NoticeLine) and app.focused.notice.about == WRITER
        widget.overview = pane().overview
        widget.update()
        await pilot.pause()
        assert not app.query(NoticeLine) and "Alerts" not in page(app)


@pytest.mark.parametrize("width", [80, 120])
async def test_kinds_stand_apart_where_there_is_room_and_nothing_is_left_blank_twice(width: int) -> None:
    app = Host(lambda: pane(WRITER, QUIET, away=away()))
    async with app.run_test(size=(width, 34)) as pilot:
        await pilot.pause()
        lines = shown(app)
        end = next(number for number, line in enumerate(lines) if "started" in line)
        assert not any(not lines[at] and not lines[at + 1] for at in range(end)), page(app)
        at = next(number for number, line in enumerate(lines) if "To know" in line)
        assert lines[at - 1] == ""


async def test_hostile_alerts_are_text_with_and_without_the_focus() -> None:
    alerts = [Alert(each, each, Cause.STATE_FILE) for each in HOSTILE[:4]]
    app = Host(lambda: pane(OFFER, *alerts))
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        for line in app.query(NoticeLine):
            line.focus()
            await pilot.pause()
            assert links(app) == [] and not any(ord(character) < 0x20 for text in shown(app) for character in text)
        assert not app.query(Button)
