"""Reading a JSON document: an array of records, a list inside an object, or one record. Any size, flat memory.

An array is read in chunks of about 1 MiB of whole records. From the beginning of a record a cut is tried after a
`}` that white space and a comma follow: JSON is read from left to right without looking ahead, so if
`[` chunk `]` is a complete array, the chunk ends where a record ends. What orjson takes and `proof` proves is done;
everything else is read again, exactly, value by value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

import orjson

from console.engine.records.cursor import Broke, Cursor, Value
from console.engine.records.events import Batch, Broken, Event, Unreadable, Warned, fault
from console.engine.records.reading import Reading
from console.engine.records.window import Window

_CUT = re.compile(rb"\}[ \t\n\r]*,")
_COMMA = re.compile(rb"[ \t\n\r]*,")
_CUTS_TRIED = 3
_REST = 8  # chunks read exactly after cutting has failed that often in a row
_FAILURES = 3
_HELD = 1000  # records read exactly before they are handed on
_ENVELOPE_KEYS = 100_000  # of one object around the list: more are not compared with each other
TWICE = "a key is there twice"


def read_json(window: Window, reading: Reading, pointer: tuple[str, ...]) -> Iterator[Event]:
    """The records of a JSON document whose first byte is the window's (after `begin`).

    pointer: the way to a list inside of the document; () for the document itself, which is a list or one record.
    """
    cursor = Cursor(window, reading.decoder(), reading.record_bytes, reading.exact)
    try:
        first = cursor.peek()
        if pointer:
            yield from _inside(window, cursor, reading, pointer, "")
        elif first == "[":
            cursor.take()
            yield from _array(window, cursor, reading, tail=True)
        else:
            readable = yield from _single(window, cursor, reading)
            if not readable:
                return  # what follows a broken document is no news
        if cursor.peek():
            hint = " (JSON Lines have the suffix .jsonl)" if first == "{" and not pointer else ""
            raise cursor.broke(f"something follows after the end of the document{hint}")
    except Broke as broke:
        yield Broken(broke.line, broke.error)


def parse(text: bytes) -> Any:
    """What orjson reads in `text`, or orjson.JSONDecodeError itself as a value where it does not."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.JSONDecodeError


def _single(window: Window, cursor: Cursor, reading: Reading) -> Generator[Event, None, bool]:
    """One record: the whole document. False where it is broken."""
    line = cursor.line
    cursor.leave()
    window.fill(reading.record_bytes + 1)
    if window.eof and len(window.data) <= reading.record_bytes:
        text = window.data.rstrip()
        value = parse(text)
        if value is not orjson.JSONDecodeError and reading.proves(text, value):
            yield Batch([value], lambda _: line)
            window.drop(len(window.data))
            cursor.resume()
            return True
    cursor.resume()
    held = _Held()
    read = cursor.value("the document")
    yield from held.take(read)
    yield from held.give()
    return all(error.rule != "json" for error in read.errors)


# --- arrays --------------------------------------------------------------------------------------------------


class _Cuts:
    """Where a chunk may end, and whether it is worth trying. Learns how this file separates its records."""

    def __init__(self, chunk: int) -> None:
        self._chunk = chunk
        self._learned = b""
        self._failures = 0
        self._rest = 0

    def worth_trying(self) -> bool:
        if self._rest:
            self._rest -= 1
            return False
        return True

    def places(self, data: bytes) -> Iterator[int]:
        """Ends of a chunk to try, each behind a `}`, the likeliest first."""
        if self._learned:
            found = data.find(self._learned, self._chunk)
            if found >= 0:
                yield data.index(b"}", found) + 1
        for number, cut in enumerate(_CUT.finditer(data, self._chunk)):
            if number == _CUTS_TRIED:
                return
            yield cut.start() + 1

    def worked(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= _FAILURES:
            self._failures, self._rest = 0, _REST

    def learn(self, boundary: str) -> None:
        self._learned = boundary.encode("utf-8", "surrogateescape")


def _array(window: Window, cursor: Cursor, reading: Reading, *, tail: bool) -> Iterator[Event]:
    """The records of an array whose `[` is taken; afterwards the cursor is behind its `]`.

    tail: nothing but white space may follow in this file.
    """
    cuts = _Cuts(reading.chunk)
    first = True
    while True:
        cursor.leave()
        goal, done = reading.chunk, False
        if cuts.worth_trying():
            window.fill(2 * reading.chunk)
            if tail and window.eof and len(window.data) <= 2 * reading.chunk:
                batch = _rest(window, reading, first)
                if batch is not None:
                    if batch.records:
                        yield batch
                    cursor.resume()
                    return
            else:
                batch, goal = _chunk(window, reading, cuts)
                if batch is not None:
                    yield batch
                    batch, first = None, False
                    continue
        cursor.resume()
        done = yield from _exact(cursor, cuts, goal, first)
        if done:
            return
        first = False


def _rest(window: Window, reading: Reading, first: bool) -> Batch | None:
    """All that is left of an array, to the end of the file; None where the exact reader has to look."""
    if len(window.data) > reading.record_bytes:
        return None
    text = b"[" + window.data.rstrip()
    records = parse(text)
    if records.__class__ is not list or not (records or first) or not reading.proves(text, records):
        return None
    batch = Batch(records, Lines(text, records, window.line))
    window.drop(len(window.data))
    return batch


def _chunk(window: Window, reading: Reading, cuts: _Cuts) -> tuple[Batch | None, int]:
    """The next chunk; or None and how many bytes the exact reader should take on."""
    data = window.data
    for cut in cuts.places(data):
        if cut > reading.record_bytes:  # one of them may be too large
            continue
        # An indented array closes on a line of its own; so written, its text can be proven by comparison.
        text = b"[" + data[:cut] + (b"\n]" if data[:1] == b"\n" else b"]")
        records = parse(text)
        if records.__class__ is not list:
            continue
        cuts.worked()
        if not reading.proves(text, records):
            return None, cut
        batch = Batch(records, Lines(text, records, window.line))
        comma = _COMMA.match(data, cut)
        assert comma is not None
        window.drop(comma.end())
        return batch, 0
    cuts.failed()
    return None, reading.chunk


def _exact(cursor: Cursor, cuts: _Cuts, goal: int, first: bool) -> Generator[Event, None, bool]:
    """Records read one by one, over about `goal` bytes; True when the array has ended."""
    begun = cursor.offset
    held = _Held()
    ended = False
    try:
        if first and cursor.peek() == "]":
            cursor.take()
            return True
        learned = False
        while not ended and cursor.offset - begun < goal:
            if cursor.peek() in ("]", ""):
                raise cursor.broke("a record is missing after the comma" if cursor.peek() else _CUT_OFF)
            yield from held.take(cursor.value())
            mark = cursor.peek()
            if mark not in (",", "]"):
                raise cursor.broke(f"expected a comma or ], found {mark!r}" if mark else _CUT_OFF)
            if mark == "," and not learned:
                cuts.learn(cursor.boundary())
                learned = True
            cursor.take()
            ended = mark == "]"
    except Broke:
        yield from held.give()
        raise
    yield from held.give()
    return ended


class _Held:
    """Records read one by one, handed on many at a time."""

    def __init__(self) -> None:
        self._records: list[Any] = []
        self._lines: list[int] = []

    def take(self, read: Value) -> Iterator[Event]:
        if read.errors:
            yield from self.give()
            yield Unreadable(read.line, read.excerpt, read.errors)
            return
        if read.repeated:
            yield Warned(TWICE, 1)
        self._records.append(read.value)
        self._lines.append(read.line)
        if len(self._records) >= _HELD:
            yield from self.give()

    def give(self) -> Iterator[Event]:
        if self._records:
            yield Batch(self._records, self._lines.__getitem__)
            self._records, self._lines = [], []


_CUT_OFF = "the file ends inside of the array: is it cut off?"


class Lines:
    """The lines on which the records of a parsed array begin, found when somebody asks, in ascending order.

    text: the array, its `[` first; records: what was read of it; line: the line of the `[`.
    """

    def __init__(self, text: bytes, records: list[Any], line: int) -> None:
        self._text, self._records, self._line = text, records, line
        self._number, self._at, self._counted = 0, 0, 0
        self._starts: Iterator[int] | None = None

    def __call__(self, number: int) -> int:
        if self._starts is None:
            flat = self._text.count(b"{") == len(self._records) and set(map(type, self._records)) == {dict}
            self._starts = self._braces() if flat else self._values()
            self._at = next(self._starts)
        while self._number < number:
            self._at = next(self._starts)
            self._number += 1
        self._line += self._text.count(b"\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _braces(self) -> Iterator[int]:
        """Where records begin whose brace is the only one of each."""
        at = -1
        while (at := self._text.find(b"{", at + 1)) >= 0:
            yield at

    def _values(self) -> Iterator[int]:
        """Where values begin, reading each again."""
        text = self._text.decode()
        decode = json.JSONDecoder().raw_decode
        at, ahead = 1, 0  # in characters; bytes are `ahead` of them
        counted = 0
        while True:
            found = _SPACES.match(text, at)
            assert found is not None
            start = found.end()
            between = text[counted:start]
            ahead += 0 if between.isascii() else len(between.encode()) - len(between)
            counted = start
            yield start + ahead
            found = _SPACES.match(text, decode(text, start)[1])
            assert found is not None
            at = found.end() + 1


_SPACES = re.compile(r"[ \t\n\r]*")


# --- a list inside of an object ------------------------------------------------------------------------------


def _inside(window: Window, cursor: Cursor, reading: Reading, pointer: tuple[str, ...], where: str) -> Iterator[Event]:
    """The list at `pointer` below the value at the cursor. What stands around it is read exactly, not judged."""
    mark = cursor.peek()
    if not pointer:
        if mark == "[":
            cursor.take()
            yield from _array(window, cursor, reading, tail=False)
        else:
            yield _missing(cursor, where, "no list")
            yield from _faults(cursor)
    elif mark == "{":
        cursor.take()
        yield from _members(window, cursor, reading, pointer, where)
    elif mark == "[" and pointer[0].isdigit():
        cursor.take()
        yield from _elements(window, cursor, reading, pointer, where)
    else:
        yield _missing(cursor, f"{where}/{pointer[0]}", "nothing")
        yield from _faults(cursor)


def _members(window: Window, cursor: Cursor, reading: Reading, pointer: tuple[str, ...], where: str) -> Iterator[Event]:
    seen: set[str] = set()
    if cursor.peek() == "}":
        cursor.take()
    else:
        while True:
            if cursor.peek() != '"':
                raise cursor.broke("expected the name of a property")
            name = cursor.value("a property's name")
            if name.errors:
                yield Broken(name.line, name.errors[0])
            key = name.value if isinstance(name.value, str) else ""
            if cursor.peek() != ":":
                raise cursor.broke("expected a colon")
            cursor.take()
            if key in seen and (reading.duplicates == "error" or key == pointer[0]):
                yield Broken(name.line, fault("duplicate-key", f"the key {key!r} is there twice", field=where))
            elif key in seen and reading.duplicates == "warn":
                yield Warned(TWICE, 1)
            if key == pointer[0] and key not in seen:
                yield from _inside(window, cursor, reading, pointer[1:], f"{where}/{key}")
            else:
                yield from _faults(cursor)
            if len(seen) < _ENVELOPE_KEYS or key == pointer[0]:
                seen.add(key)
            if not _goes_on(cursor, "}"):
                break
    if pointer[0] not in seen:
        yield _missing(cursor, f"{where}/{pointer[0]}", "nothing")


def _elements(
    window: Window, cursor: Cursor, reading: Reading, pointer: tuple[str, ...], where: str
) -> Iterator[Event]:
    number, wanted = 0, int(pointer[0])
    if cursor.peek() == "]":
        cursor.take()
    else:
        while True:
            if cursor.peek() == "]":
                raise cursor.broke("a value is missing after the comma")
            if number == wanted:
                yield from _inside(window, cursor, reading, pointer[1:], f"{where}/{number}")
            else:
                yield from _faults(cursor)
            number += 1
            if not _goes_on(cursor, "]"):
                break
    if wanted >= number:
        yield _missing(cursor, f"{where}/{wanted}", "nothing")


def _goes_on(cursor: Cursor, end: str) -> bool:
    """Step over a comma (True) or the closing bracket (False)."""
    mark = cursor.peek()
    if mark not in (",", end):
        raise cursor.broke(f"expected a comma or {end}, found {mark!r}" if mark else "the file is cut off here")
    cursor.take()
    return mark == ","


def _faults(cursor: Cursor) -> Iterator[Event]:
    """Step over a value that is no record; what is wrong with it is wrong with the file."""
    cursor.peek()
    read = cursor.value("a value")
    for error in read.errors[:1]:
        yield Broken(read.line, error)
    if read.repeated:
        yield Warned(TWICE, 1)


def _missing(cursor: Cursor, where: str, found: str) -> Broken:
    return Broken(cursor.line, fault("not-a-list", f"there is {found} at {where}, where the rule looks for records"))
