"""The real console in a real pty, its screen read back by pyte, every byte that it sent kept."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import pyte

from tests.support.cli import cli_environment
from tests.support.corpus import PROJECT

KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "down": "\x1b[B",
    "up": "\x1b[A",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "pagedown": "\x1b[6~",
    "pageup": "\x1b[5~",
    "shift+tab": "\x1b[Z",
    "end": "\x1b[F",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "ctrl+q": "\x11",
}
# What turns our modes on, and what has to follow it before the console is gone.
MODES = {
    **{f"\x1b[?{mode}h".encode(): f"\x1b[?{mode}l".encode() for mode in (1049, 1000, 1003, 1006, 1015, 1004, 2004)},
    b"\x1b[?25l": b"\x1b[?25h",
    b"\x1b[?7l": b"\x1b[?7h",
    b"\x1b[>25u": b"\x1b[<u",
}


_QUIET, _DRAWN = 0.01, 0.2  # seconds: a picture comes in pieces of 4 KiB, one right after the other; at most so long


class _Screen(pyte.Screen):
    """pyte takes private answers (`CSI > … u`) for text of its own; they are none of the screen's business."""

    def report_device_status(self, *args: object, **kwargs: object) -> None:
        return

    def set_margins(self, *args: object, **kwargs: object) -> None:
        kwargs.pop("private", None)
        super().set_margins(*args, **kwargs)


class Terminal:
    """`with Terminal(root) as t:` starts `python -m console --root ROOT`; `t.wait("text")`, `t.press("a", "m")`."""

    def __init__(
        self,
        root: Path,
        *options: str,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        argv: list[str] | None = None,
    ) -> None:
        self.columns, self.rows = size
        self.screen = _Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status: int | None = None
        environ = cli_environment({"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"})
        for name in ("SSH_CONNECTION", "TEXTUAL_THEME", "NO_COLOR", "COLORFGBG"):
            environ.pop(name, None)
        environ.update(env or {})
        command = argv or [sys.executable, "-P", "-m", "console", "--root", str(root), *options]
        self.pid, self.master = pty.fork()
        if self.pid == 0:  # the child: nothing but exec
            os.chdir(PROJECT)
            os.execvpe(command[0], command, environ)
        os.set_inheritable(self.master, False)  # else a second console holds the terminal of the first one open
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        os.set_blocking(self.master, False)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.ended(5)
        self.hang_up()

    def hang_up(self) -> None:
        """The terminal is gone."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def _clean(self, data: bytes) -> bytes:
        for private in (b"\x1b[>25u", b"\x1b[<u"):
            data = data.replace(private, b"")
        return data

    def pump(self, seconds: float) -> bytes:
        """Take what comes within `seconds`, at least one look, and the rest of a picture that is being drawn then."""
        got = b""
        until = time.monotonic() + seconds
        while self.master >= 0:
            left = until - time.monotonic()
            rest = min(_QUIET, left + _DRAWN) if got else 0.0
            ready, _, _ = select.select([self.master], [], [], max(0.0, left, rest))
            if not ready:
                break
            try:
                data = os.read(self.master, 65536)
            except OSError as error:
                if error.errno == errno.EIO:
                    break
                raise
            if not data:
                break
            got += data
            self.raw += data
            self._stream.feed(self._clean(data))
        return got

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def page(self) -> str:
        return "\n".join(self.lines)

    def wait(self, wanted: str | Callable[[], object], seconds: float = 20.0) -> None:
        """Until the screen shows the text, or the condition is true."""
        until = time.monotonic() + seconds
        while not (wanted in self.page if isinstance(wanted, str) else wanted()):
            if time.monotonic() > until:
                raise AssertionError(f"never: {wanted!r}\n{self.page}")
            self.pump(0.05)
            if self.ended(0) is not None and not (wanted in self.page if isinstance(wanted, str) else wanted()):
                raise AssertionError(f"it ended ({self.status}) before: {wanted!r}\n{self.page}")

    def gone(self, text: str, seconds: float = 20.0) -> None:
        """Until the screen does not show the text any more."""
        self.wait(lambda: text not in self.page, seconds)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.send(KEYS.get(key, key).encode())

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def ended(self, seconds: float) -> int | None:
        """The exit status, negative for a signal, once the console has ended; None when it has not in time."""
        until = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.pump(0.05)
                break
            if time.monotonic() >= until:
                return None
            self.pump(0.05)
        return self.status

    def left_clean(self) -> bool:
        """Whether every mode that was turned on was turned off after that."""
        return all(on not in self.raw or self.raw.rfind(off) > self.raw.rfind(on) for on, off in MODES.items())

    def cpu_seconds(self) -> float:
        """User and system time of the console so far (proc(5), fields 14 and 15 of stat)."""
        with open(f"/proc/{self.pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
