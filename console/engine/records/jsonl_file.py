"""Reading JSON Lines: a record a line, blank lines between them allowed. Each line stands and fails alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from console.engine.records.events import Batch, Event, Unreadable, Warned, fault
from console.engine.records.json_file import TWICE
from console.engine.records.model import RecordError
from console.engine.records.reading import Reading
from console.engine.records.strict import StrictDecoder, not_utf8
from console.engine.records.window import BLOCK, Window
from console.engine.records.words import EXCERPT_SHOWN, cut

_SPACE = b" \t\r"


def read_json_lines(window: Window, reading: Reading) -> Iterator[Event]:
    """The records of a JSON Lines file whose first byte is the window's (after `begin`)."""
    decoder = reading.decoder()
    while True:
        window.fill(reading.chunk)
        data = window.data
        if not data:
            return
        end = len(data) if window.eof else data.rfind(b"\n") + 1
        if not end:  # a line longer than a chunk
            window.fill(reading.record_bytes + 2)
            end = window.data.find(b"\n") + 1 or (len(window.data) if window.eof else 0)
            if not end:
                yield from _too_long(window, reading)
                continue
        yield from _block(window.data[:end], window.line, reading, decoder)
        window.drop(end)


def _block(text: bytes, line: int, reading: Reading, decoder: StrictDecoder) -> Iterator[Event]:
    """Whole lines: at once where all is plain, else line by line."""
    lines = text.removesuffix(b"\n").split(b"\n")
    if len(text) <= reading.record_bytes:
        try:
            values = list(map(orjson.loads, lines))
        except orjson.JSONDecodeError:
            pass
        else:
            if reading.proves(text, values):
                yield Batch(values, lambda index: line + index)
                return
    records: list[Any] = []
    numbers: list[int] = []
    for number, raw in enumerate(lines, line):
        if not raw.strip(_SPACE):
            continue
        value, errors, repeated = _line(raw, number, reading, decoder)
        if errors and records:
            yield Batch(records, numbers.__getitem__)
            records, numbers = [], []
        if errors:
            yield Unreadable(number, _excerpt(raw), errors)
            continue
        if repeated:
            yield Warned(TWICE, 1)
        records.append(value)
        numbers.append(number)
    if records:
        yield Batch(records, numbers.__getitem__)


def _line(
    raw: bytes, number: int, reading: Reading, decoder: StrictDecoder
) -> tuple[Any, tuple[RecordError, ...], bool]:
    """One line's value, what is wrong with it, and whether it names a key twice where that is a warning."""
    if len(raw) > reading.record_bytes:
        return None, (_too_large(reading),), False
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    else:
        if reading.proves(raw, value):
            return value, (), False
    text = raw.decode("utf-8", "surrogateescape").strip(" \t\r")
    indent = len(raw) - len(raw.lstrip(_SPACE))
    try:
        value, end = decoder.decode(text, 0)
        if end < len(text):
            raise json.JSONDecodeError("Something follows after the record", text, end)
    except (ValueError, RecursionError) as error:
        if (wrong := not_utf8(text)) is not None:
            return None, (wrong,), False
        column = (error.pos if isinstance(error, json.JSONDecodeError) else 0) + 1 + indent
        return None, (decoder.explain(error, number, column),), False
    return value, decoder.faults(value, text), decoder.repeated


def _too_long(window: Window, reading: Reading) -> Iterator[Event]:
    """A line larger than a record may be: skipped to its end, whatever its length."""
    number, excerpt = window.line, _excerpt(window.data)
    while True:
        end = window.data.find(b"\n") + 1
        if end:
            window.drop(end)
            break
        window.drop(len(window.data))
        window.fill(BLOCK)
        if not window.data:
            break
    yield Unreadable(number, excerpt, (_too_large(reading),))


def _too_large(reading: Reading) -> RecordError:
    return fault("record-size", f"it is larger than {reading.record_bytes} bytes")


def _excerpt(raw: bytes) -> str:
    return cut(raw[: 4 * EXCERPT_SHOWN].decode("utf-8", "replace").strip(), EXCERPT_SHOWN)
