"""LineNumbers: those of the newest segment of one log, counted in the background and kept up as it grows."""

from __future__ import annotations

from collections.abc import Callable

from console.engine.observe.logs_index import IndexThread, LineIndex
from console.engine.observe.logs_stream import LogStream, OpenLog
from console.engine.observe.logs_view import Row

SMALL = 4 * 1024 * 1024  # bytes of growth that are indexed at once, without a thread


class LineNumbers:
    """Used by the feed's thread. again: called from another thread when counting has come to an end."""

    def __init__(self, stream: LogStream, again: Callable[[], None]) -> None:
        self._stream, self._again = stream, again
        self._index: LineIndex | None = None
        self._log: OpenLog | None = None
        self._thread: IndexThread | None = None
        self._serial = 0

    def stop(self) -> None:
        """End what counts."""
        if self._thread is not None:
            self._thread.stop()

    def keep(self) -> None:
        """Count what is there now. May raise OSError."""
        last = self._stream.last
        if last is None or last.log is None:
            return
        if self._index is None or last.log is not self._log or last.serial != self._serial:
            self.stop()
            self._log, self._serial = last.log, last.serial
            self._index, self._thread = LineIndex(last.log.reader), None
        if self._thread is not None and self._thread.ended:
            self._thread = None
        if self._thread is not None:
            return
        if last.size - self._index.covered <= SMALL:
            self._index.extend(last.size)
        else:
            self._thread = IndexThread(self._index, last.size, self._again)

    def of(self, rows: tuple[Row, ...]) -> tuple[int | None, tuple[int | None, ...]]:
        """How many lines there are, and the numbers of the rows, as far as they are known."""
        last = self._stream.last
        if self._index is None or last is None or last.serial != self._serial:
            return None, (None,) * len(rows)
        offsets = [row.position[1] for row in rows if row.line and row.segment == self._serial]
        numbers = iter(self._index.line_numbers(offsets))
        of_rows = (next(numbers) if row.line and row.segment == self._serial else None for row in rows)
        return self._index.lines(last.size), tuple(of_rows)
