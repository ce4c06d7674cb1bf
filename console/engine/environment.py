"""What a test can hand in: clock, randomness, who is asking, and the places where a test may crash us."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

# Every place where a crash must leave a workspace that the next run makes consistent.
FAILPOINTS = (
    "run.locked",
    "run.registered",
    "run.planned",
    "stage.written",
    "batch.staged",
    "batch.flushed",
    "batch.intended",
    "backup.linked",
    "publish.renamed",
    "batch.renamed",
    "batch.durable",
    "batch.recorded",
    "archive.moved",
    "archive.summed",
    "archive.listed",
    "change.staged",
    "change.intended",
    "change.put",
    "change.taken",
    "change.copied",
    "change.mode",
    "logs.rotated",
    "logs.packed",
    "logs.removed",
    "change.done",
    "change.recorded",
    "prune.intended",
    "prune.unlinked",
    "prune.recorded",
    "rebuild.moved",
    "rebuild.copied",
    "adopt.recorded",
    "leave.put-back",
    "recover.item",
    "recover.recorded",
    "mirror.staged",
    "mirror.backed-up",
    "mirror.renamed",
    "mirror.recorded",
    "log.written",
    "report.written",
    "run.recorded",
)


@dataclass(frozen=True, slots=True)
class Who:
    """Who asked for a run: login name, effective user, and where from. Empty text where not known."""

    login: str = ""
    user: str = ""
    uid: int = -1
    sudo_user: str = ""
    terminal: str = ""
    address: str = ""
    host: str = ""

    @staticmethod
    def current(environ: Mapping[str, str] | None = None) -> Who:
        """The person behind this process, as far as the system tells."""
        env = os.environ if environ is None else environ
        try:
            login = os.getlogin()
        except OSError:
            login = env.get("LOGNAME", "")
        try:
            user = getpass.getuser()
        except (OSError, KeyError):
            user = str(os.geteuid())
        terminal = ""
        for descriptor in (0, 1, 2):
            try:
                terminal = os.ttyname(descriptor)
                break
            except OSError:
                continue
        address = (env.get("SSH_CONNECTION", "").split() or [""])[0]
        return Who(
            login or user,
            user,
            os.geteuid(),
            env.get("SUDO_USER", ""),
            terminal,
            address,
            socket.gethostname(),
        )


class Failpoints:
    """Kills this process, stops it, or raises, at the n-th time a named place is reached. Off unless a test asks.

    The text is `NAME:N` (kill -9), `NAME:N:stop` (SIGSTOP: whoever tests lets it go on) or `NAME:N:ERRNO` (raise
    OSError with that number), N counting from 1.
    """

    def __init__(self, text: str = "", *, victim: int = 0) -> None:
        self._name, self._left, self._errno, self._stops = "", 0, 0, False
        self._victim = victim  # who is killed: a worker's parent, with whom its workers die; 0: this process
        if text:
            name, _, rest = text.partition(":")
            if name not in FAILPOINTS:
                raise ValueError(f"unknown failpoint {name!r}")
            count, _, how = rest.partition(":")
            self._stops = how == "stop"
            self._name, self._left, self._errno = name, int(count or 1), 0 if self._stops else int(how or 0)

    def reach(self, name: str) -> None:
        """Called at the place `name`, one of FAILPOINTS."""
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            if self._errno:
                raise OSError(self._errno, os.strerror(self._errno), f"failpoint {name}")
            if self._stops:
                os.kill(os.getpid(), signal.SIGSTOP)
                return
            os.kill(self._victim or os.getpid(), signal.SIGKILL)
            signal.pause()  # nothing after it happens, whoever is killed first


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _token(size: int) -> str:
    """As secrets.token_hex, whose module every command would wait for."""
    return os.urandom(size).hex()


@dataclass(frozen=True, slots=True)
class Environment:
    """The outside world as the engine sees it. Tests replace any part."""

    now: Callable[[], datetime] = _utc_now  # aware, UTC
    monotonic: Callable[[], float] = time.monotonic  # seconds
    token: Callable[[int], str] = _token  # n bytes as 2n hex digits
    who: Who = field(default_factory=Who.current)
    failpoints: Failpoints = field(default_factory=lambda: Failpoints(os.environ.get("OPSCONSOLE_FAILPOINT", "")))
