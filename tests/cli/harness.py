"""The command line as a process that tests can signal, and on a terminal that tests can type into."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pexpect

from tests.support import make_workspace, valid_record
from tests.support.cli import cli_environment
from tests.support.hold import hold, stopped

COMMAND = [sys.executable, "-P", "-m", "console"]
LIMIT = 30.0  # seconds any condition may take on a busy machine


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first truthy value of `condition`; fails the test when there is none within LIMIT seconds."""
    end = time.monotonic() + LIMIT
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.01)


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    """A look into the ledger from outside; nothing where there is none yet."""
    path = root / ".opsconsole/ledger.sqlite"
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:  # it is being made
        return []


def lines_of(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


FILES = 8000
HELD = {"OPSCONSOLE_FAILPOINT": "batch.intended:1:stop"}  # in its environment a run waits early for `held_run`


def big_workspace(root: Path) -> Path:
    """Enough files that a run can be caught in the middle, and that one worker cannot have been fed them all."""
    files = {f"alpha/dumps/{n:05d}/data.json": [valid_record(n)] for n in range(FILES)}
    return make_workspace(root, files, {"workers": 1})


def _heed_signals() -> None:
    """In the child: whoever runs the tests may ignore signals (a background job, nohup); an operator does not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(root: Path, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """A command in the background, without a terminal."""
    return subprocess.Popen(
        [*COMMAND, "--root", str(root), *args],
        cwd=root,
        env=cli_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,  # noqa: PLW1509 - there are no threads here
    )


def catches(process: subprocess.Popen[str], number: int) -> bool:
    """Whether `process` has a handler for the signal: it has come so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@contextmanager
def held_run(root: Path) -> Iterator[int]:
    """The run in progress, started with HELD, once it stands still; its pid. Let go at the end."""

    def running() -> int:
        # with a phase: it has told its starter that it began
        found = rows(root, "SELECT pid FROM runs WHERE status = 'running' AND phase <> ''")
        return int(found[0][0]) if found else 0

    pid = until(running, "a run to begin")
    until(lambda: stopped(pid), "the run to stop by itself")
    hold(pid, root)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):  # a test may have killed it
            os.kill(pid, signal.SIGCONT)


class Terminal:
    """A command on a pty of 80 columns."""

    def __init__(self, root: Path, *args: str, env: dict[str, str] | None = None) -> None:
        environ = cli_environment({"TERM": "xterm-256color", **(env or {})})
        self.child: pexpect.spawn[str] = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], "--root", str(root), *args],
            cwd=str(root),
            env=environ,  # type: ignore[arg-type]
            encoding="utf-8",
            timeout=LIMIT,
            dimensions=(24, 80),
            echo=False,
            preexec_fn=_heed_signals,
        )

    def expect(self, pattern: str) -> str:
        """Wait for `pattern`; what came before it."""
        self.child.expect(pattern)
        return str(self.child.before)

    def type(self, line: str) -> None:
        self.child.sendline(line)

    def press(self, key: str) -> None:
        """`c` is Ctrl-C."""
        self.child.sendcontrol(key)

    def end(self) -> tuple[int, str]:
        """Wait for the end; exit status (128+n for a signal) and the rest of what was shown."""
        self.child.expect(pexpect.EOF)
        rest = str(self.child.before)
        self.child.close()
        if self.child.exitstatus is not None:
            return int(self.child.exitstatus), rest
        return 128 + int(self.child.signalstatus or 0), rest
