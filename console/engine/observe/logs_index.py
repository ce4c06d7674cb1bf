"""A sparse index of line ends: one count per 64 KiB of file, so that 1 GiB costs 128 KiB of memory.

Line numbers count from 1. The index is extended from the file's beginning, in the background or piece by
piece; what lies behind its end is not known yet. A file that was truncated or replaced needs a new index.
"""

from __future__ import annotations

import os
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence

from console.engine.observe.logs_lines import BIG_CHUNK, LineReader

BLOCK = 64 * 1024


class LineIndex:
    """Newline counts per block of one file. Extended by one thread at a time; read by any."""

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader
        self._totals = array("Q", [0])  # newlines before block i
        self._buffer = bytearray()

    @property
    def covered(self) -> int:
        """Bytes from the beginning that are indexed: whole blocks."""
        return (len(self._totals) - 1) * BLOCK

    def extend(self, size: int, cancelled: Callable[[], bool] = lambda: False) -> bool:
        """Index up to `size` bytes (whole blocks). False when cancelled or the file ended early. May raise
        OSError.
        """
        self._buffer = self._buffer or bytearray(BIG_CHUNK)
        offset = self.covered
        while offset + BLOCK <= size:
            if cancelled():
                return False
            got = os.preadv(self._reader.descriptor, [self._buffer], offset)
            if got < BLOCK:
                return False
            for start in range(0, min(got, size - offset) - BLOCK + 1, BLOCK):
                self._totals.append(self._totals[-1] + self._buffer.count(10, start, start + BLOCK))
            offset = self.covered
        self._buffer = bytearray()
        return True

    def line_number(self, offset: int) -> int | None:
        """The number of the line that contains `offset`; None where the index has not come so far."""
        block = offset // BLOCK
        if block >= len(self._totals):
            return None
        rest = self._reader.read(block * BLOCK, offset - block * BLOCK)
        return self._totals[block] + rest.count(b"\n") + 1

    def line_numbers(self, offsets: Sequence[int]) -> list[int | None]:
        """line_number of each of some rising offsets, reading each block once."""
        numbers: list[int | None] = []
        block, data, counted, count = -1, b"", 0, 0
        for offset in offsets:
            if offset // BLOCK >= len(self._totals):
                numbers.append(None)
                continue
            if offset // BLOCK != block:
                block, counted, count = offset // BLOCK, 0, 0
                data = self._reader.read(block * BLOCK, BLOCK)
            here = offset - block * BLOCK
            count += data.count(b"\n", counted, here)
            counted = here
            numbers.append(self._totals[block] + count + 1)
        return numbers

    def offset_of(self, number: int, limit: int) -> int | None:
        """Where line `number` begins; `limit` where the file, `limit` bytes long, has fewer; None: not known
        yet.
        """
        if number <= 1:
            return 0
        wanted = number - 1  # newlines before it
        block = bisect_left(self._totals, wanted) - 1
        if block == len(self._totals) - 1 and limit - self.covered >= BLOCK:
            return None
        left = wanted - self._totals[block]
        offset = block * BLOCK
        data = self._reader.read(offset, min(2 * BLOCK, limit - offset))
        position = 0
        while left:
            position = data.find(b"\n", position) + 1
            if position == 0:
                return limit
            left -= 1
        return offset + position

    def lines(self, size: int) -> int | None:
        """How many lines a file of `size` bytes has; None where the index has not come so far."""
        if size == 0:
            return 0
        number = self.line_number(size - 1)
        return number


class IndexThread:
    """Extends an index in the background until done or stopped; then calls `done` from its own thread."""

    def __init__(self, index: LineIndex, size: int, done: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(index, size, done), daemon=True, name="log index")
        self._thread.start()

    def _run(self, index: LineIndex, size: int, done: Callable[[], None]) -> None:
        try:
            complete = index.extend(size, self._stop.is_set)
        except OSError:
            complete = False  # line numbers stay unknown; whoever reads the lines sees the error itself
        self._ended.set()
        if complete:
            done()

    def stop(self) -> None:
        """Ask it to end; returns at once."""
        self._stop.set()

    @property
    def ended(self) -> bool:
        """Whether it does nothing any more."""
        return self._ended.is_set()

    def join(self, seconds: float) -> bool:
        """Wait until it does nothing any more; False when that took longer."""
        return self._ended.wait(seconds)
