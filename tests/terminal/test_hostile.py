"""Names and values that would act if anything interpreted them, through plan, run, log, panes and report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import make_workspace, valid_record
from tests.terminal.screen import Terminal

NAME = "[@click=app.quit]x\n\x1b]52;c;aGFja2Vk\x07\x9b31m\u202e\u200b\u2067日e\u0301[/].json"
VALUE = "[/]\x1b[2J\x1b]52;c;aGFja2Vk\x07[@click=app.action_quit_console]\x9b31m\u2028\u202e\ufeff\u200b"
# What a terminal would act on, as it would have to appear in the stream.
ACTS = (
    *(b"\x1b]52", b"]52;c;aGFja2Vk\x07", b"\x1b[2J", "\x9b".encode()),
    *(each.encode() for each in "\u202e\u2028\u200b\u2067\ufeff"),
)


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak)])
def test_nothing_acts(tmp_path: Path, size: tuple[int, int]) -> None:
    bad = {**valid_record(1), "date": VALUE, VALUE: VALUE}
    del bad[next(key for key in ("grant_id", "amount") if key in bad)]
    files = {f"src/good-{NAME}": [valid_record(2)], f"src/bad-{NAME}": [bad], f"src/{NAME[:-5]}.txt": "ignored"}
    root = make_workspace(tmp_path / "w[b]s", files)
    with Terminal(root, size=size) as t:
        t.wait("2 new")
        t.press("a", "m")
        t.wait("would fail")
        t.press("f")
        t.wait("files of the plan")
        t.wait("bad-[")
        t.press("enter")
        t.wait("␛]52;c;aGFja2Vk␇")
        t.press("q")
        t.gone("─ File ─")
        t.press("esc")
        t.gone("files of the plan")
        t.press("tab", "tab", "tab", "enter")
        t.wait("! partial", 30)
        t.wait("Enter: why and where")
        t.press("f")
        t.wait("failed: 1")
        t.press("enter")
        t.wait("Today")
        t.press("end")
        t.wait("aGFja2Vk")
        t.press("q", "r")
        t.wait("Workspace")
        for _ in range(6):
            t.press(" ")
            t.pump(0.2)
        t.press("q")
        t.gone("Workspace")
        t.press("2")
        t.wait("Migrate complete")
        t.press("3")
        t.wait("2 files")
        t.press("c")
        t.wait("is missing")
        t.press("enter", "enter")
        t.wait("Record 1")
        t.press("end")
        t.wait("History")
        t.press("e")
        t.wait("Export")
        t.press("tab", "enter")
        t.wait("lines in")
        t.press("/", *"[@click")
        t.wait("/[@click")
        t.press("esc")
        t.gone("/[@click")
        t.press("1")
        t.wait("nothing new")
        for row in range(1, size[1] + 1):  # a click on everything that can be seen
            for column in range(1, size[0] - 20, 7):
                t.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m".encode())
        t.pump(2.0)
        t.press("ctrl+q")
        status = t.ended(10)
        assert status == 0, t.page + t.raw[-3000:].decode(errors="replace")
        for bytes_ in ACTS:
            assert bytes_ not in t.raw, bytes_
