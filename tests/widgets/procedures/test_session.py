"""A session in the Procedures pane: its steps with their signs, what each kind asks, keys, hostile text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from console.engine.procedures.model import Branch, Condition
from console.engine.procedures.session import Event, Session
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.procedures import ProceduresPane
from widgets.procedures.messages import ActWanted, OffersWanted
from widgets.procedures.words import Standing, evidence, paragraphs
from widgets.samples_procedures import BEGUN, RUNNING, sample_procedure, sample_session, seen

ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u2028-\u202e\u200b-\u200f\u2060-\u2069\ufeff\U000e0041\udcff]")


async def put(app: Host, pilot: Pilot[None], session: Session, **more: Any) -> ProceduresPane:
    pane = app.query_one(ProceduresPane)
    pane.show_session(Standing(session, **more), keys=True)
    await pilot.pause()
    await pilot.pause()
    return pane


def asked(app: Host) -> list[tuple[str, str]]:
    return [(each.what, each.text) for each in app.of(ActWanted)]


@pytest.mark.parametrize("size", [(80, 19), (120, 35)])
async def test_steps_have_signs_and_words_and_the_current_one_its_evidence(size: tuple[int, int]) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=size, message_hook=app.hook) as pilot:
        await put(app, pilot, sample_session(*BEGUN), command="opsconsole disk")
        text = page(app)
        assert "step 3 of 8" in text and "started" in text and "by bob" in text
        assert "✓  1 Stop processing" in text and "maintenance s" in text
        assert "▶  3 What holds now" in text and "   4 What to do about it" in text
        assert "✓ no other run is in progress   nobody holds the lock" in text
        assert "✗ room on the file system of each zone" in text and "2 % free on /data" in text
        assert "next: opsconsole verify" in text
        assert "The disk" in text and "needs room" in text.replace("needs\n      room", "needs room")
        assert "ann  note: the disk is being emptied by bob" in text or "bob  note: the disk" in text
        assert "$ opsconsole disk" in text and "Evidence 3" in text
        assert "[ Look l ]" in text and "[ Do it d ]" not in text  # there is nothing to do in a probe
        await pilot.press("l", "t", "n", "s", "o", "b", "h", "x", "r", "e", "enter")
        whats = ["look", "tick", "note", "skip", "override", "back", "hand-over", "abandon", "report", "evidence"]
        assert asked(app) == [(what, "") for what in [*whats, "tick"]]


async def test_overridden_skipped_and_what_is_awaited_are_said_in_words() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19), message_hook=app.hook) as pilot:
        pane = await put(app, pilot, sample_session(*RUNNING))
        text = page(app)
        assert "!  3 What holds now" in text and "overridden: room is made meanwhile" in text
        assert "✓  4 What to do about it" in text and "Take it back" in text
        assert "▶ run 9c1e is in progress" in text and "· first: nobody runs   not looked at yet" in text
        pane.view.moving("62 %  8/12")
        await until(pilot, lambda: "in progress: 62 %  8/12" in page(app))
        skipped = sample_session((Event.SKIPPED, "stop", {"reason": "nobody else is here", "to": "which"}))
        await put(app, pilot, skipped)
        assert "–  1 Stop processing" in page(app) and "skipped: nobody else is here" in page(app)


async def test_a_choice_shows_what_speaks_for_each_branch_and_enter_takes_one() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19), message_hook=app.hook) as pilot:
        looked = (
            *BEGUN,
            (Event.TICKED, "look", {"to": "how"}),
            (Event.LOOKED, "how", {"what": "Take it back", "seen": seen(("nobody runs", "fail", "bob does", False))}),
        )
        pane = await put(app, pilot, sample_session(*looked))
        assert "▸Take it back" in page(app) and "0 of 1 speak for it" in page(app)
        assert "· nobody runs   bob does" in page(app)  # it speaks against it, which is not wrong
        assert "next:" not in page(app)
        assert "[ Skip s ]" not in page(app) and "[ Override o ]" not in page(app)
        await pilot.press("down", "enter")
        assert asked(app) == [("choose", "Leave it as it is")]
        pane.view.working("choosing…")
        await until(pilot, lambda: "▶ choosing…" in page(app))
        pane.view.working("")
        pane.view.tell("✗ bob was faster")
        await until(pilot, lambda: "✗ bob was faster" in page(app) and "choosing" not in page(app))


@pytest.fixture
def which() -> Session:
    return sample_session(*BEGUN[:2])


async def test_an_input_narrows_its_offers_and_takes_the_one_that_is_meant(which: Session) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19), message_hook=app.hook) as pilot:
        pane = await put(app, pilot, which)
        assert [each.text for each in app.of(OffersWanted)] == [""]
        pane.view.show_offers("", [("run-a", "migrate"), ("run-b", "rollback")])
        await until(pilot, lambda: "run-b" in page(app))
        await pilot.press("enter")  # nothing was chosen: the first is not taken for it
        assert asked(app)[-1] == ("value", "")
        await pilot.press("down", "down", "enter")
        assert asked(app)[-1] == ("value", "run-b")
        await pilot.press(*"n-a")  # letters are text here
        assert app.of(OffersWanted)[-1].text == "n-a"
        pane.view.show_offers("n", [("old", "")])  # of before
        pane.view.show_offers("n-a", [("run-a", "migrate")])
        await until(pilot, lambda: "run-b" not in page(app))
        await pilot.press("enter")
        assert asked(app)[-1] == ("value", "run-a")
        await pilot.press(*"xyz", "enter")  # what is typed, where no offer is known for it
        assert asked(app)[-1] == ("value", "n-axyz")


async def test_what_was_typed_is_not_lost(which: Session) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19), message_hook=app.hook) as pilot:
        pane = await put(app, pilot, which)
        await pilot.press(*"436f")
        assert pane.back()  # Esc leaves the field
        await pilot.pause()
        assert asked(app) == [] and pane.view.typed == "436f"
        await pilot.press("n")
        assert asked(app) == [("note", "")]
        moved = sample_session(*BEGUN[:2], (Event.NOTE, "which", {"text": "bob was here"}))
        await put(app, pilot, moved)  # somebody wrote: the same step
        assert pane.view.typed == "436f"
        await put(app, pilot, sample_session())  # somebody went back, and on again
        assert "[ Do it d ]" in page(app)
        await put(app, pilot, which)
        assert pane.view.typed == "436f"
        await put(app, pilot, sample_session(*BEGUN))
        await put(app, pilot, sample_session(*BEGUN, (Event.BACK, "look", {"to": "which"})))
        assert pane.view.typed.endswith("-migrate-436f")  # it is a value by now


async def test_a_field_says_whether_there_is_anything_to_choose_from(which: Session) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19)) as pilot:
        pane = await put(app, pilot, which)
        assert "run: not known yet" in page(app) and "looking what there is…" in page(app)
        pane.view.show_offers("", [])
        await until(pilot, lambda: "none is known here: type it" in page(app))
        pane.view.show_offers("", [("run-a", "migrate")])
        await until(pilot, lambda: "type to narrow" in page(app))
        await pilot.press("down")
        await until(pilot, lambda: "●run-a" in page(app))
        ticked = (Event.TICKED, "look", {"to": "how"})
        await put(app, pilot, sample_session(*BEGUN, ticked))
        assert "●" not in page(app) and "▸Take it back" in page(app)  # an offer's sign is no branch's


async def test_read_only_shows_all_and_offers_nothing_that_writes(which: Session) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19), message_hook=app.hook) as pilot:
        pane = app.query_one(ProceduresPane)
        pane.read_only = True
        looked = {"checks": seen(("room", "warn", "some", True))}
        await put(app, pilot, sample_session(*BEGUN[:4]), seen=looked)
        assert "! room   some" in page(app)
        buttons = [line for line in shown(app) if "[ " in line]
        assert buttons == [" [ Look l ] [ Report r ] [ Evidence 1 e ]"]
        await pilot.press("t", "n", "s", "o", "b", "h", "x", "d", "enter")
        assert asked(app) == [] and "read-only" in page(app)
        await pilot.press("l", "e", "r")
        assert [what for what, _ in asked(app)] == ["look", "evidence", "report"]
        await put(app, pilot, which)
        assert not app.of(OffersWanted) and not pane.view.field.parent.display  # type: ignore[union-attr]


async def test_what_is_over_says_how_and_writes_nothing_more() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19), message_hook=app.hook) as pilot:
        gone = sample_session((Event.ABANDONED, "stop", {"reason": "it was nothing"}))
        await put(app, pilot, gone)
        assert "Abandoned" in page(app) and "it was nothing" in page(app)
        await pilot.press("t", "n", "d")
        assert asked(app) == [] and "this session is over: abandoned" in page(app)


async def test_the_current_step_is_in_view_however_many_there_are() -> None:
    lines = [f'[[step]]\nid = "s{n}"\nkind = "explain"\ntitle = "Step {n}"\ntext = "Text {n}"\n' for n in range(40)]
    many = sample_procedure('title = "Many"\nabout = "Many."\n' + "".join(lines), "many")
    events = [(Event.TICKED, f"s{n}", {"to": f"s{n + 1}"}) for n in range(30)]
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19)) as pilot:
        pane = await put(app, pilot, sample_session(*events, procedure=many))
        await until(pilot, lambda: "▶ 31 Step 30" in page(app) and "Text 30" in page(app))
        assert "✓ 30 Step 29" in page(app)  # and what is before it
        await pilot.press("pageup")
        await until(pilot, lambda: "▶ 31" not in page(app))
        pane.view.tell("said")  # whoever reads elsewhere is left there
        await pilot.pause()
        assert "▶ 31" not in page(app)
        await put(app, pilot, sample_session(*events, (Event.TICKED, "s30", {"to": "s31"}), procedure=many))
        await until(pilot, lambda: "▶ 32 Step 31" in page(app))


async def test_what_was_found_stays_in_view_where_it_needs_more_room_than_the_question() -> None:
    asked = ", ".join(f'{{ probe = "disk", text = "question {n}" }}' for n in range(3))
    before = "".join(
        f'[[step]]\nid = "s{n}"\nkind = "explain"\ntitle = "Step {n}"\ntext = "It is."\n' for n in range(8)
    )
    last = f'[[step]]\nid = "ask"\nkind = "manual"\ntitle = "The last"\ntext = "Do."\nafter = [{asked}]\n'
    asking = sample_procedure('title = "Ask"\nabout = "Ask."\n' + before + last, "ask")
    events = [(Event.TICKED, f"s{n}", {"to": f"s{n + 1}" if n < 7 else "ask"}) for n in range(8)]
    found = seen(*((f"question {n}", "warn", f"found {n} {'x' * 52}", n != 1) for n in range(3)))
    looked = (*events, (Event.LOOKED, "ask", {"what": "after", "seen": found}))
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 19)) as pilot:
        pane = await put(app, pilot, sample_session(*events, procedure=asking))
        assert "✓  1 Step 0" in page(app) and "question 2   not looked at yet" in page(app)
        await put(app, pilot, sample_session(*looked, procedure=asking))
        await until(pilot, lambda: "found 2" in page(app) and "a note   n: write it" in page(app))
        assert "▶  9 The last" in page(app)
        assert [line for line in shown(app) if "good enough" in line] == [" " * 10 + "good enough here"] * 2
        pane.view.tell("one line is less")
        await until(pilot, lambda: "one line is less" in page(app) and "a note   n: write it" in page(app))


def hostile(text: str) -> Session:
    """The text in everything that comes from outside."""
    asked = Condition("disk", text)
    steps = [
        replace(step, title=text, text=text, before=(asked,), after=(asked,), checks=(asked,))
        for step in sample_procedure().steps
    ]
    steps[3] = replace(steps[3], branches=(Branch(text, "back", (asked,)), Branch("b", "tell")))
    steps[5] = replace(steps[5], command=text)
    procedure = replace(sample_procedure(), title=text, about=text, steps=tuple(steps))
    said = seen((text, "fail", text, False), (text, "warn", text, True))
    session = sample_session(
        (Event.LOOKED, "stop", {"what": "before", "seen": said}),
        (Event.LOOKED, "stop", {"what": "after", "seen": said}),
        (Event.DID, "stop", {"command": text, "message": text}),
        (Event.RUN, "stop", {"run": text, "command": text}),
        (Event.RAN, "stop", {"run": text, "status": "failed", "message": text}),
        (Event.COMMAND, "stop", {"command": text, "status": 1, "output": text}),
        (Event.NOTE, "stop", {"text": text}),
        (Event.HANDED_OVER, "stop", {"note": text}),
        procedure=procedure,
    )
    session.started_by, session.kept_beside, session.trouble = text, text, text
    session.values["run"] = text
    for entry in session.entries:
        object.__setattr__(entry, "by", text)
        object.__setattr__(entry, "terminal", text)
    return session


ALL = " ".join(each for each in HOSTILE if len(each) < 200)


@pytest.mark.parametrize(
    ("size", "texts"),
    [
        ((80, 19), (ALL,)),
        *(
            pytest.param(size, (*HOSTILE, ALL), marks=pytest.mark.soak)
            for size in ((80, 19), (60, 15), (24, 9), (140, 40))
        ),
    ],
)
async def test_hostile_text_is_text_in_every_kind_of_step(size: tuple[int, int], texts: tuple[str, ...]) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=size) as pilot:
        for text in texts:
            session = hostile(text)
            for step in session.procedure.steps[:7]:
                session.step = step
                session.entered = step.id
                pane = await put(app, pilot, session, command=text)
                pane.view.tell(text)
                pane.view.moving(text)
                if step.kind == "input":
                    pane.view.show_offers(pane.view.typed, [(text, text)])
                await pilot.pause()
                assert links(app) == [] and not ACTS.search(page(app)), ascii(ACTS.search(page(app)))
            assert all(len(rows) == 2 for rows in evidence(session, None, pane.now()))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("one\ntwo", ["one two"]),
        ("one\n\ntwo\nthree", ["one", "", "two three"]),
        ("list:\n- a\n- b\n1. c", ["list:", "- a", "- b", "1. c"]),
    ],
)
def test_paragraphs(text: str, wanted: list[str]) -> None:
    assert paragraphs(text) == wanted
