"""Lines of a file of any size by byte offset, in both directions, in bounded memory.

A line ends after `\\n`, or at the end of file. Offsets are absolute bytes; reads are positional (pread), so
that one descriptor may serve several threads. No call keeps more than a few chunks in memory, whatever the
file holds. Standard library only: the helper process of the regex search imports this module without
site-packages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from console.engine.text import visible

CHUNK = 64 * 1024  # bytes of one viewport read
BIG_CHUNK = 1024 * 1024  # bytes of one read while scanning far
LONG_BYTES = 64 * 1024  # kept of a line that is longer than one read; an expression sees no more of any line
VIEW_BYTES = 16 * 1024  # of one line, as far as it is shown; the rest is said in its length


@dataclass(frozen=True)
class LogLine:
    """One line: [start, end) in the file, terminator included. `head` is its first VIEW_BYTES without
    terminator.
    """

    start: int
    end: int
    head: bytes
    length: int  # bytes without terminator
    complete: bool  # False: the file ends without a newline, more may come

    @property
    def cut(self) -> bool:
        """True where `head` is not the whole line."""
        return self.length > len(self.head)

    @cached_property
    def text(self) -> str:
        """The line as a screen may show it: one line, every control visible, bad bytes as \\xNN."""
        return visible(self.head.decode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines [start, end) of a file; `cut`: one line longer than a read, of which `data` is the
    beginning.
    """

    start: int
    end: int
    data: bytes
    cut: bool = False
    ending: bytes = b""  # of a cut line: its terminator, if it has one

    def lines(self) -> Iterator[LogLine]:
        """Its lines, first to last."""
        if self.cut:
            yield self._long()
            return
        position, data = 0, self.data
        while position < len(data):
            found = data.find(b"\n", position)
            stop = len(data) if found < 0 else found + 1
            yield self.line(position, stop)
            position = stop

    def lines_back(self) -> Iterator[LogLine]:
        """Its lines, last to first."""
        if self.cut:
            yield self._long()
            return
        stop, data = len(self.data), self.data
        while stop > 0:
            start = data.rfind(b"\n", 0, stop - 1) + 1
            yield self.line(start, stop)
            stop = start

    def line(self, start: int, stop: int) -> LogLine:
        """The line data[start:stop]."""
        complete = self.data[stop - 1 : stop] == b"\n"
        last = stop - 1 if complete else stop
        if complete and last > start and self.data[last - 1 : last] == b"\r":
            last -= 1
        head = self.data[start : min(last, start + VIEW_BYTES)]
        return LogLine(self.start + start, self.start + stop, head, last - start, complete)

    def _long(self) -> LogLine:
        length = self.end - self.start - len(self.ending)
        return LogLine(self.start, self.end, self.data[:VIEW_BYTES], length, bool(self.ending))


class LineReader:
    """Lines of one open file. A file that shrinks meanwhile ends early, nothing raises for it.

    `keep`: what closes the descriptor when it is let go of.
    """

    def __init__(self, descriptor: int, keep: object = None) -> None:
        self.descriptor = descriptor
        self._keep = keep

    def size(self) -> int:
        """Bytes in the file now."""
        return os.fstat(self.descriptor).st_size

    def written(self) -> float:
        """When the file was written last, in seconds since 1970."""
        return os.fstat(self.descriptor).st_mtime

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start`, fewer at the end of file."""
        parts: list[bytes] = []
        while count > 0:
            part = os.pread(self.descriptor, count, start)
            if not part:
                break
            parts.append(part)
            start += len(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def line_start(self, offset: int) -> int:
        """Where the line that contains `offset` begins (an offset behind a terminator begins its own)."""
        size = CHUNK
        while offset > 0:
            low = max(0, offset - size)
            found = self.read(low, offset - low).rfind(b"\n")
            if found >= 0:
                return low + found + 1
            offset, size = low, BIG_CHUNK
        return 0

    def line_end(self, offset: int, limit: int) -> int:
        """The end, terminator included, of the line that contains `offset`; `limit` where it has none before."""
        size = CHUNK
        while offset < limit:
            data = self.read(offset, min(size, limit - offset))
            if not data:
                return offset
            found = data.find(b"\n")
            if found >= 0:
                return offset + found + 1
            offset, size = offset + len(data), BIG_CHUNK
        return limit

    def line_at(self, offset: int, limit: int) -> LogLine:
        """The line that contains the byte at `offset`; the file is taken to end at `limit`."""
        start = self.line_start(offset)
        for chunk in self.forward(start, limit):
            return next(chunk.lines())
        return LogLine(start, start, b"", 0, False)

    def forward(self, start: int, limit: int, most: int = 0) -> Iterator[Chunk]:
        """Chunks of whole lines from the line start `start` to `limit`, first to last, growing to `most` bytes.

        most: 0 is BIG_CHUNK.
        """
        size = CHUNK
        while start < limit:
            data = self.read(start, min(size, limit - start))
            if not data:
                return
            stop = data.rfind(b"\n") + 1
            if start + len(data) >= limit:
                stop = len(data)
            if stop > 0:
                yield Chunk(start, start + stop, data[:stop] if stop < len(data) else data)
            else:
                stop = self.line_end(start + len(data), limit) - start
                yield self._cut(start, start + stop)
            start += stop
            size = most or BIG_CHUNK

    def back(self, limit: int, start: int = 0, most: int = 0) -> Iterator[Chunk]:
        """Chunks of whole lines that end at `limit` (a line's end), last to first, down to the line start
        `start`; most: as in `forward`.
        """
        size = CHUNK
        while limit > start:
            low = max(start, limit - size)
            data = self.read(low, limit - low)
            if not data:
                return
            limit = low + len(data)
            begin = 0 if low == start else data.find(b"\n", 0, len(data) - 1) + 1
            if low == start or begin > 0:
                yield Chunk(low + begin, limit, data[begin:] if begin else data)
                limit = low + begin
            else:
                first = max(start, self.line_start(low))
                yield self._cut(first, limit)
                limit = first
            size = most or BIG_CHUNK

    def _cut(self, start: int, end: int) -> Chunk:
        """The line [start, end) as a chunk of its own."""
        last = self.read(max(start, end - 2), min(2, end - start))
        ending = b"\r\n" if last == b"\r\n" else b"\n" if last.endswith(b"\n") else b""
        data = self.read(start, min(LONG_BYTES, end - start - len(ending)))
        return Chunk(start, end, data, cut=True, ending=ending)
