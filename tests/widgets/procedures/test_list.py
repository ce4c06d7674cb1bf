"""The list of the Procedures pane: what comes first, filters, what is asked for, hostile text, small screens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.engine.procedures.load import Library
from console.engine.procedures.session import Event
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.procedures import ProceduresPane
from widgets.procedures.messages import ActWanted, OpenWanted, ReadWanted, StartWanted
from widgets.procedures.words import Standing
from widgets.samples_procedures import BEGUN, sample_library, sample_procedure, sample_session, sample_suggestions

DONE = sample_session((Event.ABANDONED, "stop", {"reason": "it was nothing"}))


def fill(app: Host) -> ProceduresPane:
    pane = app.query_one(ProceduresPane)
    pane.show(sample_library(), [sample_session(*BEGUN), DONE], sample_suggestions())
    app.screen.set_focus(pane.table)
    return pane


async def test_what_is_suggested_comes_first_then_what_is_open_then_all_then_what_does_not_load() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 22), message_hook=app.hook) as pilot:
        fill(app)
        await until(pilot, lambda: "▸! now" in page(app))
        lines = shown(app)
        order = [
            "Suggested now  1",
            "run 436f (migrate) is failed",
            "On their way  1",
            "▶ 3/8",
            "Not loaded  1",
            "✗ broken",
        ]
        order += ["All procedures  1", "Ended  1", "– left"]
        places = [next(at for at, line in enumerate(lines) if text in line) for text in order]
        assert places == sorted(places)
        assert "run = 20260304T130200Z-migrate-436f" in page(app)  # what it would begin with
        await pilot.press("enter")
        (start,) = app.of(StartWanted)
        assert (start.name, start.values) == ("rollback-failed", {"run": "20260304T130200Z-migrate-436f"})
        await pilot.press("down")  # headings are stepped over
        await until(pilot, lambda: "last ann" in page(app) or "last bob" in page(app))
        await pilot.press("enter")
        assert app.of(OpenWanted)[-1].session.endswith("7f3a")
        await pilot.press("down")
        await until(pilot, lambda: "step a: checks[0].probe" in page(app))
        await pilot.press("enter")  # nothing can be begun of what does not load
        assert len(app.of(StartWanted)) == 1
        await pilot.press("down", "v")
        assert app.of(ReadWanted)[-1].name == "rollback-failed"
        await pilot.press("up")
        await until(pilot, lambda: "▸✗ broken" in page(app))
        await pilot.press("home")
        await until(pilot, lambda: "▸! now" in page(app))


async def test_the_cursor_stays_where_it_is_when_the_list_is_read_again() -> None:
    """Also on the second of two rows of one procedure: it is suggested, and one of all."""
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 22)) as pilot:
        pane = fill(app)
        await pilot.press("down", "down", "down")
        await pilot.pause()
        row = pane.row
        assert row is not None and row.kind == "start" and not row.values
        fill(app)
        assert pane.row == row


async def test_a_filter_leaves_what_fits_and_the_cursor_stays_on_its_row() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 22)) as pilot:
        pane = fill(app)
        pane.filter = "disk"
        await until(pilot, lambda: "no procedure matches 'disk'" in page(app))
        pane.filter = "own"
        await until(pilot, lambda: "Not loaded  1 of 1" in page(app) and "Suggested" not in page(app))
        assert pane.row is not None and pane.row.kind == "broken"
        assert pane.back() and not pane.back()
        await until(pilot, lambda: "Suggested now" in page(app))
        assert pane.row is not None and pane.row.kind == "broken"


async def test_read_only_begins_nothing() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 22), message_hook=app.hook) as pilot:
        fill(app).read_only = True
        await until(pilot, lambda: "Enter: read all steps" in page(app))
        await pilot.press("enter")
        assert app.of(ReadWanted) and not app.of(StartWanted)


async def test_esc_leaves_a_session_and_nothing_else() -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=(80, 22), message_hook=app.hook) as pilot:
        pane = fill(app)
        pane.show_session(Standing(sample_session(*BEGUN)), keys=True)
        await until(pilot, lambda: "step 3 of 8" in page(app))
        assert not hasattr(pane, "filter")  # `/` says so
        assert pane.back()
        await pilot.pause()
        assert app.of(ActWanted)[-1].what == "leave"
        pane.show_session(None)
        await until(pilot, lambda: "▸! now" in page(app))
        assert not pane.back()


@pytest.mark.parametrize(
    ("size", "texts"),
    [
        ((80, 22), HOSTILE[3:6]),
        *(pytest.param(size, HOSTILE, marks=pytest.mark.soak) for size in ((80, 22), (60, 17), (30, 9), (140, 40))),
    ],
)
async def test_hostile_text_is_text(size: tuple[int, int], texts: tuple[str, ...]) -> None:
    app = Host(ProceduresPane)
    async with app.run_test(size=size) as pilot:
        pane = fill(app)
        for text in texts:
            procedure = replace(sample_procedure(), title=text, about=text, symptoms=(text,), name=text)
            session = sample_session(*BEGUN, procedure=procedure)
            session.values["run"] = text
            led = [replace(sample_suggestions()[0], procedure=procedure, why=text, values={"run": text})]
            pane.show(Library({text: procedure}, {text: (text, text)}), [session], led)
            await pilot.press("home", "down", "down", "down", "end")
            assert links(app) == [] and "\x1b" not in page(app)
        pane.failed(HOSTILE[4])
        await until(pilot, lambda: "[@click=app.quit]" in page(app) or size[0] < 40)
        assert links(app) == []
