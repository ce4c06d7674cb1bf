"""Cheap proofs that a text hides nothing which orjson swallowed: a key twice, an integer cut to a float, deep nesting.

orjson is strict about everything else (RFC 8259, UTF-8, no NaN, no lone surrogate, no number beyond a double), so a
text that it parses and that is proven here needs no second reading. A proof may fail for a text that is
fine; then the slow exact reader decides. It never succeeds for one that is not.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_INDENT = orjson.OPT_INDENT_2
# orjson writes fewer levels than this, and says so: what it has written is not nested deeper.
_LEVELS_WRITTEN = 256
_COLON = re.compile(rb"\\u003[aA]")
# Any integer outside 64 bits has 19 digits or more. One pass turns digits into zeros, one search finds the run.
_ZEROS = bytes(48 if 48 <= code <= 57 else 1 if code == 48 else code for code in range(256))
_LONG = b"0" * 19
_LONG_INTEGER = re.compile(rb"(?<![\"0-9.eE+\-])-?[0-9]{19,}(?![0-9.eE])")

INTEGER_LEAST = -(2**63)
INTEGER_MOST = 2**64 - 1


def proven(text: bytes, parsed: Any, *, duplicates: bool, nesting: int) -> bool:
    """Whether `text` is proven to say exactly `parsed` and nothing stranger.

    text: JSON, or JSON Lines; parsed: what orjson made of it, for JSON Lines the list of the lines.
    duplicates: whether a key named twice matters. nesting: how deep `parsed` may be, itself counted.
    """
    if nesting < _LEVELS_WRITTEN and too_deep(parsed, nesting):
        return False
    try:
        # Written again, the same bytes: most files come from programs that write as orjson does.
        if text[1:4] == b"\n  " and orjson.dumps(parsed, option=_INDENT) == text:
            return True
        written = orjson.dumps(parsed)
    except orjson.JSONEncodeError:  # deeper than it writes
        return False
    if written == text:
        return True
    return (not duplicates or _no_key_twice(text, written, parsed)) and _integers_fit(text)


def too_deep(value: Any, nesting: int) -> bool:
    """Whether `value` is nested deeper than `nesting`, itself counted."""
    return _measure(value, nesting)[1]


def integer_within(digits: str | bytes) -> bool:
    """Whether an integer literal fits 64 bits, signed or unsigned."""
    return len(digits) <= 20 and INTEGER_LEAST <= int(digits) <= INTEGER_MOST


def _no_key_twice(text: bytes, written: bytes, parsed: Any) -> bool:
    """Whether `text` is proven to hold no more keys than `written`, which is `parsed` again.

    Each key has a colon, and each colon of a string kept is in both, as long as `text` disguises none (\\u003a). A key
    written twice, and what its lost value holds, would only add to `text`. So equal counts mean equal keys.
    """
    if b"\\u003" in text and _COLON.search(text):
        return text.count(b":") == _measure(parsed, _LEVELS_WRITTEN)[0]
    return text.count(b":") == written.count(b":")


def _integers_fit(text: bytes) -> bool:
    """Whether no integer in `text` is outside of 64 bits."""
    return _LONG not in text.translate(_ZEROS) or all(map(integer_within, _LONG_INTEGER.findall(text)))


def _measure(value: Any, nesting: int) -> tuple[int, bool]:
    """Keys of all objects in `value`, and whether it is nested deeper than `nesting`."""
    keys = 0
    level: list[Any] = [value] if value.__class__ is dict or value.__class__ is list else []
    for _ in range(nesting):
        if not level:
            return keys, False
        below: list[Any] = []
        for item in level:
            items = item
            if item.__class__ is dict:
                keys += len(item)
                items = item.values()
            below += [sub for sub in items if sub.__class__ is dict or sub.__class__ is list]
        level = below
    return keys, bool(level)
