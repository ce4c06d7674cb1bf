"""The State pane alone: a million rows, groups, one file, and where keys lead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from textual.app import App
from textual.widgets import Input

from console.engine.model import FileStatus
from console.engine.observe.files_explain import Explanation, Step
from console.engine.observe.files_list import FileRow
from console.engine.observe.files_record import Field, RecordView
from console.engine.observe.files_waiting import OnDisk
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.samples import sample_causes, sample_file
from widgets.state import FileLook, Scope, StatePane, messages
from widgets.state.detail import file_lines
from widgets.state.rows import BLOCK
from widgets.state.words import age


class Many:
    """A list of so many files."""

    def __init__(self, count: int, status: FileStatus = FileStatus.PROCESSED, name: str = "") -> None:
        self.count, self.complete, self._status, self._name = count, True, status, name
        self.first: tuple[FileRow, ...] = tuple(self.rows(0, BLOCK))

    def rows(self, start: int, number: int) -> list[FileRow]:
        return [sample_file(at, self._status, self._name) for at in range(start, min(start + number, self.count))]


class Fed(Host):
    """Answers as the console does."""

    def __init__(self, listing: Many | None = None) -> None:
        super().__init__(StatePane)
        self.listing = listing or Many(1_000_000)
        self.scopes: list[Scope] = []
        self.held = False

    @property
    def pane(self) -> StatePane:
        return self.query_one(StatePane)

    def on_state_pane_listing_wanted(self, message: messages.ListingWanted) -> None:
        self.scopes.append(message.scope)
        self.pane.show_listing(message.scope, self.listing)

    def on_state_pane_rows_wanted(self, message: messages.RowsWanted) -> None:
        if not self.held:
            rows = message.listing.rows(message.start, message.number)
            self.pane.show_rows(message.listing, message.start, rows)

    def on_state_pane_groups_wanted(self, message: messages.GroupsWanted) -> None:
        self.pane.show_groups(message.view, sample_causes() if message.view == "causes" else [])

    def on_state_pane_look_wanted(self, message: messages.LookWanted) -> None:
        told = Explanation(message.path, FileStatus.FAILED, True, (Step("Is it there?", "yes"),), "deliver it again")
        self.pane.show_look(FileLook(message.path, told))


def cursor(app: App[None]) -> str:
    """The line under the cursor."""
    return next((line for line in shown(app) if line.startswith("▸")), "")


async def test_a_million_rows_end_and_back() -> None:
    app = Fed()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "1,000,000 files" in page(app))
        app.query_one("#state-files").focus()
        await pilot.press("end")
        await until(pilot, lambda: "part-0999999" in cursor(app))
        await pilot.press("pageup")
        await until(pilot, lambda: "part-099997" in cursor(app) or "part-099998" in cursor(app))
        await pilot.press("home")
        await until(pilot, lambda: "part-0000000" in cursor(app))


async def test_rows_that_are_not_here_yet_are_dots_and_asked_for_once() -> None:
    app = Fed()
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await until(pilot, lambda: "1,000,000 files" in page(app))
        app.held = True
        app.query_one("#state-files").focus()
        await pilot.press("end")
        await until(pilot, lambda: cursor(app).strip().startswith("▸…"))
        await pilot.press("up", "down", "up")
        asked = [message.start for message in app.of(messages.RowsWanted)]
        assert asked.count(999_800) == 1
        await pilot.press("enter")  # no file is here to go into
        await pilot.pause()
        assert not app.of(messages.LookWanted)


async def test_from_failures_to_causes_to_a_file_and_back() -> None:
    app = Fed(Many(31_204, FileStatus.FAILED))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "31,204 files" in page(app))
        app.query_one("#state-files").focus()
        await pilot.press("c")
        await until(pilot, lambda: "date is missing" in page(app) and "3 causes" in page(app))
        assert "schema changed: funding_v1.json" in page(app) and "part-0000002.json" in page(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.scopes[-1] == Scope(cause="enum:source"))
        await pilot.press("enter")
        await until(pilot, lambda: "next: deliver it again" in page(app))
        assert app.pane.back() and app.pane.back()
        await until(pilot, lambda: "8,790" in cursor(app))
        assert app.pane.back()
        await until(pilot, lambda: app.scopes[-1] == Scope())
        assert not app.pane.back()


async def test_enter_before_the_rows_are_there_goes_deeper_when_they_come() -> None:
    class Slow(Fed):
        def on_state_pane_groups_wanted(self, message: messages.GroupsWanted) -> None:
            message.prevent_default()

    app = Slow(Many(5, FileStatus.FAILED))
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await until(pilot, lambda: "5 files" in page(app))
        app.query_one("#state-files").focus()
        await pilot.press("c", "enter", "enter")
        assert not app.of(messages.LookWanted)
        app.pane.show_groups("causes", sample_causes())
        await until(pilot, lambda: app.of(messages.LookWanted))
        assert app.scopes[-1] == Scope(cause="required:date")


async def test_nothing_is_said_of_a_filter_before_anybody_looked() -> None:
    class Slow(Fed):
        def on_state_pane_listing_wanted(self, message: messages.ListingWanted) -> None:
            message.prevent_default()
            self.scopes.append(message.scope)

    app, none = Slow(), Many(0)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.scopes and "looking…" in page(app))
        app.pane.show_listing(app.scopes[-1], none)
        await until(pilot, lambda: "the ledger knows no file yet" in page(app))
        app.pane.filter = "abc"
        await until(pilot, lambda: len(app.scopes) == 2 and "looking…" in page(app) and "0… files" in page(app))
        app.pane.show_listing(app.scopes[-1], Many(0))
        await until(pilot, lambda: "no path here holds 'abc'" in page(app) and "0 files" in page(app))


async def test_the_causes_by_mouse_alone() -> None:
    app = Fed(Many(40_012, FileStatus.FAILED))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "40,012 files" in page(app))
        await pilot.click("#state-by-cause")
        await until(pilot, lambda: "3 causes" in page(app))
        await pilot.click("#state-causes", offset=(10, 1))
        await until(pilot, lambda: app.scopes[-1].cause == "required:date")


async def test_status_order_and_what_only_the_disk_knows() -> None:
    app = Fed()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "1,000,000 files" in page(app))
        app.query_one("#state-files").focus()
        new = [sample_file(at, FileStatus.NEW) for at in range(3)]
        gone = [sample_file(4, FileStatus.MISSING, path=sample_file(1).path)]
        app.pane.disk = OnDisk((*new, *gone), {FileStatus.NEW: 9, FileStatus.MISSING: 1}, "2026-03-04T00:00:00Z")
        await until(pilot, lambda: "✗ missing" in page(app))  # the ledger says processed, the disk knows better
        await pilot.press("s", "down")
        await until(pilot, lambda: "failed, and nobody" in page(app))
        app.pane.show_counts({FileStatus.FAILED: 40_012})
        await until(pilot, lambda: "40,012" in cursor(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.scopes[-1].status == "failed")
        await pilot.press("o", "down", "down", "enter")
        await until(pilot, lambda: app.scopes[-1] == Scope(status="failed", order="at", descending=True))
        await pilot.press("s", *["down"] * 11, "enter")
        await until(pilot, lambda: "the first 3 of 9 files" in page(app))
        assert app.pane.back()
        await until(pilot, lambda: "1,000,000 files" in page(app))


async def test_a_filter_from_the_causes_lists_failed_files() -> None:
    app = Fed()
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one("#state-files").focus()
        await pilot.press("c")
        await until(pilot, lambda: "3 causes" in page(app))
        app.pane.filter = "sff"
        await until(pilot, lambda: app.scopes[-1] == Scope(status="failed", filter="sff"))
        assert app.pane.back() and app.pane.filter == ""
        await until(pilot, lambda: app.scopes[-1] == Scope(status="failed"))
        assert app.pane.back()
        await until(pilot, lambda: "3 causes" in page(app))


async def test_an_answer_that_nobody_wants_any_more_changes_nothing() -> None:
    app = Fed()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "1,000,000 files" in page(app))
        app.pane.show_listing(Scope(filter="old"), Many(3))
        app.pane.show_rows(Many(5), 0, [])
        await pilot.pause()
        assert "1,000,000 files" in page(app) and "part-0000000" in page(app)


@pytest.mark.parametrize(
    ("keys", "message", "meant"),
    [
        (("r",), messages.ReprocessWanted, ("", 77)),
        (("c", "A"), messages.AcceptWanted, ("required:date", 31_204)),
        (("c", "down", "e"), messages.ExportWanted, ("enum:source", 8_790)),
    ],
)
async def test_what_an_action_is_about(keys: tuple[str, ...], message: type, meant: tuple[str, int]) -> None:
    app = Fed(Many(77, FileStatus.FAILED))
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await until(pilot, lambda: "77 files" in page(app))
        app.query_one("#state-files").focus()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: app.of(message))
        said = app.of(message)[-1]
        assert (said.scope.cause, said.files) == meant and said.path == ""


async def test_a_wide_terminal_shows_the_file_beside_the_list() -> None:
    app = Fed()
    async with app.run_test(size=(150, 40)) as pilot:
        await until(pilot, lambda: "next: deliver it again" in page(app))
        app.pane.prefix = "data/raw/funding_sources/"
        app.query_one("#state-files").focus()
        await pilot.press("down")
        await until(pilot, lambda: page(app).count("part-0000001.json") == 2)


@pytest.mark.parametrize("text", HOSTILE)
async def test_nothing_in_data_acts(text: str) -> None:
    app = Fed(Many(3, FileStatus.FAILED, f"data/raw/s/{text}"))
    async with app.run_test(size=(150, 40)) as pilot:
        group = sample_causes()[0]
        pane = app.pane
        pane.show_groups("causes", [type(group)(text, text, 1, 1, 1, 1, 0, text, text, (text,) * 3, text)])
        fields = (Field(text, text, text, text), Field(text, text))
        record = RecordView(1, 2, fields, (Field("", text, text, text),), ((1, text), (2, text)), text)
        told = Explanation(text, FileStatus.FAILED, True, (Step(text, text),), text)
        await until(pilot, lambda: "3 files" in page(app))
        app.query_one("#state-files").focus()
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("escape", "enter")
        pane.show_file(text)
        await pilot.pause()
        pane.show_look(FileLook(text, told, None, (record,)))
        await pilot.pause()
        assert "Record 1, line 2" in page(app) or len(text) > 999  # then it is further down
        pane.filter = text
        await pilot.pause()
        assert not links(app)
        assert all(line.replace("\u00a0", " ").isprintable() for line in shown(app))


async def test_typing_in_a_field_is_no_key_of_the_pane() -> None:
    app = Fed()
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        await until(pilot, lambda: "1,000,000 files" in page(app))
        await app.mount(Input(id="other"))
        app.query_one(Input).focus()
        await pilot.press("c", "A", "r")
        assert app.query_one(Input).value == "cAr" and not app.of(messages.AcceptWanted)


def test_ages() -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    for text, said in (
        ("2026-03-03T23:59:30Z", "30 s"),
        ("2026-03-03T23:10:00Z", "50 m"),
        ("2026-03-02T00:00:00Z", "2 d"),
        ("2026-02-01T00:00:00Z", "4 w"),
        ("2025-03-04T00:00:00Z", "11 mo"),
        ("2020-01-01T00:00:00Z", "6 y"),
        ("2027-03-04T00:00:00Z", "0 s"),
        ("", "–"),
    ):
        assert age(text, now) == said and len(said) <= 5


@pytest.mark.parametrize("width", [40, 78, 120, 250])
def test_the_rule_stands_beside_the_field_where_there_is_room(width: int) -> None:
    field = Field("amount", "-5", "amount is below the minimum", "minimum: 0 · type: number")
    record = RecordView(17, 412, (field, Field("grant_id", '"G-1"')), (), ((412, "{"),), "")
    told = Explanation("p", FileStatus.FAILED, True, (), "")
    lines = [
        text.replace("\u00a0", " ")
        for text, _ in file_lines(FileLook("p", told, None, (record,)), width, None, datetime.now(UTC))
    ]
    assert all(len(line) <= width for line in lines if "rule" not in line)
    beside = [line for line in lines if "amount" in line and "minimum: 0" in line]
    assert bool(beside) == (width >= 66), lines
    assert "Record 17, line 412" in lines and any("minimum: 0" in line for line in lines)
