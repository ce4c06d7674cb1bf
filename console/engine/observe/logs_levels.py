"""How serious a log line is, as a person would read it off its beginning.

Recognised: the pipeline's text form (`2025-10-30 14:25:12 - migration - ERROR - ...`), JSON lines with a key
such as `level`, and what syslog, Java, OpenStack, docker and web servers write: the word as `ERROR`,
`[error]`, `<Error>:`, `level=error`, `error:`. Everything works on bytes, reads at most HEAD_BYTES of a line,
and a line's level never depends on anything but the line, so that a filter may skip any block that holds none
of a level's words.

A line without level and time continues the record above it (a traceback): it is shown when that record is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum

import orjson

HEAD_BYTES = 4096  # of a line, as far as levels and times are looked for
_TEXT_BYTES = 256  # of a text line: further right a level's word belongs to the message
_JSON_KEYS = ("level", "levelname", "severity", "lvl", "loglevel", "log.level")


class Level(IntEnum):
    """Severity of a line, NONE where none is recognised."""

    NONE = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        return "" if self is Level.NONE else self.name.lower()


_UPPER = {
    b"TRACE": Level.DEBUG,
    b"DEBUG": Level.DEBUG,
    b"INFO": Level.INFO,
    b"NOTICE": Level.INFO,
    b"WARN": Level.WARNING,
    b"WARNING": Level.WARNING,
    b"ERROR": Level.ERROR,
    b"ERR": Level.ERROR,
    b"SEVERE": Level.ERROR,
    b"CRITICAL": Level.CRITICAL,
    b"CRIT": Level.CRITICAL,
    b"FATAL": Level.CRITICAL,
    b"ALERT": Level.CRITICAL,
    b"EMERG": Level.CRITICAL,
    b"PANIC": Level.CRITICAL,
}
# `err`, `crit` in small letters begin too many ordinary words for a fast filter; nginx's [crit] is written
# out.
_SMALL = {word: level for word, level in _UPPER.items() if word != b"ERR"}
_LEVELS = (
    dict(_UPPER)
    | {word.lower(): level for word, level in _SMALL.items()}
    | {word.title(): level for word, level in _SMALL.items()}
)


def _any(words: Iterable[bytes]) -> bytes:
    """An alternative of a regular expression: longer words first."""
    longest: list[bytes] = sorted(words, key=lambda word: (-len(word), word))
    return b"|".join(longest)


_BIG = _any(_UPPER)
_LITTLE = _any(word for word in _LEVELS if word not in _UPPER)
# A coloured line has an escape sequence where others have a space.
_WORD = re.compile(
    rb"(?:^|[\s\[\](<|:=\"]|\x1b\[[0-9;]*m)(?:(" + _BIG + rb")(?=[\s\])>|:,;\"=\x1b]|$)"
    rb"|(" + _LITTLE + rb")(?=[\])>|:\"\x1b]))"
    rb"|(?:level|lvl|severity)=\"?(" + _LITTLE + rb")\b"
)
_JSON_LEVEL = re.compile(
    rb'"(?:' + b"|".join(re.escape(key.encode()) for key in _JSON_KEYS) + rb')"\s*:\s*"([A-Za-z]+)"'
)
_TIME = re.compile(rb"\d{1,2}:\d\d|\d{6}[ T-]\d{6}|\d{4}-\d\d-\d\d|\d{10}")
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")


def level_of(line: bytes) -> Level:
    """The level of one line (any length, without or with its terminator)."""
    start = line[:HEAD_BYTES]
    if start.startswith(b"{"):
        return _json_level(line if len(line) <= HEAD_BYTES else start)
    found = _WORD.search(start, 0, _TEXT_BYTES)
    if found is None:
        return Level.NONE
    return _LEVELS[found[1] or found[2] or found[3]]


def _json_level(line: bytes) -> Level:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        # cut, damaged, or not JSON at all: the first key that looks right
        found = _JSON_LEVEL.search(line)
        return _LEVELS.get(found[1], Level.NONE) if found else Level.NONE
    if isinstance(document, dict):
        for key in _JSON_KEYS:
            value = document.get(key)
            if isinstance(value, str):
                word = value.encode("utf-8", "replace")
                # the word must stand in the bytes as it is (not as \u0045...), or the fast filter would miss
                # it
                return _LEVELS.get(word, Level.NONE) if word in line else Level.NONE
    return Level.NONE


def is_head(line: bytes) -> bool:
    """True where a record begins: the line has a level or a time, or is a JSON object."""
    if line.startswith(b"{"):
        return True
    start = line[:_TEXT_BYTES]
    if b"\x1b" in start:
        start = _ESCAPE.sub(b"", start)
    return _TIME.search(start, 0, 96) is not None or level_of(line) is not Level.NONE


def words_at_least(level: Level) -> tuple[bytes, ...]:
    """Upper-case bytes one of which the upper-cased line of every record of `level` or above contains."""
    words = sorted((word for word, its in _UPPER.items() if its >= level), key=len)
    kept: list[bytes] = []
    for word in words:
        if not any(other in word for other in kept):
            kept.append(word)
    return tuple(kept)
