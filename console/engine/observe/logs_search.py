"""Finding the next or previous line that contains a text or matches a regular expression, in files of any
size.

A text is found in the bytes (1 GiB in half a second; without regard to case in one second, by comparing
lower-cased blocks, where `re.IGNORECASE` takes ten). A regular expression is typed by a person and may take
for ever: it runs in a helper process of its own, which is killed when one block takes longer than its time,
or when nobody wants the answer any more. Interrupting `re` in this process is impossible: it holds the
interpreter's lock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from console.engine.observe import logs_regex
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_lines import Chunk, LineReader, LogLine
from console.engine.observe.logs_stream import LogStream
from console.engine.text import visible

BLOCK = 256 * 1024


class SearchError(Exception):
    """A pattern that does not compile, or takes too long. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. `ignore_case`: ASCII letters, and simple case pairs of other letters, count as
    equal.
    """

    text: str
    regex: bool = False
    ignore_case: bool = False


class Shown(Protocol):
    """Which lines count: LevelFilter, Sieve."""

    def bounds(self, reader: LineReader, low: int, high: int) -> tuple[int, int]: ...
    def shows(self, reader: LineReader, line: LogLine) -> bool: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A line that matches: segment serial, the line, and where in its bytes the first matches are."""

    segment: int
    line: LogLine
    spans: tuple[tuple[int, int], ...] = ()

    def columns(self) -> tuple[tuple[int, int], ...]:
        """The spans as positions in `line.text`, as far as they lie in what is shown."""
        head = self.line.head
        return tuple((_column(head, start), _column(head, end)) for start, end in self.spans if start < len(head))


def _column(head: bytes, offset: int) -> int:
    return len(visible(head[:offset].decode("utf-8", "surrogateescape")))


def compile_search(text: str, *, regex: bool = False, ignore_case: bool | None = None) -> Search:
    """Check what was typed. `ignore_case` None: case counts as soon as there is a capital letter in `text`.

    Raises SearchError with the reason and the column for a regular expression that does not compile.
    """
    if ignore_case is None:
        ignore_case = text == text.lower()
    if regex:
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            column = getattr(error, "colno", None)
            where = f" at column {column}" if column else ""
            raise SearchError(f"{getattr(error, 'msg', None) or error}{where}") from None
    return Search(text, regex, ignore_case)


def find_in_stream(
    stream: LogStream,
    search: Search,
    start: tuple[int, int] | None,
    *,
    backward: bool = False,
    least: Shown | None = None,
    stop: tuple[int, int] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda serial, offset: None,
) -> Found | None:
    """The next shown line at or after `start` that matches (backward: the last one that ends at or before
    it).

    start: segment serial and offset of a line's beginning or end; None: the stream's beginning (backward: its
    end). stop: beyond which nothing is looked for. Returns None when there is none, or when cancelled. Raises
    SearchError (too slow) and OSError.
    """
    shown: Shown = least if least is not None else LevelFilter()
    for serial, reader, low, high in _parts(stream, start, stop, backward):
        low, high = shown.bounds(reader, low, high)

        def tell(offset: int, serial: int = serial) -> None:
            progress(serial, offset)

        for line, spans in find_lines(reader, search, low, high, backward, cancelled, tell):
            if shown.shows(reader, line):
                return Found(serial, line, spans)
        if cancelled():
            return None
    return None


def find_record(
    stream: LogStream,
    least: Level,
    start: tuple[int, int] | None,
    *,
    backward: bool = False,
    stop: tuple[int, int] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda serial, offset: None,
    shown: Shown | None = None,
) -> Found | None:
    """The next record of `least` and above; arguments and result as in find_in_stream. Raises OSError."""
    level = LevelFilter(least)
    for serial, reader, low, high in _parts(stream, start, stop, backward):
        low, high = shown.bounds(reader, low, high) if shown is not None else (low, high)
        for chunk in reader.back(high, low) if backward else reader.forward(low, high):
            if cancelled():
                return None
            found = level.heads(chunk)
            for line in reversed(found) if backward else found:
                if shown is None or shown.shows(reader, line):
                    return Found(serial, line)
            progress(serial, chunk.start)
    return None


def _parts(
    stream: LogStream, start: tuple[int, int] | None, stop: tuple[int, int] | None, backward: bool
) -> Iterator[tuple[int, LineReader, int, int]]:
    """Segment serial, reader, and [low, high) of what is to be looked through, in the order looked for."""
    segments = list(stream.segments)
    for segment in reversed(segments) if backward else segments:
        log = segment.log  # the thread that polls may take it away
        if log is None:
            continue
        low, high = segment.start, segment.size
        if start is not None:
            if segment.serial == start[0]:
                low, high = (low, min(high, start[1])) if backward else (max(low, start[1]), high)
            elif (segment.serial > start[0]) == backward:
                continue
        if stop is not None:
            if segment.serial == stop[0]:
                low, high = (max(low, stop[1]), high) if backward else (low, min(high, stop[1]))
            elif (segment.serial < stop[0]) == backward:
                continue
        yield segment.serial, log.reader, low, high


def find_lines(
    reader: LineReader,
    search: Search,
    low: int,
    high: int,
    backward: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda offset: None,
) -> Iterator[tuple[LogLine, tuple[tuple[int, int], ...]]]:
    """Matching lines of [low, high) (both at line boundaries) in the order looked for, each once."""
    if not search.text:
        return
    if search.regex:
        try:
            found = logs_regex.search(
                reader.descriptor, search.text, search.ignore_case, low, high, backward, cancelled, progress
            )
            for start, spans in found:
                yield reader.line_at(start, high), spans
        except logs_regex.TooSlowError as error:
            raise SearchError(str(error)) from None
        return
    needle = Needle(search)
    lines = _text_back if backward else _text_forward
    for line in lines(reader, needle, low, high, cancelled, progress):
        yield line, needle.spans(line)


def _text_forward(
    reader: LineReader,
    needle: Needle,
    low: int,
    high: int,
    cancelled: Callable[[], bool],
    progress: Callable[[int], None],
) -> Iterator[LogLine]:
    while low < high and not cancelled():
        block = _Block(reader, needle, low, min(low + BLOCK, high), high)
        position = 0
        while 0 <= (at := needle.find(block.folded, position)) < block.size:
            line = block.line(at)
            yield line
            position = line.end - low
            if position >= len(block.data):
                break
        low = max(low + block.size, low + position)
        progress(low)


def _text_back(
    reader: LineReader,
    needle: Needle,
    low: int,
    high: int,
    cancelled: Callable[[], bool],
    progress: Callable[[int], None],
) -> Iterator[LogLine]:
    top = high
    while low < high and not cancelled():
        start = max(low, high - BLOCK)
        block = _Block(reader, needle, start, high, top)
        high, limit = start, block.size
        while (at := needle.find_last(block.folded, limit)) >= 0:
            line = block.line(at)
            yield line
            limit = line.start - start
            if limit <= 0:
                high = line.start
                break
        progress(high)


class _Block:
    """Bytes [start, stop) of a file, and as many behind as an occurrence that begins in them may need."""

    def __init__(self, reader: LineReader, needle: Needle, start: int, stop: int, top: int) -> None:
        self._reader, self._start, self._top = reader, start, top
        self.size = stop - start
        self.data = reader.read(start, min(top, stop + needle.longest - 1) - start)
        self.folded = self.data.lower() if needle.fold else self.data

    def line(self, at: int) -> LogLine:
        """The line around data[at]."""
        first = self.data.rfind(b"\n", 0, at) + 1
        last = self.data.find(b"\n", at) + 1
        if first and last:
            return Chunk(self._start, self._start + len(self.data), self.data).line(first, last)
        return self._reader.line_at(self._start + at, self._top)


class Needle:
    """A text as bytes to look for; where `fold`, in lower-cased bytes."""

    def __init__(self, search: Search) -> None:
        text = search.text.encode("utf-8", "surrogateescape")
        self.fold = search.ignore_case
        self._bytes = text.lower() if self.fold else text
        self._pattern: re.Pattern[bytes] | None = None
        self.longest = len(text)
        if self.fold and not search.text.isascii():
            # blocks are lower-cased in ASCII only; other letters match in either case
            forms = [_forms(letter) for letter in search.text]
            self.longest = sum(max(map(len, form)) for form in forms)
            self._pattern = re.compile(b"".join(b"(?:" + b"|".join(map(re.escape, form)) + b")" for form in forms))

        self._any = self._pattern or re.compile(re.escape(self._bytes))

    def find(self, data: bytes, position: int) -> int:
        """Where the first occurrence from `position` on begins, -1 where there is none."""
        if self._pattern is not None:
            found = self._pattern.search(data, position)
            return found.start() if found else -1
        return data.find(self._bytes, position)

    def find_last(self, data: bytes, limit: int) -> int:
        """Where an occurrence begins, before `limit`, on the last line that has one."""
        if self._pattern is not None:
            starts = (found.start() for found in self._pattern.finditer(data))
            return max((start for start in starts if start < limit), default=-1)
        return data.rfind(self._bytes, 0, limit + self.longest - 1)

    def spans(self, line: LogLine) -> tuple[tuple[int, int], ...]:
        """Where it occurs in what is shown of a line."""
        data = line.head.lower() if self.fold else line.head
        return tuple(found.span() for found in self._any.finditer(data))


def _forms(letter: str) -> list[bytes]:
    forms = {letter, letter.lower(), letter.upper()}
    return sorted({form.encode("utf-8", "surrogateescape").lower() for form in forms})
