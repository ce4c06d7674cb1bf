"""What a log line is about: the file and the run it names; and when a run was, so that lines without its name are
found too.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from console.engine.context import Context
from console.engine.ledger.store import reading

_FILE_KEYS = ("file", "source", "file_path", "path")
_TEXT = re.compile(r"\S+ \S+ - .*? - [A-Z]+ - (.*)", re.DOTALL)
_RUN = re.compile(r"\b\d{8}T\d{6}Z-[a-z]+(?:-[a-z]+)*-[0-9a-f]{4}\b")
_SLACK = 2.0  # seconds around a run: the text log's times are whole seconds


@dataclass(frozen=True, slots=True)
class About:
    """file: as the line has it; run: its id. '' for what it does not name."""

    file: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class RunSpan:
    """A run and its time in seconds since 1970; until: 0 where it has not ended."""

    id: str
    since: float
    until: float


def about_line(head: bytes) -> About:
    """What the line that begins with `head` names. Unsanitised."""
    text = head.decode("utf-8", "surrogateescape")
    run = found[0] if (found := _RUN.search(text)) else ""
    if head.startswith(b"{"):
        try:
            record = orjson.loads(head)
        except orjson.JSONDecodeError:
            return About("", run)
        if not isinstance(record, dict):
            return About("", run)
        named = record.get("run")
        files = (record.get(key) for key in _FILE_KEYS)
        file = next((each for each in files if isinstance(each, str) and "/" in each), "")
        return About(file, named if isinstance(named, str) and named else run)
    message = _TEXT.match(text)
    parts = message[1].split(": ") if message else []
    return About(next((part for part in parts[1:] if "/" in part), ""), run)


def as_written(head: bytes, name: str) -> str:
    """`name`, which the line that begins with `head` names, as its bytes have it: JSON may have escaped it."""
    text = head.decode("utf-8", "surrogateescape")
    forms = (name, json.dumps(name, ensure_ascii=False)[1:-1], json.dumps(name)[1:-1])
    return next((form for form in forms if form in text), name)


def find_run_span(ctx: Context, run_id: str, moment: float) -> RunSpan | None:
    """The run with that id; where it is '', the one that was running at `moment`. None where the ledger has none.

    moment: seconds since 1970. Raises LedgerError.
    """
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return None
        if run_id:
            query, values = "SELECT id, started_at, ended_at FROM runs WHERE id = ?", (run_id,)
        else:
            latest = datetime.fromtimestamp(moment + _SLACK, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            query = "SELECT id, started_at, ended_at FROM runs WHERE started_at <= ? ORDER BY started_at DESC LIMIT 1"
            values = (latest,)
        row = connection.execute(query, values).fetchone()
    if row is None:
        return None
    until = _seconds(row[2]) if row[2] else 0.0
    if not run_id and until and until + _SLACK < moment:
        return None
    return RunSpan(row[0], math.floor(_seconds(row[1])), math.floor(until) + 1 if until else 0.0)


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
