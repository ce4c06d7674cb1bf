"""The lines from one row of a view to another, as far as they are shown: what is copied or saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from console.engine.observe.logs_lines import BIG_CHUNK
from console.engine.observe.logs_rows import Chosen, Cut, Row, RowSource


def is_above(row: Row, other: Row) -> bool:
    """Whether `row` stands above `other`."""
    before, behind = row.before, other.before
    if isinstance(before, Cut) and isinstance(behind, Cut):
        return any(a < b for a, b in zip(before.parts, behind.parts, strict=False))
    return row.position < other.position


def span_bytes(
    source: RowSource, chosen: Chosen, first: Row, last: Row, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[bytes]:
    """The shown lines from `first` to `last`, as they are in the file, each with a newline at its end; in pieces of at
    most BIG_CHUNK bytes. Notices are no lines. Raises OSError, SearchError.
    """
    if is_above(last, first):
        first, last = last, first
    for row in source.forward(first.before, chosen):
        if cancelled():
            return
        if row is None:
            continue
        segment = source.segment(row.segment)
        if row.line is not None and segment is not None and segment.log is not None:
            start, end = row.line.start, row.line.start + row.line.length
            while start < end and (data := segment.log.reader.read(start, min(BIG_CHUNK, end - start))):
                yield data
                start += len(data)
            yield b"\n"
        if row.position == last.position:
            return
