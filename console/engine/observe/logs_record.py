"""One record of a log, whole and laid out for reading."""

from __future__ import annotations

import json

import orjson

from console.engine.observe.logs_view import Row
from console.engine.text import count, visible

RECORD_BYTES = 256 * 1024  # of a record, as many as are read for this
LINES = 2000  # as many as are shown


def describe_record(row: Row, whole: bytes) -> list[tuple[str, str]]:
    """The record as lines with a tone each ('' | strong | dim | warn). whole: its bytes up to RECORD_BYTES.

    A JSON object or array is indented, keys in the file's order; anything else is shown as it is. Every line
    is sanitised.
    """
    line = row.line
    assert line is not None
    level = row.level.word or "not recognised"
    fact = f"level {level}, {count(line.length)} bytes at byte {count(line.start)}"
    lines: list[tuple[str, str]] = [(fact, "dim"), ("", "")]
    if line.length > len(whole):
        lines.insert(1, (f"only the first {count(len(whole))} bytes are shown", "warn"))
    text = whole.decode("utf-8", "surrogateescape")
    shown = _indented(whole) if line.length <= len(whole) else None
    body = shown if shown is not None else [text]
    lines += [(visible(part), "") for part in body[:LINES]]
    if len(body) > LINES:
        lines.append((f"{count(len(body) - LINES)} more lines", "warn"))
    return lines


def _indented(whole: bytes) -> list[str] | None:
    if whole[:1] not in (b"{", b"["):
        return None
    try:
        document = orjson.loads(whole)
    except orjson.JSONDecodeError:
        return None
    return json.dumps(document, ensure_ascii=False, indent=2).split("\n")
