"""Buttons in a row that breaks where it has no room."""

from __future__ import annotations

import pytest

from tests.widgets.hosting import Host, shown
from widgets.push import Push, PushRow


def row() -> PushRow:
    return PushRow(Push("Cancel"), Push("Options", hint="o"), Push("Gone", id="gone"), Push("Migrate 52 files"))


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (60, ["[ Cancel ] [ Options o ] [ Migrate 52 files ]"]),
        (45, ["[ Cancel ] [ Options o ] [ Migrate 52 files ]"]),
        (44, ["[ Cancel ] [ Options o ]", "[ Migrate 52 files ]"]),
        (22, ["[ Cancel ]", "[ Options o ]", "[ Migrate 52 files ]"]),
    ],
)
async def test_it_breaks_and_keeps_to_the_right(width: int, lines: list[str]) -> None:
    app = Host(row)
    async with app.run_test(size=(width, 6)) as pilot:
        app.query_one("#gone").display = False
        await pilot.pause()
        assert [line for line in shown(app) if line] == [line.rjust(width) for line in lines]
