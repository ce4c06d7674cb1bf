"""Lines of a log as a new file of the operator's: never over another, never in the workspace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

from console.engine.context import Context
from console.engine.errors import EngineError, UsageError
from console.engine.observe.logs_search import SearchError


def save_new(ctx: Context, typed: str, pieces: Callable[[], Iterator[bytes]]) -> tuple[str, int]:
    """Write what `pieces` yields to a new file, its owner's alone; its path, and how many bytes.

    typed: `~` is the home folder, a relative path begins there. Raises UsageError for a place where nothing is saved
    (the workspace and its zones, what exists), EngineError where writing fails; then the file is gone again.
    """
    path = _place(ctx, typed)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(
            "there is such a file already", file=str(path), untouched="that file", next_step="save under another name"
        ) from None
    except OSError as error:
        raise _failed(path, error) from None
    written = 0
    try:
        with open(descriptor, "wb") as file:
            for piece in pieces():
                written += file.write(piece)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(path)
        if isinstance(error, OSError | SearchError):
            raise _failed(path, error) from None
        raise
    return str(path), written


def _place(ctx: Context, typed: str) -> Path:
    given = Path(os.path.expanduser("~"), os.path.expanduser(typed.strip()))
    path = Path(os.path.realpath(given.parent)) / given.name
    zones = [ctx.workspace.path(getattr(ctx.settings.zones, field.name)) for field in fields(ctx.settings.zones)]
    for kept in (ctx.workspace.root, ctx.workspace.path(ctx.settings.log_dir), *zones):
        if path.is_relative_to(os.path.realpath(kept)):
            raise UsageError(
                "nothing is saved in the workspace: what lies there is data to the pipeline",
                file=str(path),
                untouched="everything",
                next_step="name a place outside, such as your home folder (~)",
            )
    return path


def _failed(path: Path, error: OSError | SearchError) -> EngineError:
    why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return EngineError(
        f"the lines cannot be saved: {why}",
        file=str(path),
        untouched="the log, and whatever was there before",
        next_step="name another place",
    )
