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
_DISGUISED = re.compile(rb"\\u00(?:22|20|3[aA])")  # a quote, a space, a colon
_SPACED_COLON = re.compile(rb'"[ \t\n\r]+:')

# Levels that orjson writes; what it writes is never deeper.
_DUMPED_LEVELS = 256

INTEGER_LEAST = -(2**63)
INTEGER_MOST = 2**64 - 1


def proven(text: bytes, records: list[Any], *, duplicates: bool, nesting: int, document: Any = None) -> bool:
    """Whether `text` is proven to hold exactly `records` and nothing stranger.

    text: what was parsed, a JSON array or JSON Lines. records: the values that it holds, one level down.
    duplicates: whether a key named twice matters. nesting: how deep a record may be, itself counted.
    document: the parsed text as a whole where it is one value, for the shortest of the proofs.
    """
    if document is not None and text[1:4] == b"\n  " and _as_indented(text, document, nesting):
        return True
    if text.count(b"{") == len(records) and set(map(type, records)) == {dict} and text.count(b"[") < nesting:
        # One brace a record: there are no keys below, and not lists enough to be deep.
        if document is not None and _looks_compact(text) and orjson.dumps(document) == text:
            return True
        return (not duplicates or _keys_at_most(text, sum(map(len, records)))) and _integers_fit(text)
    if nesting < _DUMPED_LEVELS or (b"\\u00" in text and _DISGUISED.search(text)):
        keys, deep = _measure(records, nesting)
        return not deep and (not duplicates or _keys_at_most(text, keys)) and _integers_fit(text)
    try:
        dumped = orjson.dumps(records if document is None else document)
    except orjson.JSONEncodeError:  # too deep for it
        return False
    return dumped == text or ((not duplicates or _keys_as_in(text, dumped)) and _integers_fit(text))


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
    try:
        return b" " * (2 * nesting) not in text and orjson.dumps(document, option=_INDENT) == text
    except orjson.JSONEncodeError:  # deeper than it writes
        return False


def _looks_compact(text: bytes) -> bool:
    """Whether no space follows the first colon, so that trying to write the same may be worth it."""
    colon = text.find(b'":', 0, 256)
    return colon > 0 and text[colon + 2 : colon + 3] != b" "


# A key is a quote, perhaps white space, and a colon. The same may stand inside of strings, so what is counted here is
# never less than the keys that are written. They are never less than the keys that were kept: if the counts
# agree, no key was written twice.


def _keys_at_most(text: bytes, kept: int) -> bool:
    """Whether `text` is proven to write no more than `kept` keys."""
    return text.count(b'":') + len(_SPACED_COLON.findall(text)) == kept


def _keys_as_in(text: bytes, dumped: bytes) -> bool:
    """Whether `text` is proven to write no more keys than `dumped`, which is what was kept of it.

    In strings `text` has whatever `dumped` has, as long as no quote, colon or space in it is disguised.
    """
    kept = dumped.count(b'":')
    written = text.count(b'":') + len(_SPACED_COLON.findall(text))
    return written == kept or written == kept + len(_SPACED_COLON.findall(dumped))


def _integers_fit(text: bytes) -> bool:
    """Whether no integer in `text` is outside of 64 bits."""
    return _LONG not in text.translate(_ZEROS) or all(map(integer_within, _LONG_INTEGER.findall(text)))


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
