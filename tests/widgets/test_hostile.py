"""Widgets without a test file of their own, and what is drawn of plans: hostile text is shown, nothing acts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC

import pytest
from textual.widget import Widget

from console.engine.actions.adopt.compare import Found
from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.leave.model import LeavePlan
from console.engine.actions.registry import Action
from console.engine.model import ActionParams, Check, GateItem
from console.engine.observe.logs import LogFile
from tests.widgets.hosting import HOSTILE, Host, links, page, until
from widgets.actionbar import ActionBar
from widgets.entry import Entry
from widgets.logs.chooser import LogChooser
from widgets.overview.notices import Notice, NoticeList
from widgets.pager import Pager
from widgets.plan import AdoptView, ChangeView, LeaveView
from widgets.push import Push
from widgets.tabs import TabLine

ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u2028-\u202e\u200b-\u200f\u2060-\u2069\ufeff\U000e0041\udcff]")
TEXTS = {"all": " ".join(text for text in HOSTILE if len(text) < 200), "long": "n" * 4096, "wide": "名" * 1365}


def pager(text: str) -> Widget:
    widget = Pager(f"# {text}\n{text}")
    widget.lines = [*widget.lines, (text, "bad")]
    return widget


def chooser(text: str) -> Widget:
    widget = LogChooser(list, UTC)
    widget.offer([LogFile(text, text, "other", run=text, mtime=1.0)] * 3, text)
    return widget


def bar(text: str) -> Widget:
    return ActionBar([Action("a", text[:30], "x", "f5", text), Action("b", "b", "b", "f6", "b")])


def changes(text: str) -> Widget:
    plan = ChangePlan("archive", ActionParams(), text, text, word=text)
    plan.facts, plan.undo = [(text[:20], text)], text
    plan.gate = [GateItem("lock", Check.FAIL, True, text, text)]
    plan.add(PlannedChange(text, "archive", text, 100), "archived")
    plan.leave(text, text)
    view = ChangeView()
    view.show(plan, text)
    return view


def adoption(text: str) -> Widget:
    plan = AdoptPlan(text, text, text, entries=5, about=5)
    plan.found, plan.examples, plan.other_examples = {Found.MISSING: 5}, {Found.MISSING: [(text, text)]}, [text]
    plan.other_files, plan.last_updated = 1, text
    plan.gate = [GateItem("lock", Check.FAIL, True, text, text)]
    view = AdoptView()
    view.show(plan, True, text)
    return view


def leave(text: str) -> Widget:
    view = LeaveView()
    view.show(LeavePlan(text, [text], [text], [text]), True, text)
    return view


BUILDS: list[Callable[[str], Widget]] = [
    pager,
    chooser,
    bar,
    changes,
    adoption,
    leave,
    lambda text: TabLine([("one", text[:30], 1), ("two", text[-9:], 2)], hint=text[:9]),
    lambda text: Push(text, hint="h"),
    lambda text: Entry(text, placeholder=text),
    lambda text: Entry("", placeholder=text),
    lambda text: NoticeList([Notice("Alerts", "!", "warn", text, text, text)] * 2),
]
NAMES = ["pager", "chooser", "bar", "changes", "adopt", "leave", "tabs", "push", "entry", "placeholder", "notices"]


@pytest.mark.parametrize("build", BUILDS, ids=NAMES)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_nothing_acts(build: Callable[[str], Widget], text: str) -> None:
    app = Host(lambda: build(text))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: any(start in page(app) for start in ("[@click", "[/]", "rtl", "nnn", "名")))
        for _ in range(2):
            assert not ACTS.search(page(app)), ascii(ACTS.search(page(app)))
            assert links(app) == [] and app.is_running
            await pilot.press("tab")
