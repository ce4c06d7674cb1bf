"""Exact reading of single JSON values: what is wrong, where, and how far the value reaches when it is broken.

This is the judge of last resort and the truth of the other readers: they are fast where they can prove that it
would find nothing. It stands on the C scanner of the standard library, whose leniencies (NaN, keys named twice,
numbers of any size, lone surrogates) are taken back here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from console.engine.records.events import fault
from console.engine.records.model import RecordError
from console.engine.records.proof import integer_within, too_deep
from console.engine.records.words import cut

_FAULTS_LISTED = 20  # of one record
_SURROGATE = re.compile("[\ud800-\udfff]")
_STEP = re.compile(r'["\[\]{}]')
_SCALAR_END = re.compile(r"[,\]}\s]")
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_CANCELLED = 20  # levels of nesting that are worth cancelling out
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


class _Mark:
    """Stands in a value where the text has something that JSON cannot say."""

    __slots__ = ("message", "rule", "text")

    def __init__(self, rule: str, text: str, message: str) -> None:
        self.rule, self.text, self.message = rule, text, message


class _Twice(dict[str, Any]):
    """An object that names a key twice."""

    key = ""


class StrictDecoder:
    """Decodes JSON values and says what is wrong with them beyond syntax.

    duplicates: error | warn | off. nesting: how deep a value may be, itself counted.
    """

    def __init__(self, duplicates: str, nesting: int) -> None:
        self._duplicates, self._nesting = duplicates, nesting
        self._marked = False
        self.repeated = False  # the value read last names a key twice, and that is only a warning
        decoder = json.JSONDecoder(
            object_pairs_hook=None if duplicates == "off" else self._pairs,
            parse_float=self._float,
            parse_int=self._integer,
            parse_constant=self._constant,
        )
        self._decode = decoder.raw_decode

    def decode(self, text: str, start: int) -> tuple[Any, int]:
        """The value that begins at text[start], and where it ends. What is wrong inside is marked, see `faults`.

        Raises json.JSONDecodeError or RecursionError.
        """
        self._marked = self.repeated = False
        return self._decode(text, start)

    def faults(self, value: Any, raw: str) -> tuple[RecordError, ...]:
        """What is wrong with the value that `decode` gave last; raw is its text."""
        if not raw.isascii() and (found := _SURROGATE.search(raw)):
            return (_not_utf8(raw, found.start()),)
        if self._marked:
            return tuple(_marks(value))
        if "\\u" in raw.lower() and not _writable(value):
            return (fault("utf-8", "it holds a lone surrogate (\\ud800 to \\udfff), which is no character"),)
        if too_deep(value, self._nesting):
            return (_nested(self._nesting),)
        return ()

    def explain(self, error: Exception, line: int, column: int) -> RecordError:
        """A failure of `decode` as an error; line and column say where it is in the file."""
        if isinstance(error, RecursionError):
            return _nested(self._nesting)
        words = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return fault("json", f"no valid JSON at line {line}, column {column}: {words[:1].lower()}{words[1:]}")

    # --- hooks of the scanner ---------------------------------------------------------------------------

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        if len(keys) == len(pairs):
            return keys
        if self._duplicates == "warn":
            self.repeated = True
            return keys
        self._marked = True
        seen: set[str] = set()
        twice = _Twice(keys)
        for key, _ in pairs:
            if key in seen:
                twice.key = key
                break
            seen.add(key)
        return twice

    def _integer(self, text: str) -> Any:
        if len(text) < 19:
            return int(text)
        if integer_within(text):
            return int(text)
        self._marked = True
        return _Mark("integer-range", text, f"the integer {cut(text, 40)} is outside 64 bits")

    def _float(self, text: str) -> Any:
        value = float(text)
        if value - value == 0:
            return value
        self._marked = True
        return _Mark("number-range", text, f"the number {cut(text, 40)} is too large for a double")

    def _constant(self, text: str) -> Any:
        self._marked = True
        return _Mark("nan", text, f"{text} is no JSON value")


def _nested(nesting: int) -> RecordError:
    return fault("nesting", f"it is nested deeper than {nesting} levels")


def _not_utf8(raw: str, at: int) -> RecordError:
    byte = ord(raw[at])
    what = f"the byte 0x{byte - 0xDC00:02x}" if 0xDC80 <= byte <= 0xDCFF else "a lone surrogate"
    return fault("utf-8", f"it is not UTF-8: {what} after {cut(raw[max(0, at - 20) : at], 20)!r}")


def not_utf8(raw: str) -> RecordError | None:
    """The error of a text, decoded with surrogateescape, that was no UTF-8; None where it was."""
    found = None if raw.isascii() else _SURROGATE.search(raw)
    return _not_utf8(raw, found.start()) if found else None


def _writable(value: Any) -> bool:
    """Whether orjson can write `value`: it cannot where a string holds a lone surrogate."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        return "surrogates" not in str(error)
    return True


def _marks(value: Any) -> list[RecordError]:
    """What is marked in `value`, with its dotted place, breadth first."""
    found: list[RecordError] = []
    level: list[tuple[str, Any]] = [("", value)]
    while level and len(found) < _FAULTS_LISTED:
        below: list[tuple[str, Any]] = []
        for place, item in level:
            if isinstance(item, _Mark):
                found.append(fault(item.rule, f"{place or 'the record'}: {item.message}", field=place, value=item.text))
            elif isinstance(item, dict):
                if isinstance(item, _Twice):
                    where = f" in {place}" if place else ""
                    found.append(
                        fault("duplicate-key", f"the key {cut(item.key, 60)!r} is there twice{where}", field=place)
                    )
                below += [(f"{place}.{key}" if place else key, sub) for key, sub in item.items()]
            elif isinstance(item, list):
                below += [(f"{place}.{index}" if place else str(index), sub) for index, sub in enumerate(item)]
        level = below
    return found[:_FAULTS_LISTED]


def value_end(text: str, start: int) -> int:
    """Where the value that begins at text[start] ends, by its brackets and quotes alone; -1: not in this text.

    A scalar ends before the comma, bracket or space after it, or where the text ends.
    """
    first = text[start : start + 1]
    if first not in ('"', "[", "{"):
        found = _SCALAR_END.search(text, start)
        return found.start() if found else len(text)
    depth, position = 0, start
    while found := _STEP.search(text, position):
        mark, position = found.group(), found.end()
        if mark == '"':
            position = _string_end(text, position)
            if position < 0:
                return -1
        else:
            depth += 1 if mark in "[{" else -1
        if depth <= 0:
            return position
    return -1


def _string_end(text: str, position: int) -> int:
    """The place after the quote that closes a string whose first character is text[position]; -1: none."""
    while (quote := text.find('"', position)) >= 0:
        slash = quote
        while slash > position and text[slash - 1] == "\\":
            slash -= 1
        if (quote - slash) % 2 == 0:
            return quote + 1
        position = quote + 1
    return -1


class Skipper:
    """Finds the end of a value of any length, block by block, in constant memory: brackets and quotes only.

    Blocks are text of one character a byte (latin-1): nothing that matters here is outside of ASCII.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._held = ""  # a backslash at the end of a block, whose other half is in the next one
        self._scalar: bool | None = None

    def end(self, block: str) -> int:
        """Where in `block` the value ends, -1 if it goes on. The first block begins with the value."""
        if self._scalar is None:
            self._scalar = block[:1] not in ('"', "[", "{")
        if self._scalar:
            found = _SCALAR_END.search(block)
            return found.start() if found else -1
        held = len(self._held)
        text = self._held + block
        self._held = ""
        tail = len(text) - len(text.rstrip("\\"))
        if tail % 2:
            text, self._held = text[:-1], "\\"
        # A quote after a NUL is put behind the text: it stays if the text ends outside of a string.
        lead = '"' if self._in_string else ""
        bare = _STRINGS.sub("", f'{lead}{text}\0"')
        in_string = not bare.endswith('\0"')
        ups, downs = _net(bare)
        if self._depth > downs:
            self._depth += ups - downs
            self._in_string = in_string
            return -1
        end = self._careful(text)
        return end - held if end >= 0 else -1

    def _careful(self, text: str) -> int:
        """The same, mark by mark: the end may be in this block."""
        position = 0
        if self._in_string:
            position = _string_end(text, 0)
            if position < 0:
                return -1
            self._in_string = False
            if self._depth == 0:
                return position
        while found := _STEP.search(text, position):
            mark, position = found.group(), found.end()
            if mark == '"':
                position = _string_end(text, position)
                if position < 0:
                    self._in_string = True
                    return -1
            else:
                self._depth += 1 if mark in "[{" else -1
            if self._depth <= 0:
                return position
        return -1


def _net(bare: str) -> tuple[int, int]:
    """Brackets opened and closed in a text without strings, after pairs that cancel out within it."""
    marks = _NO_BRACKETS.sub("", bare)
    for _ in range(_CANCELLED):
        fewer = marks.replace("{}", "").replace("[]", "")
        if len(fewer) == len(marks):
            break
        marks = fewer
    downs = marks.count("]") + marks.count("}")
    return len(marks) - downs, downs
