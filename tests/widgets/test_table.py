"""VirtualTable: what is on the screen and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time
from typing import Any, overload

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


class Counted(Sequence[Sequence[str]]):
    """Rows that become more, or fewer."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> Sequence[str]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[str]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return (f"{index}", f"row {index}")


@pytest.mark.parametrize(
    ("had", "has", "at"),
    [
        (50, 5000, 0),
        (50, 51, 49),
        (3, 50, 0),
        (50, 3, 0),
        (50, 3, 49),
        (5000, 90, 4999),
        (5000, 0, 7),
        (5, 6, 4),
        (2, 4, 0),
    ],
)
async def test_rows_that_become_more_or_fewer(had: int, has: int, at: int) -> None:
    app = Host(table)
    async with app.run_test(size=(60, 7)) as pilot:
        widget, rows = app.query_one(VirtualTable), Counted(had)
        widget.rows = rows
        await pilot.pause()
        widget.cursor = at
        await pilot.pause()
        rows.length = has
        widget.recount()
        await pilot.pause()
        so = (shown(app), widget.scroll_offset, widget.show_vertical_scrollbar, widget.cursor)
        bar = (widget.vertical_scrollbar.window_virtual_size, widget.vertical_scrollbar.position)
        widget.refresh(layout=True)
        await pilot.pause()
        assert so == (shown(app), widget.scroll_offset, widget.show_vertical_scrollbar, widget.cursor)
        assert widget.cursor == max(0, min(at, has - 1)) and len(widget.rows) == has
        if widget.show_vertical_scrollbar:
            assert bar == (has + 1, widget.scroll_offset.y)


async def test_rows_that_come_out_of_sight_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    app, drawn = Host(table), list[int]()
    line = VirtualTable.render_line
    monkeypatch.setattr(VirtualTable, "render_line", lambda self, y: drawn.append(y) or line(self, y))  # type: ignore[func-returns-value]
    async with app.run_test(size=(60, 7)) as pilot:
        widget, rows = app.query_one(VirtualTable), Counted(50)
        widget.rows = rows
        await until(pilot, lambda: "row 4" in page(app))
        await pilot.pause()
        drawn.clear()
        rows.length = 5000
        widget.recount()
        widget.empty = "something else"
        await until(pilot, lambda: widget.vertical_scrollbar.window_virtual_size == 5001)
        await pilot.pause()
        assert drawn == []
