"""Journals of sessions: a file each, one event a line, durable line by line.

Not in the ledger: what procedures are for begins with a ledger that is damaged, lost, closed to this user or without
room, and it is made anew on the way. As with maintenance, what has to hold then is a file. Where not even our own
folder can be written, the journal lies in the operator's state folder (XDG base directory specification), and says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from console.engine.context import Context
from console.engine.errors import ConfigurationError, EngineError, ReadOnlyError, RefusedError, UsageError
from console.engine.procedures.load import read_procedure
from console.engine.procedures.session import Entry, Event, Session, fold
from console.engine.runs.reserve import release_reserve
from console.engine.text import recordable
from console.engine.transfer.filesystem import in_words, is_full
from console.engine.workspace.shared import make_folder, open_shared

_LINE = 256 * 1024  # bytes of one event; a longer one is none of ours
_JOURNAL = 64 << 20  # bytes of one journal that are read


class MovedOnError(RefusedError):
    """Somebody else has taken the session on since it was looked at; `what` says who and what."""


def beside(ctx: Context) -> Path:
    """Where journals of this workspace lie when its own folder cannot be written."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    root = hashlib.sha256(os.fsencode(ctx.workspace.root)).hexdigest()[:16]
    return Path(state) / "opsconsole" / "sessions" / root


def begin(ctx: Context, name: str, source: str, values: dict[str, str]) -> Session:
    """A new session of a procedure, durable when it comes back. Raises ReadOnlyError, EngineError."""
    _refuse_read_only(ctx)
    session = f"{ctx.env.now():%Y%m%dT%H%M%SZ}-{name}-{ctx.env.token(2)}"
    data = {"procedure": name, "source": source, "values": values}
    try:
        _append(ctx, ctx.workspace.sessions / f"{session}.jsonl", 0, Event.STARTED, "", data, new=True)
    except (OSError, EngineError) as error:
        if isinstance(error, RefusedError):
            raise
        _append(ctx, beside(ctx) / f"{session}.jsonl", 0, Event.STARTED, "", data, new=True)
    return load_session(ctx, session)


def write(ctx: Context, session: Session, event: Event, **data: Any) -> Session:
    """One event more; the session as it is then. Raises ReadOnlyError, EngineError, and MovedOnError where somebody
    else was faster: nothing is written then."""
    _refuse_read_only(ctx)
    step = session.step.id if session.step else ""
    _append(ctx, _place(ctx, session.id), session.seq, event, step, data)
    return load_session(ctx, session.id)


def _refuse_read_only(ctx: Context) -> None:
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything", next_step="start without --read-only")


def _append(ctx: Context, path: Path, seen: int, event: Event, step: str, data: Any, *, new: bool = False) -> None:
    who = ctx.env.who
    line = orjson.dumps(
        {
            "n": seen + 1,
            "at": ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "by": recordable(who.login or who.user),
            "terminal": who.terminal,
            "host": who.host,
            "event": event.value,
            "step": step,
            "data": data,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
    try:
        try:
            _write(path, seen, line, new)
        except OSError as error:
            if not is_full(error):
                raise
            release_reserve(ctx)  # this is what it is for
            _write(path, seen, line, new)
    except OSError as error:
        raise EngineError(
            f"the session could not be written: {in_words(error)}",
            file=str(path),
            untouched="the session is where it was",
            next_step="free some room, or have the folder made writable, and try again",
        ) from error


def _write(path: Path, seen: int, line: bytes, new: bool) -> None:
    """Append under the file's lock, if nobody has since; the line is whole and on the disk, or not there."""
    if new:
        make_folder(path.parent, hand_on=True)
    flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if new else 0)
    with open(open_shared(path, flags), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        standing = os.pread(file.fileno(), _JOURNAL, 0)
        end = standing.rfind(b"\n") + 1  # what follows is the half of a line that a crash left
        entries = list(_entries(standing[:end]))
        newest = entries[-1] if entries else None
        if newest is not None and newest.n != seen:
            said = _what(newest)
            raise MovedOnError(
                f"{newest.by} has taken this session on meanwhile: {said}",
                untouched="what you asked for was not done",
                next_step="look at where it is now, then decide",
            )
        try:
            os.ftruncate(file.fileno(), end)
            file.seek(end)
            if file.write(line) != len(line):
                raise OSError(28, os.strerror(28))
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            raise
    if new:
        _flush(path.parent)


def _what(entry: Entry) -> str:
    where = f" at {entry.step}" if entry.step else ""
    return f"{entry.event.value}{where}, {entry.at[11:19]} UTC"


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entries(data: bytes) -> Iterator[Entry]:
    """The events of a journal, up to the first line that is none."""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            document = orjson.loads(line)
            entry = Entry(
                int(document["n"]),
                str(document["at"]),
                str(document["by"]),
                str(document["terminal"]),
                str(document["host"]),
                Event(document["event"]),
                str(document["step"]),
                dict(document["data"]),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return
        if entry.n != number or len(line) > _LINE:
            return
        yield entry


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def load_session(ctx: Context, session: str) -> Session:
    """As its journal is now. session: its whole id. Raises UsageError, EngineError."""
    path = _place(ctx, session)
    try:
        data = path.read_bytes()[:_JOURNAL]
    except OSError as error:
        raise EngineError(f"the session cannot be read: {in_words(error)}", file=str(path)) from error
    entries = list(_entries(data))
    if not entries or entries[0].event != Event.STARTED:
        raise EngineError("this is no journal of a session", file=str(path), untouched="everything")
    first = entries[0].data
    name = str(first.get("procedure", ""))
    try:
        procedure = read_procedure(str(first.get("source", "")).encode(), name, f"{session} (as it was started)")
    except ConfigurationError as error:
        raise EngineError(f"the procedure of this session does not load: {error.what}", file=str(path)) from error
    made = fold(session, procedure, entries)
    if path.parent != ctx.workspace.sessions:
        made.kept_beside = f"kept in {path.parent}: the workspace's own folder could not be written"
    return made


def find_session(ctx: Context, text: str) -> str:
    """The whole id of the session whose id is, or ends with, `text`; '' is the newest open one. Raises UsageError."""
    names = session_names(ctx)
    if not text:
        for name in names:
            if load_session(ctx, name).status == "open":
                return name
        raise UsageError("no session is open", next_step="`opsconsole procedure start NAME`")
    found = [name for name in names if name == text] or [name for name in names if name.endswith(text)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"there is no session {text!r}", next_step="`opsconsole procedure list`")
    raise UsageError(f"{text!r} names {len(found)} sessions: {', '.join(found[:5])}", next_step="give more of it")


def session_names(ctx: Context) -> list[str]:
    """The ids of all sessions, newest first."""
    names = {path.stem for folder in _folders(ctx) for path in _journals(folder)}
    return sorted(names, reverse=True)


def sessions(ctx: Context, limit: int = 50) -> list[Session]:
    """The newest sessions; one whose journal cannot be read is left out."""
    found = []
    for name in session_names(ctx)[:limit]:
        try:
            found.append(load_session(ctx, name))
        except EngineError:
            continue
    return found


def sessions_signature(ctx: Context) -> tuple[tuple[str, int, int], ...]:
    """Differs when anybody has written into a journal."""
    marks = []
    for folder in _folders(ctx):
        for path in _journals(folder):
            try:
                facts = path.stat()
            except OSError:
                continue
            marks.append((path.name, facts.st_size, facts.st_mtime_ns))
    return tuple(sorted(marks))


def _folders(ctx: Context) -> Iterable[Path]:
    return (ctx.workspace.sessions, beside(ctx))


def _journals(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if name.endswith(".jsonl")]
    except OSError:
        return []


def _place(ctx: Context, session: str) -> Path:
    """Where the journal of a session lies. Raises UsageError."""
    if "/" in session or session.startswith("."):
        raise UsageError(f"there is no session {session!r}", next_step="`opsconsole procedure list`")
    for folder in _folders(ctx):
        path = folder / f"{session}.jsonl"
        if os.path.lexists(path):
            return path
    raise UsageError(f"there is no session {session!r}", next_step="`opsconsole procedure list`")
