"""Running the command of a step: by the shell, in the root, without input, for so long and no longer."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.errors import EngineError, ReadOnlyError
from console.engine.text import plural

_OUTPUT = 256 * 1024  # bytes that are kept, the newest
_TURN = 0.2  # seconds between two looks at whether anybody still waits
_GRACE = 2.0  # seconds between being asked to end and being ended


@dataclass(frozen=True, slots=True)
class Ran:
    """status: its exit status, 128 + n where a signal ended it, None where it was ended from here; why: then the
    reason. output: both streams as they came, the newest part. seconds: how long it took."""

    status: int | None
    output: str
    seconds: float
    why: str = ""


def run_shell(
    ctx: Context,
    command: str,
    seconds: float,
    *,
    tell: Callable[[str], None] = lambda text: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Ran:
    """Run it to its end. tell: gets its output as it comes. cancelled: it and what it started are ended when that
    becomes true, as when it takes longer than `seconds`. Raises ReadOnlyError, EngineError: it could not be started."""
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only: it runs no commands", untouched="everything")
    started = ctx.env.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=ctx.workspace.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise EngineError(f"the command could not be started: {why}", untouched="everything") from error
    kept = bytearray()
    try:
        why = _read(ctx, process, started + seconds, seconds, kept, tell, cancelled)
    finally:
        _end(process)
    took = ctx.env.monotonic() - started
    code = process.returncode
    status = None if why else code if code >= 0 else 128 - code
    return Ran(status, kept.decode("utf-8", "replace"), took, why)


def _read(
    ctx: Context,
    process: subprocess.Popen[bytes],
    until: float,
    seconds: float,
    kept: bytearray,
    tell: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> str:
    """Until it has ended; why it has to be ended early, '' where not."""
    assert process.stdout is not None
    long = f"it took longer than {plural(round(seconds), 'second')} and was ended"
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = until - ctx.env.monotonic()
            if left <= 0:
                return long
            if cancelled():
                return "it was stopped"
            if selector.select(min(left, _TURN)):
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:
                    break
                kept += chunk
                del kept[:-_OUTPUT]
                tell(chunk.decode("utf-8", "replace"))
            elif process.poll() is not None:  # what it left running holds its output open
                break
    while process.poll() is None:  # it closed its output and goes on
        left = until - ctx.env.monotonic()
        if left <= 0:
            return long
        if cancelled():
            return "it was stopped"
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(left, _TURN))
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """It, and what it started, if it is still there: asked first."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
