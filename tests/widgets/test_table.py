"""VirtualTable: what is on the screen and nothing else."""

from __future__ import annotations

from time import process_time

import pytest

from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.table import Column, VirtualTable

COLUMNS = [Column("number", 9, "right"), Column("name", cut="middle"), Column("extra", 8, from_width=100)]


def table() -> VirtualTable:
    return VirtualTable(COLUMNS, empty="put files in")


async def test_an_empty_one_says_what_fills_it() -> None:
    async with Host(table).run_test(size=(60, 6)) as pilot:
        assert "put files in" in page(pilot.app)


async def test_keys_move_the_cursor_and_the_view_follows() -> None:
    app = Host(table)
    async with app.run_test(size=(60, 7), message_hook=app.hook) as pilot:
        widget = app.query_one(VirtualTable)
        widget.rows = [(f"{n}", f"row {n}") for n in range(100)]
        widget.focus()
        await pilot.press("down", "pagedown", "j")
        assert widget.cursor == 8
        await pilot.pause()
        assert "▸" in next(line for line in shown(app) if "row 8" in line)
        await pilot.press("end")
        await until(pilot, lambda: "row 99" in page(app))
        assert shown(app)[0].split()[:2] == ["number", "name"]
        await pilot.press("enter")
        await pilot.pause()
        assert [message.index for message in app.of(VirtualTable.Chosen)] == [99]
        assert app.of(VirtualTable.NearEnd)


async def test_a_hundred_thousand_rows_cost_no_more_than_the_screen() -> None:
    app = Host(table)
    async with app.run_test(size=(80, 24)) as pilot:
        widget = app.query_one(VirtualTable)
        rows = [(f"{n}", f"row {n}") for n in range(100_000)]
        before = process_time()
        widget.rows = rows
        await pilot.pause()
        widget.cursor = 99_999
        await until(pilot, lambda: "row 99999" in page(app))
        assert process_time() - before < 1.0


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_shown_and_never_acts(text: str) -> None:
    app = Host(table)
    async with app.run_test(size=(100, 6)) as pilot:
        app.query_one(VirtualTable).rows = [(text, text, (text, "bad"))] * 3
        await pilot.pause()
        seen = page(app)
        assert not any(ord(character) < 0x20 and character != "\n" for character in seen)
        assert "\x9b" not in seen and "\u202e" not in seen
        assert links(app) == [] and app.is_running


async def test_a_narrow_table_leaves_columns_out() -> None:
    app = Host(table)
    async with app.run_test(size=(60, 6)) as pilot:
        app.query_one(VirtualTable).rows = [("1", "name", "EXTRA")]
        await pilot.pause()
        assert "EXTRA" not in page(app)
        await pilot.resize_terminal(120, 6)
        await until(pilot, lambda: "EXTRA" in page(app))
