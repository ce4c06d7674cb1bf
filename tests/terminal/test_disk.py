"""The pane of disks in a real terminal: one scan from key to rows, names that would act, and who only looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.observe_disk.trees import grow
from tests.terminal.screen import Terminal
from tests.terminal.test_hostile import ACTS
from tests.widgets.hosting import HOSTILE


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak)])
def test_from_the_key_to_the_largest_folder_and_again_at_the_next_visit(sample: Path, size: tuple[int, int]) -> None:
    (sample / ".opsconsole").mkdir()
    with Terminal(sample, size=size) as t:
        t.wait("19 new")
        t.press("4")
        t.wait("scanned")
        t.wait("Next migrate  ✓ needs")
        assert "▐4 Disk▌" in t.lines[1] and "all zones" in t.page and "not enough history yet" in t.page
        t.press("enter")
        t.wait("raw/")
        t.press("enter", "enter")
        t.wait("sff/")
        before = t.page
        t.press("s", "s")
        t.wait("by name")
        assert t.page != before
        t.press("/")
        t.wait("part of what is shown")
        t.press("s", "f", "f")
        t.gone("beri/")
        t.press("esc")
        t.wait("beri/")
        t.press("esc", "esc", "esc")
        t.wait("config/")
        t.press("ctrl+q")
        assert t.ended(10) == 0 and t.left_clean()
    (sample / "data" / "grown").write_bytes(b"x" * 50_000_000)
    with Terminal(sample, size=size) as t:
        t.wait("19 new")
        t.press("4")
        t.wait("scanned")
        t.press("r")
        t.wait("51 MB")


def test_nothing_acts(sample: Path) -> None:
    grow(sample)
    with Terminal(sample, size=(120, 40)) as t:
        t.wait("19 new")
        t.press("4")
        t.wait("scanned")
        t.press("/")
        t.wait("part of what is shown")
        t.press(*"hostile")
        t.gone("logs/")
        t.press("enter")
        t.gone("part of what is shown")
        t.press("enter")
        t.wait("[@click=app.boom]click me")
        for _ in HOSTILE:
            t.press("enter")
            t.pump(0.1)
            t.press("esc", "down")
        t.pump(0.5)
        for row in range(1, 41):
            for column in range(1, 90, 9):
                t.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m".encode())
        t.pump(1.0)
        t.press("ctrl+q")
        assert t.ended(10) == 0
        for bytes_ in ACTS:
            assert bytes_ not in t.raw, bytes_


def test_who_only_looks_leaves_nothing(sample: Path) -> None:
    (sample / ".opsconsole").mkdir()
    with Terminal(sample, "--read-only") as t:
        t.wait("READ-ONLY")
        t.press("4")
        t.wait("scanned")
        t.press("p")
        t.wait("read-only, it can change")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert os.listdir(sample / ".opsconsole") == []
