"""The state file: it parses, and says what the ledger says."""

from __future__ import annotations

import hashlib
import os
import sqlite3

from console.engine.checks.probes.look import NO_LEDGER, Finding, Look
from console.engine.errors import MirrorError
from console.engine.ledger.mirror import MirrorDifference, read_mirror
from console.engine.ledger.mirror_find import being_written
from console.engine.ledger.mirror_judge import PUBLISHED
from console.engine.ledger.mirror_memory import fingerprint, identity_of, last_written, mirror_path, remembered
from console.engine.model import Check
from console.engine.observe.state_file import different
from console.engine.runs.query import current_run
from console.engine.text import plural

_CHUNK = 1 << 20
_REBUILD = "`opsconsole state rebuild` writes it anew from the ledger and the disk, and keeps the broken one"


def state_file_agrees(look: Look) -> Finding:
    """Fails where it does not parse, is no file or was deleted; warns where somebody else changed it, or the ledger
    has gone on since; unknown while a run or another program writes it, and where it cannot be read or compared."""
    name = look.ctx.settings.state_file
    if not look.trouble and not look.own and (live := current_run(look.ctx)) is not None:
        return Finding(Check.UNKNOWN, f"run {live.short} is in progress: {name} is written at its end", "wait for it")
    try:
        found = read_mirror(look.ctx, look.connection)
    except MirrorError as error:
        return _broken(look, error)
    if look.connection is None:
        return _without_ledger(look, found)
    if found.state == "gone":
        what = f"{name} was deleted: {plural(len(found.gone), 'file')} count as not processed"
        return Finding(Check.FAIL, what, "`opsconsole state rebuild` writes it anew; a migrate judges all again")
    if found.state == "none":
        return _never_written(look.connection, name)
    if found.state == "ours" and (wrong := _other_bytes(look, look.connection, found)) is not None:
        return wrong
    alert = different(look.ctx, found)
    if alert is not None:
        return Finding(Check.WARN, alert.text, alert.next_step, alert.details)
    if found.pending or _behind(look.connection):
        step = "the next run that changes something writes it; `opsconsole doctor` says more"
        return Finding(Check.WARN, f"the ledger has gone on since {name} was written", step)
    return Finding(Check.PASS, f"{name} parses and says what the ledger says")


def _broken(look: Look, error: MirrorError) -> Finding:
    place = f" (line {error.line}, column {error.column})" if error.line else ""
    what = f"{look.ctx.settings.state_file}: {error.what}{place}"
    path = mirror_path(look.ctx)
    closed = os.path.lexists(path) and not path.is_symlink() and not os.access(path, os.R_OK)
    verdict = Check.UNKNOWN if closed or error.what == being_written(look.ctx).what else Check.FAIL
    return Finding(verdict, what, error.next_step or _REBUILD)


def _without_ledger(look: Look, found: MirrorDifference) -> Finding:
    if found.state == "none":
        trouble = look.unreadable()
        return trouble or Finding(Check.UNKNOWN, f"{NO_LEDGER}, and no state file", "`opsconsole migrate`")
    said = f"{look.ctx.settings.state_file} parses, {plural(found.entries, 'entry', 'entries')}, and cannot be compared"
    why = look.trouble or "there is no ledger"
    return Finding(Check.UNKNOWN, f"{said}: {why}", "`opsconsole doctor`" if look.trouble else "`opsconsole adopt`")


def _never_written(connection: sqlite3.Connection, name: str) -> Finding:
    files = connection.execute(f"SELECT count(*) FROM files WHERE {PUBLISHED}").fetchone()[0]
    if files:
        what = f"there is no {name}, and the ledger has {plural(files, 'published file')}"
        return Finding(Check.FAIL, what, "`opsconsole state rebuild` writes it anew")
    return Finding(Check.PASS, "nothing is published, and there is no state file yet")


def _other_bytes(look: Look, connection: sqlite3.Connection, found: MirrorDifference) -> Finding | None:
    """Whether it has the bytes that were written: stat alone has told so far that it is ours."""
    memory, written = remembered(connection), last_written(connection)
    wanted = {(memory.judged or {}).get("sha256"), (memory.staged or {}).get("sha256")}
    wanted |= {written["sha256"]} if written else set()
    name = look.ctx.settings.state_file
    digest = hashlib.sha256()
    try:
        with open(mirror_path(look.ctx), "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            standing = identity_of(os.fstat(file.fileno()))
    except OSError as error:
        return Finding(Check.UNKNOWN, f"{name} cannot be read: {error.strerror or error}", "look again")
    if digest.hexdigest() in wanted:
        return None
    if standing != found.identity:
        return Finding(Check.UNKNOWN, f"{name} was written a moment ago", "look again")
    return Finding(Check.FAIL, f"{name} has other bytes than were written, under the same size and time", _REBUILD)


def _behind(connection: sqlite3.Connection) -> bool:
    """Whether rows have changed since file and ledger agreed."""
    return remembered(connection).fingerprint != fingerprint(connection)
