"""Journals of sessions: a file each, one event a line, durable line by line.

Not in the ledger: what procedures are for begins with a ledger that is damaged, lost, closed to this user or without
room, and it is made anew on the way. As with maintenance, what has to hold then is a file. Where not even our own
folder can be written, the journal lies in the operator's state folder (XDG base directory specification), and says so.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from console.engine.context import Context
from console.engine.errors import ConfigurationError, EngineError, ReadOnlyError, RefusedError, UsageError
from console.engine.procedures.load import read_procedure
from console.engine.procedures.model import Procedure
from console.engine.procedures.session import HARMLESS, Entry, Event, Session, fold
from console.engine.runs.reserve import release_reserve
from console.engine.text import recordable
from console.engine.transfer.filesystem import in_words, is_full
from console.engine.workspace.shared import make_folder, open_shared

_LINE = 1 << 20  # bytes of one event; a longer one is refused, and none of ours where it is read
_JOURNAL = 64 << 20  # bytes of one journal


class MovedOnError(RefusedError):
    """Somebody else has taken the session on since it was looked at; `what` says who and what."""


def beside(ctx: Context) -> Path:
    """Where journals of this workspace lie when its own folder cannot be written."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # the specification: a path that is not absolute is not heeded
        state = os.path.expanduser("~/.local/state")
    root = hashlib.sha256(os.fsencode(ctx.workspace.root)).hexdigest()[:16]
    return Path(state) / "opsconsole" / "sessions" / root


def begin(ctx: Context, name: str, source: str, values: dict[str, str]) -> Session:
    """A new session of a procedure, durable when it comes back. Raises ReadOnlyError, EngineError."""
    _refuse_read_only(ctx)
    session = f"{ctx.env.now():%Y%m%dT%H%M%SZ}-{name}-{ctx.env.token(2)}"
    data = {"procedure": name, "source": source, "values": values}
    try:
        _append(ctx, ctx.workspace.sessions / f"{session}.jsonl", 0, Event.STARTED, "", data, new=True)
    except EngineError as error:
        if isinstance(error, RefusedError | UsageError):
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
    kept = _plain(data)

    def line(n: int) -> bytes:
        document = {
            "n": n,
            "at": ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "by": recordable(who.login or who.user),
            "terminal": recordable(who.terminal),
            "host": recordable(who.host),
            "event": event.value,
            "step": step,
            "data": kept,
        }
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)

    if len(line(seen)) > _LINE:
        raise UsageError(
            f"that is too long to be kept: {len(line(seen)):,} bytes",
            untouched="the session is where it was",
            next_step="put it into a file and name the file",
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


def _plain(value: Any) -> Any:
    """As JSON can hold it, whatever bytes were in a name."""
    if isinstance(value, str):
        return recordable(value)
    if isinstance(value, Mapping):
        return {recordable(str(name)): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _write(path: Path, seen: int, render: Callable[[int], bytes], new: bool) -> None:
    """Append under the file's lock, if nobody has since; the line is whole and on the disk, or not there.

    That somebody has looked, or is here too, changes nothing for anybody: that keeps nobody from writing.
    """
    if new:
        make_folder(path.parent, hand_on=True)
    flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if new else 0)
    with open(open_shared(path, flags), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        entries, end, trouble = read_journal(os.pread(file.fileno(), min(os.fstat(file.fileno()).st_size, _JOURNAL), 0))
        if trouble:
            raise _damaged(path, trouble)
        newest = entries[-1].n if entries else 0
        if newest < seen or (new and newest):
            raise _damaged(path, f"it has {newest} of the {seen} events that were seen here")
        if told := [entry for entry in entries[seen:] if entry.event not in HARMLESS]:
            raise moved_on(told)
        line = render(newest + 1)
        try:
            os.ftruncate(file.fileno(), end)  # what follows is the half of a line that a crash left
            file.seek(end)
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            if new and not end:  # a name without a journal would stand in the way of the one beside
                path.unlink(missing_ok=True)
            raise
    if new:
        _flush(path.parent)
        _flush(path.parent.parent)


def moved_on(entries: Sequence[Entry]) -> MovedOnError:
    """That somebody else has taken a session on; the newest of its events says who."""
    newest = entries[-1]
    return MovedOnError(
        f"{newest.by} has taken this session on meanwhile: {_what(newest)}",
        untouched="what you asked for was not done",
        next_step="look at where it is now, then decide",
    )


def _damaged(path: Path, trouble: str) -> EngineError:
    return EngineError(
        f"the journal of this session cannot be gone on with: {trouble}",
        file=str(path),
        untouched="the session; what it tells up to there can be read",
        next_step="start the procedure anew, and say in a note what was done already",
    )


def _what(entry: Entry) -> str:
    where = f" at {entry.step}" if entry.step else ""
    return f"{entry.event.value}{where}, {entry.at[11:19]} UTC"


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_journal(data: bytes) -> tuple[list[Entry], int, str]:
    """The events of a journal, where the last of them ends, and why no more are told, '' for no reason.

    The half of a line that a crash left is no trouble: nobody was told that it is kept. A line that is whole and says
    something else is somebody's (of a newer version, or by hand) and never taken away.
    """
    entries: list[Entry] = []
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        line = data[at:end]
        entry = _entry(line)
        if entry is None or entry.n != len(entries) + 1:
            torn = entry is None and end + 1 == len(data) and not _is_json(line)
            return entries, at, "" if torn else f"line {len(entries) + 1} is no event that this version knows"
        entries.append(entry)
        at = end + 1
    return entries, at, f"it is longer than {_JOURNAL >> 20} MiB" if len(data) >= _JOURNAL else ""


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _entry(line: bytes) -> Entry | None:
    """One event, None where it is none."""
    if len(line) > _LINE:
        return None
    try:
        document = orjson.loads(line)
        return Entry(
            int(document["n"]),
            str(document["at"]),
            str(document["by"]),
            str(document["terminal"]),
            str(document["host"]),
            Event(document["event"]),
            str(document["step"]),
            dict(document["data"]),
        )
    except (ArithmeticError, KeyError, TypeError, ValueError):  # JSONDecodeError is a ValueError
        return None


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def load_session(ctx: Context, session: str) -> Session:
    """As its journal is now. session: its whole id. Raises UsageError, EngineError.

    A procedure that today's checker refuses is taken as it is, where it can be: `trouble` of the session says why.
    """
    path = _place(ctx, session)
    entries, _, damage = read_journal(_read(path))
    if not entries or entries[0].event != Event.STARTED:
        raise EngineError("this is no journal of a session", file=str(path), untouched="everything")
    procedure, trouble = _procedure(session, entries[0], path)
    try:
        made = fold(session, procedure, entries)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, f"an event of its journal lacks something: {error}") from error
    made.trouble = _damaged(path, damage).what if damage else trouble
    if path.parent != ctx.workspace.sessions:
        made.kept_beside = f"kept in {path.parent}: the workspace's own folder could not be written"
    return made


def _read(path: Path) -> bytes:
    """A journal's bytes; no link is followed, no pipe waited for. Raises EngineError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise EngineError("this is no journal of a session", file=str(path), untouched="everything")
            return os.pread(descriptor, min(facts.st_size, _JOURNAL), 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EngineError(f"the session cannot be read: {in_words(error)}", file=str(path)) from error


def _procedure(session: str, first: Entry, path: Path) -> tuple[Procedure, str]:
    """The procedure as it was when the session began, and what today's checker says against it, '' for nothing."""
    name, source = str(first.data.get("procedure", "")), str(first.data.get("source", "")).encode()
    file = f"{session} (as it was started)"
    try:
        return read_procedure(source, name, file), ""
    except ConfigurationError as refused:
        try:
            made = read_procedure(source, name, file, checked=False)
        except ConfigurationError:
            raise _unreadable(path, f"its procedure does not load: {refused.what}") from refused
        return made, f"this version would not start its procedure any more: {refused.what}"


def _unreadable(path: Path, why: str) -> EngineError:
    return EngineError(
        f"this session cannot be told: {why}",
        file=str(path),
        untouched="everything; its journal is a file of JSON lines that can be read",
        next_step="start the procedure anew, and say in a note what was done already",
    )


def find_session(ctx: Context, text: str) -> str:
    """The whole id of the session whose id is, or ends with, `text`; '' is the newest open one. Raises UsageError."""
    names = session_names(ctx)
    if not text:
        for name in names:
            with suppress(EngineError):  # one that cannot be read keeps nobody from the others
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
