"""Maintenance: while it is on, nothing is processed. Whoever works on the data says so once, for everybody.

Whether it is on, a small file says, not the ledger: it holds when the ledger is damaged, put back from a copy or
rebuilt, which is when it is needed most, and it survives a reboot. The ledger keeps who turned it on and off.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass

from console.engine.actions.registry import find_action
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError, ReadOnlyError, UsageError
from console.engine.ledger.beside import writing_beside
from console.engine.ledger.store import is_made
from console.engine.model import Check, GateItem
from console.engine.reasons import check_reason
from console.engine.text import recordable
from console.engine.transfer.filesystem import in_words, is_full
from console.engine.workspace.shared import make_folder, open_shared

_LIFT = "`opsconsole maintenance off` when the work is done"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """by: who turned it on, on which host; at: since when (UTC ISO 8601); reason: why."""

    by: str
    host: str
    at: str
    reason: str

    def sentence(self) -> str:
        return f"maintenance since {self.at} by {self.by}@{self.host}: {self.reason}"


def read_maintenance(ctx: Context) -> Maintenance | None:
    """Who stopped processing here; None while nobody has. A note that cannot be read counts: somebody made it."""
    try:
        document = json.loads(ctx.workspace.maintenance.read_bytes())
        return Maintenance(**{name: str(document[name]) for name in Maintenance.__dataclass_fields__})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return Maintenance("?", "?", "?", "its note cannot be read")


def maintenance_item(ctx: Context, action: str) -> GateItem:
    """Fails while maintenance is on and `action` processes files; what undoes or repairs is only told."""
    found = read_maintenance(ctx)
    if found is None:
        return GateItem("maintenance", Check.PASS, True, "nobody has stopped processing")
    if find_action(action).stopped_by_maintenance:
        return GateItem("maintenance", Check.FAIL, True, found.sentence(), _LIFT)
    return GateItem("maintenance", Check.WARN, False, found.sentence())


def turn_on(ctx: Context, reason: str) -> tuple[Maintenance, str]:
    """Stop processing: runs that come from now on are refused; one in progress goes on. Comes back durable.

    Returns the note, and why the ledger could not record it ('' where it did). Raises UsageError (no reason, or it
    is on already), ReadOnlyError, EngineError.
    """
    _refuse_read_only(ctx)
    reason = check_reason(reason, "maintenance needs a reason")
    standing = read_maintenance(ctx)
    if standing is not None:
        raise UsageError(standing.sentence(), untouched="everything", next_step=_LIFT)
    who = ctx.env.who
    at = ctx.env.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    note = Maintenance(who.login or who.user, who.host, at, recordable(reason))
    data = json.dumps(asdict(note)).encode()
    try:
        try:
            _write(ctx, data)
        except OSError as error:
            if not is_full(error):
                raise
            ctx.workspace.reserve.unlink(missing_ok=True)  # this is what it is for
            _write(ctx, data)
    except FileExistsError:
        raise UsageError("somebody has turned it on just now", untouched="everything", next_step=_LIFT) from None
    except OSError as error:
        raise EngineError(
            f"maintenance could not be turned on: {in_words(error)}",
            file=str(ctx.workspace.maintenance),
            untouched="everything; runs still start",
        ) from error
    return note, _record(ctx, "on", note.reason)


def _write(ctx: Context, data: bytes) -> None:
    """The note whole and durable under its name, or not at all. Raises OSError."""
    place = ctx.workspace.maintenance
    make_folder(place.parent, hand_on=True)
    part = place.with_name(f"{place.name}.{ctx.env.token(4)}.part")
    try:
        with open(open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, place)  # unlike a rename, it replaces nobody's note
    finally:
        with suppress(OSError):
            os.unlink(part)
    _flush_folder(place.parent)


def _flush_folder(folder: object) -> None:
    descriptor = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def turn_off(ctx: Context) -> tuple[Maintenance | None, str]:
    """Let runs start again; everyone who may write in our folder can. Returns what was lifted (None: it was not on),
    and why the ledger could not record it. Raises ReadOnlyError, EngineError."""
    _refuse_read_only(ctx)
    found = read_maintenance(ctx)
    if found is None:
        return None, ""
    try:
        ctx.workspace.maintenance.unlink(missing_ok=True)
        _flush_folder(ctx.workspace.private)
    except OSError as error:
        raise EngineError(
            f"maintenance could not be lifted: {in_words(error)}",
            file=str(ctx.workspace.maintenance),
            untouched="maintenance is still on",
        ) from error
    return found, _record(ctx, "off", found.reason)


def _refuse_read_only(ctx: Context) -> None:
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything", next_step="start without --read-only")


def _record(ctx: Context, what: str, reason: str) -> str:
    """Into the ledger, where there is one that can be written; '' or why not."""
    if not is_made(ctx.workspace.ledger):
        return "there is no ledger yet"
    who = ctx.env.who
    values = [ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"), who.login or who.user, what, reason]
    try:
        with writing_beside(ctx.workspace.ledger, "the ledger did not take it", since=3) as connection:
            connection.execute("INSERT INTO maintenance (at, by, what, reason) VALUES (?, ?, ?, ?)", values)
    except LedgerError as error:
        return error.what
    except OSError as error:
        return str(error)
    return ""
