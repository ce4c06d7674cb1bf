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

from console.engine.observe import logs_regex
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_lines import LineReader, LogLine
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
    least: LevelFilter | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda serial, offset: None,
) -> Found | None:
    """The next shown line at or after `start` that matches (backward: the last one that ends at or before
    it).

    start: segment serial and offset of a line's beginning or end; None: the stream's beginning (backward: its
    end). Returns None when there is none, or when cancelled. Raises SearchError (too slow) and OSError.
    """
    shown = least or LevelFilter()
    for serial, reader, low, high in _parts(stream, start, backward):

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
    start: tuple[int, int],
    *,
    backward: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda serial, offset: None,
) -> Found | None:
    """The next record of `least` and above; arguments and result as in find_in_stream. Raises OSError."""
    level = LevelFilter(least)
    for serial, reader, low, high in _parts(stream, start, backward):
        for chunk in reader.back(high, low) if backward else reader.forward(low, high):
            if cancelled():
                return None
            found = level.heads(chunk)
            if found:
                return Found(serial, found[-1 if backward else 0])
            progress(serial, chunk.start)
    return None


def _parts(
    stream: LogStream, start: tuple[int, int] | None, backward: bool
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
    needle = _Needle(search)
    while low < high:
        at = _find(reader, needle, low, high, backward, cancelled, progress)
        if at < 0:
            return
        line = reader.line_at(at, high)
        yield line, needle.spans(line)
        low, high = (low, line.start) if backward else (line.end, high)


def _find(
    reader: LineReader,
    needle: _Needle,
    low: int,
    high: int,
    backward: bool,
    cancelled: Callable[[], bool],
    progress: Callable[[int], None],
) -> int:
    """The offset of the first (backward: last) occurrence in [low, high); -1 where there is none, or
    cancelled.
    """
    overlap, top = needle.longest - 1, high
    while low < high and not cancelled():
        start = max(low, high - BLOCK) if backward else low
        stop = min(top, (high if backward else low + BLOCK) + overlap)
        data = reader.read(start, stop - start)
        at = needle.find_last(data) if backward else needle.find(data)
        if at >= 0:
            return start + at
        if backward:
            high = start
        else:
            low = start + BLOCK
        progress(start)
    return -1


class _Needle:
    """A text as bytes to look for."""

    def __init__(self, search: Search) -> None:
        text = search.text.encode("utf-8", "surrogateescape")
        self._fold = search.ignore_case
        self._bytes = text.lower() if self._fold else text
        self._pattern: re.Pattern[bytes] | None = None
        self.longest = len(text)
        if self._fold and not search.text.isascii():
            # blocks are lower-cased in ASCII only; other letters match in either case
            forms = [_forms(letter) for letter in search.text]
            self.longest = sum(max(map(len, form)) for form in forms)
            self._pattern = re.compile(b"".join(b"(?:" + b"|".join(map(re.escape, form)) + b")" for form in forms))

    def find(self, data: bytes) -> int:
        """Where the first occurrence begins, -1 where there is none."""
        if self._fold:
            data = data.lower()
        if self._pattern is not None:
            found = self._pattern.search(data)
            return found.start() if found else -1
        return data.find(self._bytes)

    def find_last(self, data: bytes) -> int:
        """Where an occurrence on the last line that has one begins."""
        if self._fold:
            data = data.lower()
        if self._pattern is not None:
            return max((found.start() for found in self._pattern.finditer(data)), default=-1)
        return data.rfind(self._bytes)

    def spans(self, line: LogLine) -> tuple[tuple[int, int], ...]:
        """Where it occurs in what is shown of a line."""
        data = line.head.lower() if self._fold else line.head
        pattern = self._pattern or re.compile(re.escape(self._bytes))
        return tuple(found.span() for found in pattern.finditer(data))


def _forms(letter: str) -> list[bytes]:
    forms = {letter, letter.lower(), letter.upper()}
    return sorted({form.encode("utf-8", "surrogateescape").lower() for form in forms})
