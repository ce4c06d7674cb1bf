"""The overview at both sizes, empty, broken and full."""

from __future__ import annotations

import re
from typing import Any

import pytest

from console.engine.model import RunStatus
from console.engine.observe.disk import ZoneDisk
from console.engine.observe.overview import Alert, Overview
from console.engine.observe.trends import Trends
from tests.widgets.hosting import HOSTILE, Host, links, page, shown
from widgets.overview import OverviewPane
from widgets.samples import sample_plan, sample_run, sample_trends

DISK = ZoneDisk(("raw", "validated"), "/srv", "ext4", 100, 38, 212_000_000_000, 0, -1, 38.0)


def seen(**changes: Any) -> Overview:
    runs = tuple(sample_run(seq) for seq in range(9, 0, -1))
    base: dict[str, Any] = {"last_run": runs[0], "runs": runs}
    return Overview("PROD", "db7", "/srv", True, **{**base, **changes})


def pane(**attributes: Any) -> OverviewPane:
    widget = OverviewPane()
    for name, value in attributes.items():
        setattr(widget, name, value)
    return widget


async def screen(widget: OverviewPane, width: int = 80, height: int = 19) -> str:
    app = Host(lambda: widget)
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        return page(app)


@pytest.mark.parametrize("width", [80, 120])
async def test_everything_is_there(width: int) -> None:
    alerts = (Alert("the state file was changed by somebody else", "`opsconsole doctor` says what is different"),)
    said = await screen(pane(overview=seen(alerts=alerts), waiting=sample_plan(), disks=[DISK]), width)
    for word in ("34 new", "18 changed", "41 failing", "1,204 unchanged", "! partial", "40 published", "37 failed"):
        assert word in said, said
    for word in ("by ann", "! the state file was changed", "opsconsole doctor", "38 % used", "212 GB free", "migrate"):
        assert word in said, said


async def test_while_it_looks() -> None:
    assert "looking…" in await screen(pane())


async def test_an_empty_workspace_says_what_fills_it() -> None:
    plan = sample_plan(0)
    plan.counts = {}
    said = await screen(pane(overview=Overview("x", "h", "/", False), waiting=plan))
    assert "no data files in the raw zone yet" in said and "source folders" in said
    assert "there is no ledger here yet" in said and "no run yet" in said


async def test_nothing_new_is_good_news() -> None:
    plan = sample_plan(0)
    plan.counts = {"unchanged": 40, "known_failed": 37}
    said = await screen(pane(overview=seen(), waiting=plan))
    assert "✓ nothing new" in said and "37 failing" in said


async def test_trouble_is_said_in_full() -> None:
    trouble = ["the configuration is wrong: unknown key", "file: config/console.toml", "key: zones.rw"]
    said = await screen(pane(trouble=trouble, waiting_note="not known: the configuration does not load"))
    assert "✗ the configuration is wrong" in said and "key: zones.rw" in said


async def test_many_alerts_leave_room_for_the_runs() -> None:
    alerts = tuple(Alert(f"alert {number} " + "long " * 20, "do this " * 10) for number in range(9))
    said = await screen(pane(overview=seen(alerts=alerts), waiting=sample_plan(), disks=[DISK]))
    assert "more   !: all of them" in said and "started" in said and "by ann" in said


@pytest.mark.parametrize(
    ("width", "height", "alerts", "lines"), [(80, 19, 0, 4), (120, 35, 2, 4), (80, 19, 1, 2), (80, 19, 6, 0)]
)
async def test_two_weeks_in_as_many_lines_as_fit(width: int, height: int, alerts: int, lines: int) -> None:
    found = tuple(Alert(f"alert {number}", "what helps: " + "words " * 9) for number in range(alerts))
    said = await screen(
        pane(overview=seen(alerts=found), waiting=sample_plan(), disks=[DISK], trends=sample_trends()), width, height
    )
    rows = said.splitlines()
    assert ("14 days" in said) == bool(lines), said
    assert len([row for row in rows if re.search(" [▁▂▃▄▅▆▇█·]{14} ", row)]) == lines, said
    if lines == 4:
        assert "▂▂·▂▂▂▂▁▂·▂█▂▂" in said and "at most 309" in said, said
        assert "10 % today" in said and "at most 48 %" in said and "22 ms today" in said, said
        assert "400 GB used" in said and "+20 GB in 13 days" in said, said
    elif lines == 2:
        assert " 36 " in said and "10 %" in said and "400 GB" in said, said
    assert all(len(row) <= width for row in rows)
    assert sum("migrate" in row for row in rows) >= 4  # the runs keep their room


async def test_without_two_days_there_is_no_trend() -> None:
    one = sample_trends()
    gap = (None,) * 13
    new = Trends(one.days, (*gap, 1.0), (*gap, 0.0), (*gap, 1.0), (*gap, 0.1), (*gap, 5.0))
    assert "days" not in await screen(pane(overview=seen(), trends=new), 120, 35)
    still = Trends(one.days, (0.0,) * 14, (0.0,) * 14, (0.0,) * 14, (None,) * 14, (None,) * 14)
    said = await screen(pane(overview=seen(), trends=still), 120, 35)  # it ran and found nothing
    assert "published  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁  0 today" in said and "per file" not in said and "disk" not in said


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text(text: str) -> None:
    run = sample_run(message=text, who={"login": text}, action=text)
    overview = seen(alerts=(Alert(text, text),), last_run=run, runs=(run,))
    app = Host(lambda: pane(overview=overview, waiting_note=text, trouble=[text], trends=sample_trends(text)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert not any(ord(character) < 0x20 for line in shown(app) for character in line)
        assert links(app) == [] and app.is_running


async def test_enter_on_a_run_goes_into_it() -> None:
    app = Host(lambda: pane(overview=seen(running=sample_run(9, RunStatus.RUNNING))))
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await pilot.pause()
        app.query_one("#recent").focus()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert [message.run.seq for message in app.of(OverviewPane.RunChosen)] == [8]
