"""Signals and lost terminals: the terminal is left clean, the exit status says why, the run goes on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import run_cli, valid_record, write_raw
from tests.support.hold import hold
from tests.terminal.screen import Terminal


def last_run(root: Path) -> tuple[str, str, int, int]:
    """Status, id, files done and files in all of the newest run."""
    connection = sqlite3.connect(f"file:{root}/.opsconsole/ledger.sqlite?mode=ro", uri=True, timeout=10)
    try:
        row = connection.execute("SELECT status, id, done_files, total_files FROM runs ORDER BY seq DESC").fetchone()
    finally:
        connection.close()
    return (str(row[0]), str(row[1]), int(row[2]), int(row[3]))


def until_status(root: Path, *wanted: str, seconds: float = 60) -> str:
    """Wait for the end of the newest run."""
    until = time.monotonic() + seconds
    while (status := last_run(root)[0]) not in wanted:
        assert time.monotonic() < until, f"still {status}"
        os.sched_yield()
    return status


@contextmanager
def held_run(t: Terminal, root: Path) -> Iterator[Callable[[], None]]:
    """Start a migrate and hold its process in the middle, however fast the machine; what is given lets it go on."""
    t.wait("6,000 new", 60)
    t.press("a", "m")
    t.wait("[ Migrate 6,000 files ]", 60)
    t.press("tab", "tab", "tab", "enter")
    t.gone("Migrate: plan")  # the console knows that it has started
    pid = json.loads((root / ".opsconsole" / "holder.json").read_bytes())["pid"]
    until = time.monotonic() + 30
    while last_run(root)[3] == 0:
        assert time.monotonic() < until
    hold(pid, root)
    try:
        t.wait("/6,000", 30)
        yield lambda: os.kill(pid, signal.SIGCONT)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_killed_run_is_dead_in_every_pane_and_nobodys_hand(large: Path) -> None:
    """Some of its files are replaced and not recorded: the next run settles them, nobody is to repair them."""
    assert run_cli(large, "migrate", "--yes").returncode == 0
    for number in range(1500):
        write_raw(large, f"src/{number // 100:03}/{number:05}.json", [valid_record(number + 7000)])
    killed = run_cli(large, "migrate", "--yes", env={"OPSCONSOLE_FAILPOINT": "batch.renamed:1"})
    assert "died" in killed.stderr and last_run(large)[0] == "running"
    with Terminal(large) as t:
        t.wait("died, last heard of")
        t.wait("Last run    ! died")
        t.press("6")
        t.wait("▐6 Runs▌")
        t.wait("! died")
        assert "in progress" not in t.page
        t.press("enter")
        t.wait("Its process died")
        assert "Cancel this run" not in t.page
        t.pump(2.0)  # time enough to find what somebody did by hand
        t.press("1")
        t.wait("▐1 Overview▌")
        assert "somebody else" not in t.page and "1 alert" in t.lines[0], t.page
    assert run_cli(large, "migrate", "--yes").returncode == 0
    with Terminal(large) as t:
        t.wait("✓ nothing new")
        t.pump(2.0)
        assert "alert" not in t.lines[0], t.page


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_signals(large: Path, number: int, status: int) -> None:
    with Terminal(large) as t, held_run(t, large) as go_on:
        t.signal(number)
        assert t.ended(10) == status
        assert t.left_clean()
        assert last_run(large)[0] == "running"
        go_on()
    assert until_status(large, "done") == "done"


def test_the_terminal_goes_away(large: Path) -> None:
    with Terminal(large) as t, held_run(t, large):
        t.hang_up()
        assert t.ended(10) == 129
    assert until_status(large, "done") == "done"


def test_the_terminal_goes_away_under_nohup(sample: Path) -> None:
    """SIGHUP ignored: Textual alone would spin on end of file for ever."""
    code = "import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    argv = [sys.executable, "-c", code, sys.executable, "-P", "-m", "console", "--root", str(sample)]
    with Terminal(sample, argv=argv) as t:
        t.wait("19 new")
        t.hang_up()
        assert t.ended(10) == 129


def test_coming_back_to_a_run_and_cancelling_it(large: Path) -> None:
    with Terminal(large) as first, held_run(first, large) as go_on:
        first.press("ctrl+q")
        assert first.ended(10) == 0
        said = first.raw[first.raw.rfind(b"\x1b[?1049l") :].decode()
        assert "goes on without the console: opsconsole runs attach" in said
        with Terminal(large, size=(120, 40)) as t:
            t.wait("▶ migrate")
            t.press("6", "enter")
            t.wait("[ Cancel this run ]")
            t.press("\x1b[Z", "enter")  # shift+tab: from the files to the last button
            t.wait("Let it run")
            t.press("tab", "enter")
            t.wait("cancelling")
            go_on()
            t.wait("● cancelled")
            t.wait("Migrate again goes on")
    assert until_status(large, "cancelled") == "cancelled"
    assert last_run(large)[2] < 6000


def test_another_run_is_said_with_what_one_can_do(large: Path) -> None:
    with Terminal(large) as t, held_run(t, large) as go_on:
        t.press("a", "m")
        t.wait("lock refuses the run")
        t.press("tab", "tab", "tab", "enter")  # Who runs?
        t.wait("Another run is in progress")
        t.wait("Ask to cancel")
        t.press("tab", "enter")  # Wait, then plan again
        t.wait("waiting for the other run to end")
        go_on()
        t.wait("the other run has ended", 60)
        t.wait("nothing: no file is new")


def test_ctrl_z_without_a_shell_says_so(sample: Path) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        t.send(b"\x1a")
        t.wait("no shell")


def test_ctrl_z_and_fg(sample: Path) -> None:
    """Under a shell with job control the screen goes and comes back."""
    python = f"{sys.executable} -P -m console --root {sample}"
    with Terminal(sample, argv=["bash", "--norc", "--noprofile", "--noediting", "-i"], env={"PS1": "shell> "}) as t:
        t.wait("shell>")
        t.send(f"{python}\r".encode())
        t.wait("19 new")
        t.send(b"\x1a")
        t.wait("Stopped")
        assert t.raw.rfind(b"\x1b[?1049l") > t.raw.rfind(b"\x1b[?1049h")
        t.send(b"fg\r")
        t.wait("19 new")
        t.wait("[ Migrate")
        t.press("ctrl+q")
        t.wait("shell>")
        assert t.left_clean()


def test_two_consoles_see_each_other_until_one_is_left(sample: Path) -> None:
    run_cli(sample, "migrate", "--yes")
    with Terminal(sample) as first:
        first.wait("Last run")
        with Terminal(sample, size=(120, 40)) as second:
            second.wait("Last run")
            first.wait("   +")
            second.wait("   +")
            second.press("ctrl+q")
            assert second.ended(10) == 0
        first.gone("   +")
        first.press("ctrl+q")
        assert first.ended(10) == 0 and not list((sample / ".opsconsole/here").iterdir())
