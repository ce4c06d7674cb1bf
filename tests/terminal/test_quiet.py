"""What the console costs: nothing when nothing happens, little when something does, and it is there at once."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.terminal.screen import Terminal

IDLE_SECONDS = 1.5  # the watcher looks every second

MINIMAL = Path(__file__).parents[1] / "benchmarks/same_widgets_app.py"


def until_quiet(t: Terminal) -> None:
    """Until nothing came for a second."""
    while t.pump(1.0):
        continue


def test_idle_sends_nothing(sample: Path) -> None:
    """What it costs is measured by `make bench` (console)."""
    with Terminal(sample, size=(120, 40)) as t:
        t.wait("19 new")
        until_quiet(t)
        for pane in ("1", "2", "3", "4", "6", "7", "enter"):  # the last in a session of the first procedure
            t.press(pane)
            if pane == "7":
                t.wait("All procedures")
            elif pane == "enter":
                t.wait("step 1 of")
            for _ in range(4):
                until_quiet(t)
                shown = t.lines
                sent = t.pump(IDLE_SECONDS)
                if t.lines == shown:
                    break  # neither the minute nor the room on the disk has changed meanwhile
            assert sent == b"" and t.lines == shown, pane


def first_frame(argv: list[str], root: Path) -> tuple[float, float]:
    """Seconds until the action buttons are on the screen, by the clock and of processor time."""
    begun = time.monotonic()
    with Terminal(root, argv=argv, env={"PYTHONDONTWRITEBYTECODE": ""}) as t:
        while "[ Rollback" not in t.page:
            assert t.ended(0) is None and time.monotonic() - begun < 60, t.page
            t.pump(0.002)
        return time.monotonic() - begun, t.cpu_seconds()


@pytest.mark.soak
def test_the_first_frame_comes_as_soon_as_textual_can(sample: Path) -> None:
    """By processor time: the clock's ratio is the same on a quiet machine and noise on a busy one."""
    console = [sys.executable, "-P", "-m", "console", "--root", str(sample)]
    minimal = [sys.executable, "-P", "-m", "tests.benchmarks.same_widgets_app"]
    ratios = []
    first_frame(console, sample)  # compiles what is not
    for _ in range(5):
        ours, theirs = first_frame(console, sample), first_frame(minimal, sample)
        ratios.append(ours[1] / theirs[1])
        print(f"{ours[0]:.3f} s, {ours[1]:.2f} s of cpu against {theirs[0]:.3f} s, {theirs[1]:.2f} s")
    assert sorted(ratios)[2] < 1.3
