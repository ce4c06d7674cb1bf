"""Reading CSV (RFC 4180, comma, header row) into records: a cell is text, a plain decimal, or absent.

An empty cell is an absent property. A plain decimal in a property that the schema types as a number is that number.
All else is text as it stands. Blank lines are no records. A record's size is that of its row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from console.engine.records.events import Batch, Broken, Columns, Event, Unreadable, fault
from console.engine.records.model import RecordError
from console.engine.records.proof import integer_within
from console.engine.records.reading import Reading
from console.engine.records.strict import not_utf8
from console.engine.records.window import BLOCK, Window
from console.engine.records.words import EXCERPT_SHOWN, cut

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_LEADING_ZEROS = re.compile(r"^(-?)0+(?=[0-9])")
_HELD = 2000  # rows handed on at a time
_COLUMNS_KEPT = 1000


class _TooLong(Exception):
    """A row is larger than a record may be. The next line begins a new one."""


class _Feed:
    """Physical lines for csv.reader, from blocks of whole lines.

    line: how many lines have been given. pending: bytes given since the consumer last set it to 0.
    foreign: something was no UTF-8, so rows have to be looked at from there on.
    """

    def __init__(self, window: Window, reading: Reading) -> None:
        self._window, self._reading = window, reading
        self._lines: Iterator[str] = iter(())
        self.line = 0
        self.pending = 0
        self.foreign = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        while line is None:
            self._lines = io.StringIO(self._block(), newline="")
            line = next(self._lines, None)
        self.line += 1
        self.pending += len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
        if self.pending > self._reading.record_bytes:
            raise _TooLong
        return line

    def _block(self) -> str:
        """Whole lines, about a chunk of them. Raises StopIteration at the end, _TooLong for an endless line."""
        window = self._window
        window.fill(self._reading.chunk)
        end = self._whole_lines()
        if not end and not window.eof:
            window.fill(self._reading.record_bytes + 2)
            end = self._whole_lines()
        if not end:
            self._skip_line()
            raise _TooLong
        if not window.data:
            raise StopIteration
        data = window.data[:end]
        window.drop(end)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            self.foreign = True
            return data.decode("utf-8", "surrogateescape")

    def _whole_lines(self) -> int:
        """Where the last whole line of the window ends: \\n, \\r\\n or, where there is no \\n at all, \\r."""
        data = self._window.data
        if self._window.eof:
            return len(data) or 1
        return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1

    def _skip_line(self) -> None:
        self.line += 1
        window = self._window
        while window.data:
            end = window.data.find(b"\n") + 1
            window.drop(end or len(window.data))
            if end:
                return
            window.fill(BLOCK)


def read_csv(window: Window, reading: Reading, numbers: frozenset[str]) -> Iterator[Event]:
    """The records of a CSV file whose first byte is the window's (after `begin`).

    numbers: names of the columns whose plain decimals are numbers.
    """
    # The module's limit is of the whole process: it is only ever raised, rows are bounded by the feed.
    if csv.field_size_limit() < reading.record_bytes:
        csv.field_size_limit(reading.record_bytes)
    feed = _Feed(window, reading)
    rows = csv.reader(feed, strict=True)
    header: list[str] | None = None
    while header is None or not header:
        try:
            header = next(rows, None)
        except (csv.Error, _TooLong) as error:
            yield Broken(1, fault("csv-header", f"the header cannot be read: {_words(error, reading)}"))
            return
        if header is None:
            return
        feed.pending = 0
    yield Columns(tuple(header[:_COLUMNS_KEPT]))
    wrong = _header_error(header)
    if wrong is not None:
        yield Broken(feed.line, wrong)
        return
    yield from _Rows(header, feed, reading, numbers).events(rows)


def _header_error(header: list[str]) -> RecordError | None:
    if (foreign := not_utf8("".join(header))) is not None:
        return foreign
    empty = next((number for number, name in enumerate(header, 1) if not name), 0)
    if empty:
        return fault("csv-header", f"column {empty} of the header has no name")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        return fault("csv-header", f"the header names the column {cut(twice, 60)!r} twice")
    return None


class _Rows:
    """Turns rows into records."""

    def __init__(self, header: list[str], feed: _Feed, reading: Reading, numbers: frozenset[str]) -> None:
        self._header, self._feed, self._reading = header, feed, reading
        self._numbers = [name for name in header if name in numbers]

    def events(self, rows: Any) -> Iterator[Event]:
        """All records in batches; rows that cannot be one in between."""
        feed, width = self._feed, len(self._header)
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        while True:
            line = feed.line + 1
            errors: tuple[RecordError, ...] = ()
            row: list[str] = []
            try:
                row = next(rows)
            except StopIteration:
                break
            except (csv.Error, _TooLong) as error:
                errors = (self._error(error),)
            feed.pending = 0
            if row and not errors:
                if len(row) != width:
                    errors = (fault("csv-ragged", f"it has {len(row)} cells, the header {width}"),)
                else:
                    record, errors = self._record(row)
                    if not errors:
                        records.append(record)
                        lines.append(line)
            if records and (errors or len(records) >= _HELD):
                yield Batch(records, lines.__getitem__)
                records, lines = [], []
            if errors:
                yield Unreadable(line, cut(",".join(row)[: EXCERPT_SHOWN + 1], EXCERPT_SHOWN), errors)
        if records:
            yield Batch(records, lines.__getitem__)

    def _error(self, error: Exception) -> RecordError:
        rule = "record-size" if isinstance(error, _TooLong) else "csv-quote"
        return fault(rule, _words(error, self._reading))

    def _record(self, row: list[str]) -> tuple[dict[str, Any], tuple[RecordError, ...]]:
        record: dict[str, Any] = dict(zip(self._header, row, strict=True))
        if "" in row:
            record = {name: cell for name, cell in record.items() if cell}
        for name in self._numbers:
            cell = record.get(name)
            if cell is None or not (found := _DECIMAL(cell)):
                continue
            if found.group(1):
                number = float(cell)
                if number - number != 0:
                    return record, (self._range("number-range", name, cell, "too large for a double"),)
                record[name] = number
            elif len(cell) < 19 or integer_within(_LEADING_ZEROS.sub(r"\1", cell)):
                record[name] = int(cell)
            else:
                return record, (self._range("integer-range", name, cell, "outside 64 bits"),)
        if self._feed.foreign and (wrong := not_utf8("".join(row))) is not None:
            return record, (wrong,)
        return record, ()

    def _range(self, rule: str, name: str, cell: str, words: str) -> RecordError:
        return fault(rule, f"{name}: the number {cut(cell, 40)} is {words}", field=name, value=cell)


def _words(error: Exception, reading: Reading) -> str:
    if isinstance(error, _TooLong):
        return f"it is larger than {reading.record_bytes} bytes"
    text = str(error)
    if "unexpected end of data" in text:
        return "a quoted cell that begins here is never closed"
    if "expected after" in text:
        return "a quote closes a cell, but no comma follows (a quote inside of a cell is written twice)"
    return text
