"""The part of a file that is in memory: read in blocks, dropped as it is done with, lines counted on the way."""

from __future__ import annotations

from collections.abc import Callable

BLOCK = 1 << 20  # bytes asked for at a time


class Window:
    """Unread bytes of a stream.

    data: what is in memory, beginning at the first byte not done with. line, column: its 1-based place in the
    file, in bytes. eof: data is all that is left. offset: bytes done with.
    `read(n)` gives at most n bytes, b'' at the end, as os.read does.
    """

    __slots__ = ("_read", "column", "data", "eof", "line", "offset")

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.data = b""
        self.line = 1
        self.column = 1
        self.eof = False
        self.offset = 0

    def fill(self, size: int) -> None:
        """Have at least `size` bytes in memory, or all that are left."""
        missing = size - len(self.data)
        if missing <= 0 or self.eof:
            return
        parts = [self.data]
        while missing > 0:
            part = self._read(max(missing, BLOCK))
            if not part:
                self.eof = True
                break
            parts.append(part)
            missing -= len(part)
        self.data = b"".join(parts)

    def drop(self, count: int) -> None:
        """Be done with the first `count` bytes of data."""
        lines = self.data.count(b"\n", 0, count)
        if lines:
            self.line += lines
            self.column = count - self.data.rfind(b"\n", 0, count)
        else:
            self.column += count
        self.data = self.data[count:]
        self.offset += count

    def drain(self) -> None:
        """Read to the end of the file, keeping nothing: the caller hashes what goes through `read`."""
        self.data = b""
        while not self.eof:
            self.eof = not self._read(BLOCK)
