"""A command on a pty of 120x40, what it sends, and what its screen shows."""

from __future__ import annotations

import fcntl
import os
import pty
import queue
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte

from tests.benchmarks.measure import BenchError

COLUMNS, ROWS = 120, 40


class Terminal:
    """The command is a session leader on the pty, as under SSH."""

    def __init__(self, command: Sequence[str], cwd: Path) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self.received = 0
        self.at = 0.0  # perf_counter when the piece came that was drawn last
        self._pieces: queue.Queue[tuple[float, bytes]] = queue.Queue()
        self.began = time.perf_counter()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execve(command[0], list(command), environ)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
        sys.setswitchinterval(0.0005)  # the thread that takes the time of what came does not wait for the drawing
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        """In a thread: each piece with when it came. What our emulation takes to draw one is no delay of the next."""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            self._pieces.put((time.perf_counter(), data))
            if not data:
                return

    def read(self, seconds: float) -> int:
        """Draw the next piece of what comes within `seconds`; how many bytes that was."""
        try:
            at, data = self._pieces.get(timeout=max(seconds, 0.0001))
        except queue.Empty:
            return 0
        if not data:
            raise BenchError(f"the screen ended: {self.text()}")
        self.at = at
        self.received += len(data)
        self._stream.feed(data.replace(b"\x1b[?2026h", b"").replace(b"\x1b[?2026l", b""))
        return len(data)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, shows: Callable[[str], bool], what: str, seconds: float = 20) -> float:
        """Read until the screen shows something; seconds since the command was started, when that came."""
        end = time.perf_counter() + seconds
        while not shows(self.text()):
            if time.perf_counter() > end:
                raise BenchError(f"waited {seconds} s for {what}:\n{self.text()}")
            self.read(0.2)
        return max(self.at, self.began) - self.began

    def watch_until(self, shows: Callable[[str], bool], what: str, seconds: float = 20) -> None:
        """As until, looking at the screen as soon as something came."""
        end = time.perf_counter() + seconds
        while not shows(self.text()):
            if time.perf_counter() > end:
                raise BenchError(f"waited {seconds} s for {what}:\n{self.text()}")
            self.read(0.02)

    def settle(self, quiet: float = 1.0, seconds: float = 20) -> None:
        """Until nothing was sent for `quiet` seconds."""
        end = time.perf_counter() + seconds
        while self.read(quiet) and time.perf_counter() < end:
            pass

    def send(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def cpu(self, *, children: bool = True) -> float:
        """CPU seconds of the command and the children it has waited for; proc(5), fields 14 to 17."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11 : 15 if children else 13]) / os.sysconf("SC_CLK_TCK")

    def watch(self, seconds: float) -> tuple[float, int]:
        """Only take what comes, for `seconds`: CPU seconds and bytes in that time."""
        cpu, received = self.cpu(), self.received
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return self.cpu() - cpu, self.received - received

    def close(self) -> None:
        """End the command if it still runs; take its status."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                break
            end = time.perf_counter() + 5
            while time.perf_counter() < end:
                try:
                    self.read(0.05)
                except BenchError:
                    pass
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    os.close(self._master)
                    return
