"""Which lines of a chunk a level filter shows.

A record's first line is shown when its level is high enough. A line that begins no record belongs to the
record above and is shown with it, up to GROUP_BYTES behind that record's beginning; so whether a line is
shown depends on at most GROUP_BYTES before it, and a screenful can be found from anywhere in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.engine.observe.logs_levels import Level, is_head, level_of, words_at_least
from console.engine.observe.logs_lines import Chunk, LineReader, LogLine

GROUP_BYTES = 64 * 1024  # how far a record's further lines are looked for


@dataclass(frozen=True, slots=True)
class LevelFilter:
    """Shows records of `least` and above; NONE shows every line."""

    least: Level = Level.NONE

    @property
    def everything(self) -> bool:
        """Whether every line is shown."""
        return self.least is Level.NONE

    def bounds(self, reader: LineReader, low: int, high: int) -> tuple[int, int]:
        """The part of [low, high) outside of which nothing is shown."""
        del reader
        return low, high

    def belongs(self, reader: LineReader, run: str) -> None:
        """All of this file is of that run; nothing to a level."""

    def close(self) -> None:
        """Nothing more is asked of it."""

    def select(self, reader: LineReader, chunk: Chunk, *, backward: bool = False) -> Iterator[LogLine]:
        """The shown lines of `chunk`, first to last, or last to first."""
        if self.least is Level.NONE:
            return chunk.lines_back() if backward else chunk.lines()
        found = self._shown_in(reader, chunk)
        return iter(found[::-1] if backward else found)

    def shows(self, reader: LineReader, line: LogLine) -> bool:
        """Whether this one line is shown."""
        if self.least is Level.NONE:
            return True
        if is_head(line.head):
            return level_of(line.head) >= self.least
        return self._record_before(reader, line.start) >= line.start - GROUP_BYTES

    def heads(self, chunk: Chunk) -> list[LogLine]:
        """Lines of `chunk` that have the level themselves, first to last."""
        if chunk.cut:
            return [line for line in chunk.lines() if level_of(line.head) >= self.least]
        found: list[LogLine] = []
        position = 0
        words = _Words(chunk.data, words_at_least(self.least))
        while (at := words.next(position)) >= 0:
            line, position = _line_around(chunk, at)
            if level_of(line.head) >= self.least:
                found.append(line)
        return found

    def _shown_in(self, reader: LineReader, chunk: Chunk) -> list[LogLine]:
        if chunk.cut:
            return [line for line in chunk.lines() if self.shows(reader, line)]
        found: list[LogLine] = []
        position = 0
        first = next(chunk.lines(), None)
        if first is not None and not is_head(first.head):
            record = self._record_before(reader, chunk.start)
            if record >= 0:
                position = _follow(chunk, 0, record, found)
        words = _Words(chunk.data, words_at_least(self.least))
        while (at := words.next(position)) >= 0:
            line, position = _line_around(chunk, at)
            if level_of(line.head) >= self.least:
                found.append(line)
                position = _follow(chunk, position, line.start, found)
        return found

    def _record_before(self, reader: LineReader, offset: int) -> int:
        """Where the record that lines at `offset` continue begins, if it is shown; else below any offset
        allowed.
        """
        low = max(0, offset - GROUP_BYTES)
        for chunk in reader.back(offset):
            for line in chunk.lines_back():
                if line.start < low:
                    return -GROUP_BYTES - 1
                if is_head(line.head):
                    return line.start if level_of(line.head) >= self.least else -GROUP_BYTES - 1
        return -GROUP_BYTES - 1


class _Words:
    """The next place where one of some upper-case words stands in `data`, in any case of letters."""

    def __init__(self, data: bytes, words: tuple[bytes, ...]) -> None:
        self._data = data.upper()
        self._words = words
        self._next = dict.fromkeys(words, -2)  # -2: not looked for yet

    def next(self, position: int) -> int:
        """The first such place at or after `position`; -1 where there is none."""
        best = -1
        for word in self._words:
            at = self._next[word]
            if at == -2 or 0 <= at < position:
                at = self._next[word] = self._data.find(word, position)
            if at >= 0 and (best < 0 or at < best):
                best = at
        return best


def _line_around(chunk: Chunk, at: int) -> tuple[LogLine, int]:
    """The line of `chunk` around data[at], and where the next begins in data."""
    start = chunk.data.rfind(b"\n", 0, at) + 1
    stop = chunk.data.find(b"\n", at) + 1 or len(chunk.data)
    return chunk.line(start, stop), stop


def _follow(chunk: Chunk, position: int, record: int, found: list[LogLine]) -> int:
    """Adds the lines from data[position] that continue the record beginning at offset `record`; where they
    end.
    """
    while position < len(chunk.data):
        stop = chunk.data.find(b"\n", position) + 1 or len(chunk.data)
        line = chunk.line(position, stop)
        if is_head(line.head) or line.start - record > GROUP_BYTES:
            break
        found.append(line)
        position = stop
    return position
