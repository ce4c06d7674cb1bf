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
# Any integer outside 64 bits has 19 digits or more. One pass turns digits into zeros, one search finds the run.
_ZEROS = bytes(48 if 48 <= code <= 57 else 1 if code == 48 else code for code in range(256))
_LONG = b"0" * 19
_LONG_INTEGER = re.compile(rb"(?<![\"0-9.eE+\-])-?[0-9]{19,}(?![0-9.eE])")
_SPACED_COLON = re.compile(rb'"[ \t\n\r]+:')

INTEGER_LEAST = -(2**63)
INTEGER_MOST = 2**64 - 1


def proven(text: bytes, records: list[Any], *, duplicates: bool, nesting: int, document: Any = None) -> bool:
    """Whether `text` is proven to hold exactly `records` and nothing stranger.

    text: what was parsed, a JSON array or JSON Lines. records: the values that it holds, one level down.
    duplicates: whether a key named twice matters. nesting: how deep a record may be, itself counted.
    document: the parsed text as a whole where it is one value, for the shortest of the proofs.
    """
    if document is not None and text[1:2] == b"\n" and _as_indented(text, document, nesting):
        return True
    if text.count(b"{") == len(records) and set(map(type, records)) == {dict} and text.count(b"[") < nesting:
        keys = sum(map(len, records))  # one brace a record: no keys below, and not lists enough to be deep
    else:
        keys, deep = _measure(records, nesting)
        if deep:
            return False
    if document is not None and _as_compact(text, document):
        return True
    # Every key in the text is a quote, perhaps white space, and a colon. The same may stand inside of strings, so
    # this is an upper bound of the keys written; if it is the number of keys kept, none was written twice.
    if duplicates and text.count(b'":') + len(_SPACED_COLON.findall(text)) != keys:
        return False
    if _LONG in text.translate(_ZEROS):
        return all(map(integer_within, _LONG_INTEGER.findall(text)))
    return True


def too_deep(value: Any, nesting: int) -> bool:
    """Whether `value` is nested deeper than `nesting`, itself counted."""
    return _measure([value], nesting)[1]


def integer_within(digits: str | bytes) -> bool:
    """Whether an integer literal fits 64 bits, signed or unsigned."""
    return len(digits) <= 20 and INTEGER_LEAST <= int(digits) <= INTEGER_MOST


def _as_indented(text: bytes, document: Any, nesting: int) -> bool:
    """Whether orjson, indenting by two, writes `document` as exactly `text`: then text says nothing more.

    Each level of nesting is indented by two more, so without this many spaces nothing is too deep either.
    """
    return b" " * (2 * nesting) not in text and orjson.dumps(document, option=_INDENT) == text


def _as_compact(text: bytes, document: Any) -> bool:
    """Whether orjson writes `document` as exactly `text`, without white space. Tried only where it looks so."""
    colon = text.find(b'":', 0, 256)
    return colon > 0 and text[colon + 2 : colon + 3] != b" " and orjson.dumps(document) == text


def _measure(values: list[Any], nesting: int) -> tuple[int, bool]:
    """Keys of all objects in `values`, and whether one of them is nested deeper than `nesting`."""
    keys = 0
    level: list[Any] = [value for value in values if value.__class__ is dict or value.__class__ is list]
    for _ in range(nesting):
        if not level:
            return keys, False
        below: list[Any] = []
        for value in level:
            items = value
            if value.__class__ is dict:
                keys += len(value)
                items = value.values()
            below += [item for item in items if item.__class__ is dict or item.__class__ is list]
        level = below
    return keys, bool(level)
