"""Commands of a procedure: where a value may stand in one, and running one, time-boxed, its output kept."""

from __future__ import annotations

import codecs
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.errors import EngineError, ReadOnlyError
from console.engine.transfer.filesystem import in_words

_KEPT = 64 * 1024  # characters of output that are kept: the newest
_TURN = 0.2  # seconds between two looks at whether anybody still waits
# Texts of here-documents, arithmetic, and quotes of C: there a quote is none, or another.
_OWN_RULES = ("<<", "((", "$'", '$"')
_PLACE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")


def quoted_values(command: str) -> Iterator[str]:
    """The values whose place in a command is one where the shell would not take a quoted word for one word.

    A value is filled in quoted by itself; between quotes of the command's own, or behind a backslash or a dollar, it
    would come out of them and be read as a program.
    """
    own = min((at for sign in _OWN_RULES if (at := command.find(sign)) >= 0), default=len(command))
    quote, at = "", 0
    while at < len(command):
        if at >= own:
            yield from _places(command[own:])
            return
        sign = command[at]
        place = _PLACE.match(command, at)
        if place:
            if place[1] and (quote or command[at - 1 : at] in ("\\", "$")):
                yield place[1]
            at = place.end()
        elif sign == "\\" and quote != "'":
            at += 1 if _PLACE.match(command, at + 1) else 2
        elif quote == '"' and (sign == "`" or command[at : at + 2] in ("$(", "${")):
            yield from _places(command[at:])  # quotes within quotes: whoever reads this would have to be a shell
            return
        elif quote:
            quote = "" if sign == quote else quote
            at += 1
        elif sign == "#" and (at == 0 or command[at - 1] in " \t\n;|&()"):
            at = command.find("\n", at) % (len(command) + 1)
        else:
            quote = sign if sign in "'\"`" else ""
            at += 1


def _places(text: str) -> Iterator[str]:
    return (found[1] for found in _PLACE.finditer(text) if found[1])


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended. status: None where it took too long, or was interrupted, and was ended; 128 + n for a
    signal. output: the newest of what it said. took: seconds. why: that it was ended, in words, '' elsewhere."""

    status: int | None
    output: str
    took: float
    why: str = ""


def run_shell(
    ctx: Context,
    line: str,
    seconds: int,
    *,
    said: Callable[[str], None] = lambda text: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Ran:
    """Run a command in the root, by the shell, in a session of its own; its whole process group is ended with it.

    said: gets the output as it comes. cancelled: ends it. Raises ReadOnlyError, and EngineError where it cannot start.
    """
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything", next_step="start without --read-only")
    begun = ctx.env.monotonic()
    try:
        process = subprocess.Popen(
            [_shell_of(line), "-c", line],
            cwd=ctx.workspace.root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = in_words(error) if isinstance(error, OSError) else str(error)
        raise EngineError(f"the command could not be started: {reason}", untouched="everything") from error
    try:
        output, why = _follow(ctx, process, begun + seconds, said, cancelled)
    finally:
        _end(process)
    if why == _LATE:
        why = f"it took longer than {seconds} s and was ended"
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Ran(None if why else status, output, ctx.env.monotonic() - begun, why)


_LATE = "late"
_FOR_BASH = re.compile(r"#!\s*(/usr)?/bin/(env +)?bash\b")


def _shell_of(line: str) -> str:
    """A command whose first line is `#!/bin/bash` is for bash, others are for any shell. Raises EngineError."""
    if not _FOR_BASH.match(line):
        return "/bin/sh"
    bash = shutil.which("bash")
    if bash is None:
        step = "install it, or do it by hand and note what came of it"
        raise EngineError("this command is for bash, and there is none here", untouched="everything", next_step=step)
    return bash


def _environment() -> dict[str, str]:
    """Our own, with a way to `opsconsole` where the shell would find none."""
    folder = os.path.dirname(sys.executable)
    path = os.environ.get("PATH") or os.defpath
    known = shutil.which("opsconsole", path=path) or not os.access(os.path.join(folder, "opsconsole"), os.X_OK)
    return {**os.environ, "PATH": path if known else f"{path}{os.pathsep}{folder}"}


def _follow(
    ctx: Context,
    process: subprocess.Popen[bytes],
    until: float,
    said: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> tuple[str, str]:
    """What it said, and why it has to be ended, '' where it ended by itself."""
    assert process.stdout is not None
    kept, decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = until - ctx.env.monotonic()
            if left <= 0:
                return kept, _LATE
            if cancelled():
                return kept, "it was interrupted and ended"
            if selector.select(min(left, _TURN)):
                chunk = os.read(process.stdout.fileno(), 65536)
                text = decoder.decode(chunk, final=not chunk)
                if text:
                    said(text)
                    kept = (kept + text)[-_KEPT:]
                if not chunk:
                    break
            elif process.poll() is not None:  # what it left running holds its output open
                return kept, ""
    while process.poll() is None:  # it has closed its output and works on
        if cancelled():
            return kept, "it was interrupted and ended"
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, min(until - ctx.env.monotonic(), _TURN)))
        if process.poll() is None and ctx.env.monotonic() >= until:
            return kept, _LATE
    return kept, ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
