"""What the operator is told when something went wrong, and with which exit status."""

from __future__ import annotations

import os
import shlex
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from console.cli.output import OutputError, note, out
from console.cli.session import last_typed
from console.engine.errors import EXIT_CANCELLED, EXIT_FAILURES, EXIT_USAGE, EngineError


def tell(error: BaseException) -> int:
    """Print `error` in words on standard error and give the exit status it stands for."""
    out().flush()
    if isinstance(error, EngineError):
        tell_engine_error(error)
        return error.exit_status
    if isinstance(error, click.exceptions.Abort):
        note().line("Interrupted.")
        return EXIT_CANCELLED
    if isinstance(error, click.ClickException):
        return _tell_usage(error)
    if isinstance(error, OutputError):
        note().line(("red", "error: "), f"standard output cannot be written: {error}")
        return EXIT_FAILURES
    path = _keep_traceback(error)
    where = f"the traceback is in {path}" if path else "no file for the traceback could be written"
    note().line(("red", "error: "), f"{type(error).__name__}: {_first_line(error)}: a fault of opsconsole; {where}")
    return EXIT_FAILURES


def tell_engine_error(error: EngineError) -> None:
    """The error's lines, the first one marked."""
    first, *rest = error.lines()
    for index, line in enumerate(first.splitlines() or [""]):
        note().line(("red", "error: ") if index == 0 else "       ", line)
    for line in rest:
        for part in line.splitlines() or [""]:
            note().line("  ", part)
    if error.procedure:
        words = ["opsconsole"]
        for name in ("root", "config"):
            words += [f"--{name}", str(last_typed[name])] if last_typed.get(name) else []
        line = shlex.join([*words, "procedure", "start", error.procedure])
        note().line("  step by step: ", ("bold", line))


def _tell_usage(error: click.ClickException) -> int:
    stream = note()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        stream.lines(error.format_message())
        return EXIT_USAGE
    context = getattr(error, "ctx", None)
    stream.line(("red", "error: "), error.format_message())
    if context is not None:
        stream.line(f"  {context.command_path} --help says more")
    return int(error.exit_code) or EXIT_USAGE


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else "no further words"


def _create(path: Path, shared: bool) -> int:
    """A new file; in the workspace for its group, elsewhere for this user alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    if not shared:
        return os.open(path, flags, 0o600)
    from console.engine.workspace.shared import make_folder, open_shared

    make_folder(path.parent)
    return open_shared(path, flags)


def _keep_traceback(error: BaseException) -> str:
    """Write the traceback into the workspace, else into the temp folder; its path, or '' if neither works."""
    folders = [Path(tempfile.gettempdir())]
    private = Path(str(last_typed.get("root") or ".")) / ".opsconsole"
    if not last_typed.get("read_only") and private.is_dir():  # a workspace gets no folder of ours by an error
        folders.insert(0, private / "errors")
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    text = "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace")
    for folder in folders:
        try:
            path = folder / f"opsconsole-{name}"
            descriptor = _create(path, folder.parent == private)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
        except (OSError, ImportError):
            continue
        return str(path)
    return ""
