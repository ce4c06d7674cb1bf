"""What a step that asks for a value can be answered with: offered from the workspace, and checked."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import date
from itertools import islice

from console.engine.actions.verify.model import IS_BAD
from console.engine.context import Context
from console.engine.errors import EngineError, UsageError
from console.engine.ledger.store import reading
from console.engine.records.words import cause_in_words
from console.engine.text import plural, recordable

_MOST = 50
Offer = tuple[str, str]  # the value, and what helps to choose it


def offers(ctx: Context, of: str, *, like: str = "") -> list[Offer]:
    """What can be chosen, the likeliest first; at most fifty, only those that have `like` in them. Raises nothing: a
    ledger that cannot be read offers nothing."""
    try:
        with reading(ctx.workspace.ledger) as connection:
            found = _offers(ctx, connection, of)
    except (EngineError, OSError, sqlite3.Error):
        found = _sources(ctx) if of == "source" else []
    wanted = like.lower()
    return list(islice((each for each in found if wanted in each[0].lower() or wanted in each[1].lower()), _MOST))


def _offers(ctx: Context, connection: sqlite3.Connection | None, of: str) -> list[Offer]:
    if of == "source":
        return _sources(ctx)
    if connection is None:
        return []
    query = _QUERIES.get(of)
    if query is None:
        return []
    rows = connection.execute(query).fetchall()
    if of == "cause":
        return [(str(cause), f"{cause_in_words(str(cause))}: {plural(files, 'file')}") for cause, files in rows]
    if of == "file":
        return [(str(path), cause_in_words(str(words))) for path, words in rows]
    return [(str(value), str(words)) for value, words in rows]


_QUERIES = {
    "run": "SELECT id, action || ' ' || status || ', ' || substr(started_at, 1, 16) FROM runs"
    " WHERE status NOT IN ('running', 'refused') ORDER BY seq DESC LIMIT 200",
    # what verify found not whole, then what fails; the raw file that it is of
    "file": f"SELECT DISTINCT subject, state FROM verified WHERE {IS_BAD} UNION ALL SELECT path, words FROM"
    " (SELECT f.path, coalesce((SELECT c.cause FROM failure_causes c WHERE c.failure = f.id ORDER BY c.records DESC"
    " LIMIT 1), f.kind) AS words FROM failures f WHERE f.accepted_at IS NULL"
    f" AND f.path NOT IN (SELECT subject FROM verified WHERE {IS_BAD}) ORDER BY f.failed_at DESC LIMIT 1000)",
    "cause": "SELECT c.cause, count(*) FROM failure_causes c JOIN failures f ON f.id = c.failure"
    " WHERE f.accepted_at IS NULL GROUP BY c.cause ORDER BY 2 DESC LIMIT 200",
    "archive": "SELECT label, count(*) || ' files' FROM archived GROUP BY label ORDER BY label LIMIT 200",
    "schema": "SELECT fingerprint, name FROM rules ORDER BY id DESC LIMIT 200",
}


def _sources(ctx: Context) -> list[Offer]:
    raw = ctx.workspace.path(ctx.settings.zones.raw)
    try:
        with os.scandir(raw) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(("_", ".")))
    except OSError:
        return []
    return [(name, "") for name in names]


def _file(ctx: Context, text: str) -> str:
    """A file that is there, or that the ledger knows; typed from the root or the raw zone on. Raises UsageError."""
    raw = ctx.settings.zones.raw.rstrip("/")
    found = [ctx.workspace.confine(each, zones=ctx.settings.folders) for each in (text, f"{raw}/{text.lstrip('/')}")]
    for path in found:
        if os.path.lexists(ctx.workspace.path(path)) and not os.path.isdir(ctx.workspace.path(path)):
            return path
    known = "SELECT 1 FROM files WHERE path = ?1 OR dest = ?1 UNION ALL SELECT 1 FROM failures WHERE path = ?1 LIMIT 1"
    with suppress(EngineError, OSError, sqlite3.Error), reading(ctx.workspace.ledger) as connection:
        for path in found:
            if connection is not None and connection.execute(known, [recordable(path)]).fetchone():
                return path
    raise UsageError("no such file is there, and none is known", file=found[0], next_step="give its path from the root")


def valid_value(ctx: Context, of: str, text: str) -> str:
    """The value as it is kept. Raises UsageError that says what could be meant."""
    if "\0" in text or "\n" in text or len(text) > 4096:
        raise UsageError("a value is one line of text", untouched="everything")
    if of == "run":
        from console.engine.runs.query import find_run

        return find_run(ctx, text).id
    if of == "source":
        known = [name for name, _ in _sources(ctx)]
        name = text.rstrip("/").rpartition("/")[2]
        if name not in known:
            raise UsageError(
                f"there is no source {text!r}", untouched="everything", next_step="one of: " + ", ".join(known[:20])
            )
        return name
    if of == "file":
        return _file(ctx, text)
    if of == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise UsageError(f"{text!r} is no day", next_step="write it as 2026-03-01") from None
    if of == "number":
        if not (text.isascii() and text.isdigit()):
            raise UsageError(f"{text!r} is no whole number", untouched="everything")
        return str(int(text))
    if of == "folder":
        path = os.path.join(ctx.workspace.root, os.path.expanduser(text))
        if not os.path.isdir(path):
            raise UsageError("there is no such folder", file=path, next_step="make it, or name another")
        return os.path.normpath(path)
    return text
