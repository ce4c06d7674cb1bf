"""The simple way to read a log: all of it. What the engine is compared with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st

from console.engine.observe import (
    logs_filter,
    logs_index,
    logs_lines,
    logs_rows,
    logs_search,
    logs_stream,
)
from console.engine.observe.logs_levels import Level, is_head, level_of


@dataclass(frozen=True)
class Line:
    start: int
    end: int
    content: bytes  # without terminator
    complete: bool


def lines_of(data: bytes) -> list[Line]:
    lines: list[Line] = []
    start = 0
    for part in re.findall(rb"[^\n]*\n|[^\n]+\Z", data):
        content = part[:-1] if part.endswith(b"\n") else part
        if part.endswith(b"\r\n"):
            content = part[:-2]
        lines.append(Line(start, start + len(part), content, part.endswith(b"\n")))
        start += len(part)
    return lines


def shown_by(lines: list[Line], least: Level, group: int) -> list[Line]:
    """What a level filter shows, by going through everything from the beginning."""
    if least is Level.NONE:
        return lines
    shown: list[Line] = []
    record: Line | None = None
    for line in lines:
        if is_head(line.content):
            record = line
            if level_of(line.content) >= least:
                shown.append(line)
        elif record and level_of(record.content) >= least and line.start - record.start <= group:
            shown.append(line)
    return shown


_PIECES = st.sampled_from(
    [
        b"2025-10-30 14:25:12 - migration - ERROR - Validation failed",
        b"2025-10-30 14:25:12 - migration - INFO - Processing file",
        b"2025-10-30 14:25:12 - migration - WARNING - odd",
        b"Oct 30 14:25:12 host app[1]: interrupted, no level",
        b'{"level": "ERROR", "message": "x"}',
        b'{"message": "no ERROR here", "level": "INFO"}',
        b"  at frame, an error: line of a traceback",
        b"Traceback (most recent call last):",
        b"",
        b"x",
        b"\r",
        b"needle NEEDLE Needle",
        b"nee",
        b"dle",
        "n\u00e9\u00c9dle \u4e2d\u6587 \U0001f600".encode(),
        b"\xff\xfe\x80 not UTF-8",
        b"\x00\x1b[31mred\x1b[0m\x07\x9b",
        b"y" * 70,
        b"a.b*c(d",
    ]
)
_ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"", b"\n\n"])


def log_bytes() -> st.SearchStrategy[bytes]:
    """Bytes that look like logs, and bytes that look like nothing."""
    looks = st.lists(st.tuples(_PIECES, _ENDS).map(lambda pair: pair[0] + pair[1]), max_size=25).map(b"".join)
    return st.one_of(looks, looks, st.binary(max_size=200))


@contextmanager
def small_reads(chunk: int) -> Iterator[None]:
    """Read in tiny pieces, so that short data crosses as many boundaries as a long file."""
    with ExitStack() as stack:
        for module, name, value in (
            (logs_lines, "CHUNK", chunk),
            (logs_lines, "BIG_CHUNK", 3 * chunk),
            (logs_index, "BLOCK", chunk),
            (logs_index, "BIG_CHUNK", 4 * chunk),
            (logs_search, "BLOCK", chunk),
            (logs_rows, "BIG_CHUNK", 3 * chunk),
            (logs_filter, "GROUP_BYTES", chunk),
        ):
            stack.enter_context(mock.patch.object(module, name, value))
        yield


@contextmanager
def opened(folder: Path, data: bytes) -> Iterator[logs_stream.LogStream]:
    """A stream over a file that holds `data`."""
    path = folder / "a.log"
    path.write_bytes(data)
    stream = logs_stream.LogStream(str(path))
    stream.poll()
    yield stream


def inode(path: Path) -> int:
    return os.stat(path).st_ino
