"""Who else has a console open on this workspace. A file a console, gone when it is left; a courtesy, never vital."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from console.engine.context import Context
from console.engine.ledger.store import is_made
from console.engine.observe.files_list import timestamp
from console.engine.runs.query import process_started
from console.engine.text import recordable
from console.engine.workspace.shared import make_folder, write_shared

_MOST = 50  # that are read


@dataclass(frozen=True, slots=True)
class Here:
    """One console. since: UTC. started: of its process, in clock ticks since boot, so that a later process with its
    number is not taken for it."""

    who: str
    host: str
    terminal: str
    since: str
    pid: int
    started: float


def arrive(ctx: Context, pid: int = 0) -> Path | None:
    """Leave a note that this console is open; where it lies, or None where that is not possible, or not wanted: a
    session that only looks writes nothing, and a workspace that we never worked in stays as it is.

    pid: of the console; 0: this process.
    """
    if ctx.read_only or not is_made(ctx.workspace.ledger):
        return None
    if not os.access(ctx.workspace.ledger, os.W_OK) or not os.access(ctx.workspace.private, os.W_OK | os.X_OK):
        return None  # who may not write here does not try
    folder, pid = ctx.workspace.here, pid or os.getpid()
    who = ctx.env.who
    note = Here(
        recordable(who.login or who.user),
        who.host,
        who.terminal,
        timestamp(ctx.env.now()),
        pid,
        process_started(pid),
    )
    try:
        make_folder(folder)
        path = folder / f"{_safe(who.host)}-{pid}.json"
        write_shared(path, json.dumps(asdict(note)).encode())
    except OSError:
        return None
    _forget_dead(ctx)
    return path


def leave(path: Path | None) -> None:
    """Take the note back."""
    if path is not None:
        with suppress(OSError):
            path.unlink()


def others(ctx: Context, pid: int = 0) -> tuple[Here, ...]:
    """The consoles that are open besides the one of process `pid` (0: this one), the oldest first. Of another host only
    its own note is known: it may have been left without a word."""
    mine, host = pid or os.getpid(), ctx.env.who.host
    found = []
    for _, note in _notes(ctx):
        if (note.pid, note.host) != (mine, host) and _lives(note, host):
            found.append(note)
    return tuple(sorted(found, key=lambda note: note.since))


def _lives(note: Here, host: str) -> bool:
    return note.host != host or process_started(note.pid) == note.started


def _forget_dead(ctx: Context) -> None:
    for path, note in _notes(ctx):
        if not _lives(note, ctx.env.who.host):
            leave(path)


def _notes(ctx: Context) -> list[tuple[Path, Here]]:
    try:
        names = sorted(os.listdir(ctx.workspace.here))[:_MOST]
    except OSError:
        return []
    found = []
    for name in names:
        path = ctx.workspace.here / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                document = json.loads(file.read(4096))
            found.append((path, Here(**{key: document[key] for key in Here.__dataclass_fields__})))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _safe(host: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in host)[:60] or "host"
