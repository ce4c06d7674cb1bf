"""What the pane sends through a real terminal while it follows, idles and answers keys."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.corpus import PROJECT

LINE = "2025-10-30 14:25:12 - migration - INFO - Processing file: data/raw/funding_sources/s001/grants_{:07d}.json\n"
LIMIT = 35_000  # bytes a second at 120x40, following 100 lines a second


class Terminal:
    """The demo in a pty of 120x40 that counts what comes out of it."""

    def __init__(self, path: Path) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            environ = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
            environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(PROJECT)}
            os.execve(sys.executable, [sys.executable, "-P", "-m", "widgets.logs", str(path)], environ)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.output = bytearray()
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                return
            if not data:
                return
            with self._more:
                self.output += data
                self._more.notify_all()

    def wait_for(self, text: str, since: int = 0, seconds: float = 30.0) -> float:
        """Seconds until `text` came out behind offset `since`."""
        start, sought = time.monotonic(), text.encode()
        with self._more:
            while self.output.find(sought, since) < 0:
                left = start + seconds - time.monotonic()
                assert left > 0, f"{text!r} never came, but {bytes(self.output[since:])[-2000:]!r}"
                self._more.wait(left)
        return time.monotonic() - start

    def quiet(self, seconds: float) -> int:
        """Bytes that came in so many seconds; nothing is waited for but the time itself, which is measured."""
        start = len(self.output)
        select.select([], [], [], seconds)
        return len(self.output) - start

    def press(self, keys: bytes) -> int:
        """Send keys; returns where the answer begins."""
        at = len(self.output)
        os.write(self.descriptor, keys)
        return at

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self._reader.join()  # else it might read from the next terminal, which gets the same descriptor
        os.close(self.descriptor)


class Writer:
    """Appends lines at a rate from a thread until stopped."""

    def __init__(self, path: Path, rate: int) -> None:
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path, rate), daemon=True)
        self._thread.start()

    def _run(self, path: Path, rate: int) -> None:
        start = time.monotonic()
        with open(path, "ab", buffering=0) as file:
            while not self._stop.wait(0.005):
                while self.count < (time.monotonic() - start) * rate:
                    self.count += 1
                    file.write(LINE.format(self.count).encode())

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "live.log"
    path.write_text("".join(LINE.format(number) for number in range(5000)) + "the last line\n")
    return path


@pytest.fixture
def terminal(log: Path) -> Iterator[Terminal]:
    shown = Terminal(log)
    shown.wait_for("the last line")
    shown.wait_for("5,001")
    yield shown
    shown.close()


def test_idle_sends_nothing(terminal: Terminal) -> None:
    terminal.quiet(0.5)  # whatever belongs to starting
    assert terminal.quiet(2.0) == 0


def test_following_a_hundred_lines_a_second(terminal: Terminal, log: Path) -> None:
    writer = Writer(log, 100)
    terminal.wait_for("grants_0000100", 0)
    start, since = time.monotonic(), len(terminal.output)
    terminal.quiet(3.0)
    rate = (len(terminal.output) - since) / (time.monotonic() - start)
    newest = f"grants_{writer.count:07d}"
    terminal.wait_for(newest, since, seconds=2.0)  # what is shown is not behind
    writer.stop()
    print(f"following 100 lines/s at 120x40: {rate:,.0f} bytes/s")
    assert 1_000 < rate <= LIMIT


def test_keys_are_answered_while_following(terminal: Terminal, log: Path) -> None:
    writer = Writer(log, 100)
    terminal.wait_for("grants_0000100")
    took: list[float] = []
    for number in range(12):
        at = terminal.press(b"w")
        took.append(terminal.wait_for("wrapped" if number % 2 == 0 else "[all]", at))
        terminal.quiet(0.11)
    writer.stop()
    took.sort()
    print(f"a key is answered within {took[6] * 1000:.0f} ms (median), {took[-1] * 1000:.0f} ms (worst)")
    assert took[6] <= 0.050
    assert took[-2] <= 0.150  # a machine shared with other tests


def test_a_search_typed_ahead_is_not_lost(terminal: Terminal) -> None:
    """A slow line, or a person who knows the keys, sends several at once."""
    at = terminal.press(b"/grants_0004321\r")
    terminal.wait_for("line 4,322 of", at)
    at = terminal.press(b"/GRANTS\rw")  # what is behind Enter is no text
    terminal.wait_for("wrapped", at)
    terminal.wait_for("no match", at)


def test_the_end_is_what_is_shown_however_fast_it_grows(terminal: Terminal, log: Path) -> None:
    writer = Writer(log, 1000)
    terminal.wait_for("grants_0002")
    writer.stop()
    with open(log, "ab") as file:
        file.write(b"finally\n")
    terminal.wait_for("finally")
