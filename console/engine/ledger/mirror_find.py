"""Finding out whether the state file is ours, and what somebody else changed in it if it is not."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.errors import MirrorError
from console.engine.ledger.mirror_judge import Judge, MirrorDifference
from console.engine.ledger.mirror_memory import (
    Remembered,
    identity_of,
    known_identity,
    last_written,
    mirror_path,
    remembered,
)
from console.engine.ledger.mirror_read import MirrorReader
from console.engine.ledger.mirror_writer import History, find_process, in_words, is_foreign, is_old_copy
from console.engine.model import Identity
from console.engine.workspace.people import why_not

PATIENCE = 5.0  # seconds in which a writer may finish
_STILL = 1.0  # seconds without a change after which nobody is writing
_PAUSE = 0.02  # seconds between two looks


class Moved(Exception):
    """The file changed while it was read."""


class Patience:
    """Whether a file that does not parse is worth another look: a writer may be in the middle of it."""

    def __init__(self, ctx: Context, path: Path) -> None:
        self._ctx, self._path = ctx, path
        self._still_since, self._seen, self._tries = ctx.env.monotonic(), look(path), 0
        self._failing_since: float | None = None

    def again(self) -> bool:
        """Wait for a moment; False when nobody moves, or 5 s after the first time that this was asked."""
        now, found = self._ctx.env.monotonic(), look(self._path)
        if self._failing_since is None:
            self._failing_since = now
        self._tries += 1
        quiet = found == self._seen and (now - self._still_since >= _STILL or _old(self._ctx, found))
        if found != self._seen:
            self._still_since, self._seen = now, found
        if quiet or now - self._failing_since >= PATIENCE or self._tries * _PAUSE >= PATIENCE:
            return False
        time.sleep(_PAUSE)  # a writer's turn; how long in all is decided by the clock that was handed in
        return True


def read_mirror(ctx: Context, connection: sqlite3.Connection | None) -> MirrorDifference:
    """Compare the state file with the ledger. Changes nothing.

    A file that does not parse is read again while a writer moves, 5 s at most; then MirrorError (line,
    column, ways to repair) is raised. It is never taken for empty. Raises RefusedError for a folder that is
    a link outwards.
    """
    path = mirror_path(ctx)
    patience = Patience(ctx, path)
    while True:
        try:
            return _read_once(ctx, connection, path)
        except Moved:
            error = being_written(ctx)
        except MirrorError as problem:
            error = problem
        if not patience.again():
            raise with_repairs(ctx, error)


def being_written(ctx: Context) -> MirrorError:
    """What is said of a state file that never stands still."""
    return MirrorError(
        "the state file is being written by another program",
        file=ctx.settings.state_file,
        next_step="find what writes it (a forgotten cron job?), wait until it is done, and try again",
    )


def look(path: Path) -> Identity | None:
    """What stat says of a file; None where there is none to look at."""
    try:
        return identity_of(os.lstat(path))
    except OSError:
        return None


def _old(ctx: Context, found: Identity | None) -> bool:
    """Whether the file was last written so long ago that nobody can be in the middle of it."""
    return found is not None and abs(ctx.env.now().timestamp() - found.mtime_ns / 1e9) > PATIENCE


def with_repairs(ctx: Context, error: MirrorError) -> MirrorError:
    """The same error with the ways to put it right."""
    name = ctx.settings.state_file
    backup = ctx.workspace.path(name + ".bak")
    ways = ["`opsconsole state rebuild` writes it anew from the ledger and the disk, and keeps the broken one"]
    if backup.exists():
        ways.append(f"`cp {name}.bak {name}` puts back the version before the last change")
    ways.append(f"`mv {name} {name}.broken`: every file is then judged again, and nothing that is the same rewritten")
    return MirrorError(
        error.what,
        file=error.file or name,
        line=error.line,
        column=error.column,
        next_step=error.next_step or "; or ".join(ways),
    )


@contextmanager
def opened(ctx: Context, path: Path) -> Iterator[int]:
    """The state file, opened for reading. Raises FileNotFoundError, and MirrorError for what is no file to
    read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        what = "is a link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise MirrorError(
            f"the state file {what}", file=ctx.settings.state_file, next_step=why_not(str(path), os.R_OK)
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MirrorError("the state file is not a regular file", file=ctx.settings.state_file)
        yield descriptor
    finally:
        os.close(descriptor)


def _read_once(ctx: Context, connection: sqlite3.Connection | None, path: Path) -> MirrorDifference:
    memory, written = remembered(connection), last_written(connection)
    try:
        with opened(ctx, path) as descriptor:
            identity = identity_of(os.fstat(descriptor))
            if identity == known_identity(memory, written):
                return MirrorDifference("ours", identity=identity)
            digest = _digest(descriptor)
            if digest == _expected_digest(memory, written) or (memory.staged or {}).get("sha256") == digest:
                return MirrorDifference("ours", digest, identity)
            os.lseek(descriptor, 0, os.SEEK_SET)
            judge = Judge(ctx.workspace, ctx.settings, connection, memory.run)
            reader = MirrorReader(descriptor, ctx.settings.state_file)
            judge.read(reader)
            if reader.sha256 != digest or identity_of(os.fstat(descriptor)) != identity:
                raise Moved
            if look(path) != identity:
                raise Moved
    except FileNotFoundError:
        return _deleted(ctx, connection, memory, written)
    except OSError as error:
        raise MirrorError(f"the state file cannot be read: {error.strerror}", file=ctx.settings.state_file) from error
    restored = _known_run(connection, memory, digest)
    foreign = _sort(ctx, connection, memory, judge, reader.last_updated, restored=restored > 0)
    return MirrorDifference(
        "edited",
        digest,
        identity,
        tuple(judge.gone),
        tuple(judge.added.values()),
        tuple(judge.altered),
        foreign,
        tuple(judge.refused),
        restored,
        judge.pending,
        judge.entries,
        tuple(judge.twice),
        tuple(judge.let_go),
        reader.last_updated,
    )


def _sort(
    ctx: Context,
    connection: sqlite3.Connection | None,
    memory: Remembered,
    judge: Judge,
    last_updated: Any,
    *,
    restored: bool,
) -> str:
    """Tell a copy put back, another program's version and a hand edit from each other, and sort the entries by
    that. Returns who else writes the file, in words; '' where nobody does.
    """
    judge.restored = restored
    if connection is None or restored or not is_foreign(connection, memory.judged, last_updated):
        judge.sort()
        return ""
    history = History(connection)
    if is_old_copy(history, last_updated):
        judge.restored = True
        judge.sort()
        return ""
    process = find_process(ctx.workspace.root)
    judge.sort(judge.base(history, process.started if process else None))
    return in_words(last_updated, process)


def _expected_digest(memory: Remembered, written: sqlite3.Row | None) -> str:
    if memory.judged:
        return str(memory.judged["sha256"])
    return str(written["sha256"]) if written else ""


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, 1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _known_run(connection: sqlite3.Connection | None, memory: Remembered, digest: str) -> int:
    """The run that wrote, or had judged, this very state file; 0 where none did."""
    if connection is None:
        return 0
    row = connection.execute("SELECT run FROM mirrors WHERE sha256 = ? ORDER BY id DESC LIMIT 1", [digest]).fetchone()
    return int(row[0]) if row else memory.known.get(digest, 0)


def _deleted(
    ctx: Context, connection: sqlite3.Connection | None, memory: Remembered, written: sqlite3.Row | None
) -> MirrorDifference:
    """No file is there: nobody ever wrote one, or somebody deleted it, which takes every entry out."""
    if written is None and memory.judged is None:
        return MirrorDifference("none")
    judge = Judge(ctx.workspace, ctx.settings, connection, memory.run)
    judge.all_gone()
    return MirrorDifference("gone", gone=tuple(judge.gone), pending=judge.pending, let_go=tuple(judge.let_go))
