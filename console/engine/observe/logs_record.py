"""One record of a log, whole and laid out for reading."""

from __future__ import annotations

import re

import orjson

from console.engine.observe.logs_view import Row
from console.engine.text import count, visible

RECORD_BYTES = 256 * 1024  # of a record, as many as are read for this
LINES = 2000  # as many as are shown


def describe_record(row: Row, whole: bytes) -> list[tuple[str, str]]:
    """The record as lines with a tone each ('' | strong | dim | warn). whole: its bytes up to RECORD_BYTES.

    A JSON object or array is indented; anything else is shown as it is. Every line
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
    return lines + [(visible(part), "") for part in body]


def _indented(whole: bytes) -> list[str] | None:
    if whole[:1] not in (b"{", b"["):
        return None
    try:
        orjson.loads(whole)
    except orjson.JSONDecodeError:
        return None
    return indent(whole.decode())


# what stands between strings: brackets, commas and colons, and the blanks around them
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]\s*[\]}]|[\[\]{}:,]|[^\[\]{}:,"\s]+', re.DOTALL)


def indent(text: str) -> list[str]:
    """JSON text in lines, two blanks a level. Values stay letter for letter: no number is rounded, no key is
    lost.
    """
    lines = [""]
    level = 0
    for token in _TOKEN.findall(text):
        if token in ("{", "["):
            level += 1
            lines[-1] += token
            lines.append("  " * level)
        elif token in ("}", "]"):
            level -= 1
            lines.append("  " * level + token)
        elif token == ",":
            lines[-1] += token
            lines.append("  " * level)
        else:
            lines[-1] += ": " if token == ":" else token
        if len(lines) > LINES:
            lines.append("…")
            break
    return lines
