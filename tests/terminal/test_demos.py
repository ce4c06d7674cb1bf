"""The demos of the widgets in a real terminal: they end when it goes away."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.terminal.screen import Terminal
from tests.widgets.test_demos import SHOWS

NOHUP = "import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"


def demo(name: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"widgets.{name}"]


@pytest.mark.parametrize("name", [*SHOWS, "logs"])
def test_the_terminal_goes_away_under_nohup(tmp_path: Path, name: str) -> None:
    """SIGHUP ignored: Textual alone would spin on end of file for ever."""
    with Terminal(tmp_path, size=(100, 30), argv=[sys.executable, "-c", NOHUP, *demo(name)]) as t:
        t.wait(SHOWS.get(name, "/ find"))
        t.hang_up()
        assert t.ended(10) == 129


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_signals(tmp_path: Path, number: int, status: int) -> None:
    with Terminal(tmp_path, size=(100, 30), argv=demo("overview")) as t:
        t.wait(SHOWS["overview"])
        t.signal(number)
        assert t.ended(10) == status
        assert t.left_clean()
