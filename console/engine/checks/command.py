"""An item that is a program of the workspace: exit status and first line as Nagios plugins give them.

https://www.monitoring-plugins.org/doc/guidelines.html: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; what follows `|` on the
first line is performance data.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from console.engine.checks.probes.look import Finding, Look
from console.engine.model import Check
from console.engine.settings.checklists import ItemSetting
from console.engine.text import plural

_VERDICTS = {0: Check.PASS, 1: Check.WARN, 2: Check.FAIL}
_OUTPUT = 64 * 1024  # bytes that are read; what comes after them is thrown away
_TURN = 0.2  # seconds between two looks at whether anybody still waits


def run_command(look: Look, item: ItemSetting) -> Finding:
    """Never passes for a command that could not be started, took too long, was ended by a signal or said nothing."""
    if look.ctx.read_only:
        return Finding(Check.UNKNOWN, "a read-only session starts no commands")
    status, data, why = run_program(look, item.argv, item.seconds)
    if status is None:
        return Finding(Check.UNKNOWN, f"{item.argv[0]} could not be started: {why}", "correct it in [checklists]")
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    first = lines[0].partition("|")[0].strip() if lines else ""
    details = tuple(line for line in lines[1:50] if line)
    if why:
        return Finding(Check.UNKNOWN, f"{why}: {first}" if first else why, "", details)
    if status < 0:
        return Finding(Check.UNKNOWN, f"ended by signal {-status}: {first}" if first else f"ended by signal {-status}")
    verdict = _VERDICTS.get(status, Check.UNKNOWN)
    if verdict == Check.PASS and not first:
        return Finding(Check.UNKNOWN, "exit status 0 and not a word: no plugin does that", "", details)
    return Finding(verdict, first or f"exit status {status}", "", details)


def run_program(look: Look, argv: Sequence[str], seconds: int) -> tuple[int | None, bytes, str]:
    """Exit status (None: it could not be started), what it printed, and why it was ended early, '' where it was not."""
    try:
        process = subprocess.Popen(
            argv,
            cwd=look.ctx.workspace.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return None, b"", getattr(error, "strerror", None) or str(error)
    try:
        data, why = _read(process, look, seconds)
    finally:
        _end(process)
    return process.returncode, data, why


def _read(process: subprocess.Popen[bytes], look: Look, seconds: int) -> tuple[bytes, str]:
    """What it said, and why it was ended early, '' where it was not."""
    assert process.stdout is not None
    until = look.ctx.env.monotonic() + seconds
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = until - look.ctx.env.monotonic()
            if left <= 0:
                return data, f"it took longer than {plural(seconds, 'second')} and was ended"
            if look.cancelled():
                return data, "interrupted"
            if selector.select(min(left, _TURN)):
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:
                    break
                data = (data + chunk)[:_OUTPUT]
            elif process.poll() is not None:  # what it left running holds its output open
                break
    try:
        process.wait(max(0.1, until - look.ctx.env.monotonic()))
    except subprocess.TimeoutExpired:
        return data, f"it took longer than {plural(seconds, 'second')} and was ended"
    return data, ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
