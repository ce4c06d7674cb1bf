"""`opsconsole keys` in a real terminal: bytes, key, command; the terminal as it was, whatever ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.support import run_cli
from tests.support.cli import cli_environment
from tests.terminal.screen import Terminal

KEYS = [sys.executable, "-P", "-m", "console", "keys"]


def shown(t: Terminal, bytes_: str, key: str, does: str) -> bool:
    """Whether there is a line that says so; '' stands for whatever there is."""
    rows = [(*re.split(r"\s{2,}", line), "", "") for line in t.lines]
    return any(bytes_ in ("", sent) and key in ("", name) and does in words for sent, name, words, *_ in rows)


def test_bytes_key_and_command(tmp_path: Path) -> None:
    with Terminal(tmp_path, argv=KEYS, size=(120, 40)) as t:
        before = termios.tcgetattr(t.master)
        t.wait("in the console")
        for sent, bytes_, key, does in (
            (b"\x1b[15~", r"\x1b[15~", "f5", "Migrate"),
            (b"\x1b[Z", r"\x1b[Z", "shift+tab", "to what was before"),
            (b"3", "3", "3", "State"),
            (b"a", "a", "a", "then an action's letter: m Migrate, r Reprocess, a Archive, b Rollback"),
            (b"\x1b[99~", r"\x1b[99~", "nothing", "the console does not know it"),
            (b"\xc3\xa9", r"\xc3\xa9", "é", ""),
            (b"\xff", r"\xff", "replacement_character", ""),
            (b"\x1b[<0;10;5M", r"\x1b[<0;10;5M", "mouse down at 10,5", ""),
            (b"\x1b[200~q\x1b[201~", "", "a paste, 1 long", ""),
            (b"\x03", r"\x03", "ctrl+c", "How to leave"),
            (b"\x1b", r"\x1b", "escape", "Back"),
            (b"\x1b[>84;0;0c", "", "escape", "Back"),  # the answer of tmux: nothing is said of it
            (b"\x1b[>83;40900;0c", r"\x1b[>83;40900;0c", "GNU screen", "the mouse is off"),
        ):
            t.send(sent)
            t.wait(lambda key=key, bytes_=bytes_, does=does: shown(t, bytes_, key, does))
        for byte in b"\x1b[A":
            t.send(bytes([byte]))
            t.pump(0.1)
        t.wait("came in 3 parts within")
        assert ">84" not in t.page and b"\x1b[>c" in t.raw and t.raw.rfind(b"\x1b[?1000l") > t.raw.rfind(b"\x1b[?1000h")
        t.send(b"q")
        assert t.ended(5) == 0
        assert t.left_clean() and termios.tcgetattr(t.master) == before


@pytest.mark.parametrize(("end", "status"), [("ctrl+c", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_terminal_is_as_it_was(tmp_path: Path, end: str | signal.Signals, status: int) -> None:
    with Terminal(tmp_path, argv=KEYS) as t:
        before = termios.tcgetattr(t.master)
        t.wait("in the console")
        t.wait(lambda: termios.tcgetattr(t.master) != before)
        t.send(b"x")
        t.wait(lambda: shown(t, "x", "x", ""))
        if isinstance(end, signal.Signals):
            t.signal(end)
        else:
            t.send(b"\x03")
            t.wait("How to leave")
            t.send(b"\x03")
        assert t.ended(5) == status
        assert b"\x1b[?1000h" in t.raw and t.left_clean()
        assert termios.tcgetattr(t.master) == before


def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path, argv=KEYS) as t:
        t.wait("in the console")
        t.hang_up()
        assert t.ended(5) in (0, 129)


@pytest.mark.parametrize("options", [["keys", "--no-mouse"], ["--no-mouse", "keys"]])
def test_without_the_mouse(tmp_path: Path, options: list[str]) -> None:
    with Terminal(tmp_path, argv=[*KEYS[:-1], *options]) as t:
        t.wait("in the console")
        t.send(b"q")
        assert t.ended(5) == 0
        assert not any(f"\x1b[?{mode}".encode() in t.raw for mode in (9, 1000, 1002, 1003, 1005, 1006, 1015, 1016))


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    done = run_cli(None, "keys", cwd=tmp_path)
    assert done.returncode == 2 and "this is none" in done.stderr and done.stdout == ""


def test_a_dumb_terminal_is_asked_for_nothing(tmp_path: Path) -> None:
    with Terminal(tmp_path, argv=KEYS, env={"TERM": "dumb"}) as t:
        t.wait("in the console")
        t.send(b"q")
        assert t.ended(5) == 0
        assert b"\x1b" not in t.raw


def test_its_bindings_are_the_consoles(tmp_path: Path) -> None:
    """In a process of its own: loading the console is what the command does late."""
    code = (
        "from console.tui.keymap import in_words; from console.tui.panes import PANES\n"
        "assert all(in_words(str(e.number)).startswith(e.title) for e in PANES)\n"
        "assert [in_words(k)[:5] for k in ('f5', 'f6', 'f7', 'f8')] == ['Migra', 'Repro', 'Archi', 'Rollb']\n"
        "assert in_words('question_mark') and in_words('ctrl+q') and not in_words('f3')\n"
        "assert 'State: By cause' in in_words('c')"
    )
    environ = {**cli_environment(), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0
