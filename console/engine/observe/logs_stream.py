"""A log as it is followed: the open file, and what rotation, truncation and replacement make of it.

The stream is a row of segments, oldest first. Each is one generation of the file, held open, so that lines
written before a rotation stay readable and are drained first. Every change is noticed by `poll` (stat of the
name, size, inode, and a few bytes compared) and said in a notice in front of the segment that it began.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from console.engine.observe.logs_lines import LineReader
from console.engine.text import size as size_text
from console.engine.text import visible

KEPT = 6  # segments held open
PROBE_BYTES = 64  # compared at the beginning and before the last known end, to tell that a file was rewritten
ROTATIONS = 9  # `.1` to `.9` are looked at when the file was renamed


class _Closer:
    """Closes a descriptor when nobody refers to it any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)


class OpenLog:
    """An open regular file, closed when the last user of its reader lets go of it."""

    def __init__(self, path: str) -> None:
        """Raises OSError; also where `path` is no regular file (a FIFO would block, a device never ends)."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        closer = _Closer(descriptor)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        self.identity = (found.st_dev, found.st_ino)
        self.reader = LineReader(descriptor, closer)


@dataclass(slots=True, eq=False)
class Segment:
    """One generation of the file: its bytes [start, size), with what is said before it."""

    serial: int
    log: OpenLog | None  # None: there is no file (any more), the notice is all
    notice: str = ""
    start: int = 0
    size: int = 0
    changed_ns: int = 0
    closed: bool = False  # a later segment goes on with the same file
    head: bytes = b""
    tail: bytes = b""

    def remember(self) -> None:
        """Keep the bytes by which a rewritten file is told from one that grew."""
        if self.log is not None:
            self.head = self.log.reader.read(0, min(PROBE_BYTES, self.size))
            start = max(0, self.size - PROBE_BYTES)
            self.tail = self.log.reader.read(start, self.size - start)

    def rewritten(self) -> bool:
        """Whether the bytes that were there are there no more."""
        if self.log is None:
            return False
        reader = self.log.reader
        start = max(0, self.size - len(self.tail))
        return reader.read(0, len(self.head)) != self.head or reader.read(start, len(self.tail)) != self.tail


@dataclass(frozen=True, slots=True)
class Change:
    """What a poll found: bytes that were added, and notices of segments begun."""

    grown: tuple[tuple[int, int, int], ...] = ()  # segment serial, from, to
    notices: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.grown or self.notices)


class LogStream:
    """The log at `path`. Not locked: polled by one thread, its segments read by any."""

    def __init__(self, path: str) -> None:
        """Opens nothing yet; the first `poll` does. Never raises for a file that is missing or unreadable."""
        self.path = path
        self.name = visible(os.path.basename(path))
        self.segments: list[Segment] = []
        self._serial = 0
        self._why = ""  # the last reason given why there is nothing to read
        self._was_there = False
        self._missing = 0  # polls in a row that found no file

    @property
    def last(self) -> Segment | None:
        return self.segments[-1] if self.segments else None

    def segment(self, serial: int) -> Segment | None:
        """The segment of that number, None when it is no longer held."""
        return next((segment for segment in self.segments if segment.serial == serial), None)

    def poll(self) -> Change:
        """Look at the file once."""
        grown: list[tuple[int, int, int]] = []
        notices: list[str] = []
        last = self.last
        for segment in self.segments[-3:-1]:
            self._drain(segment, grown)  # a writer may hold the old file a while longer
        try:
            there: os.stat_result | None = os.stat(self.path)
            why = ""
        except OSError as error:
            there, why = None, self._excuse(error)
        if there is not None and last is not None and last.log is not None:
            if (there.st_dev, there.st_ino) == last.log.identity:
                self._grow(last, there, grown, notices)
                return Change(tuple(grown), tuple(notices))
            self._drain(last, grown)
        elif last is not None and last.log is not None:
            self._drain(last, grown)
        if there is None:
            self._missing += 1
            # a rotation renames and then creates: once is no news when there was a file
            if why != self._why and (self._missing > 1 or last is None):
                self._begin(None, why, notices)
                self._why = why
        else:
            self._open_new(last, grown, notices)
        return Change(tuple(grown), tuple(notices))

    def _open_new(self, last: Segment | None, grown: list[tuple[int, int, int]], notices: list[str]) -> None:
        try:
            log = OpenLog(self.path)
        except OSError as error:
            why = self._excuse(error)
            if why != self._why:
                self._begin(None, why, notices)
            self._why = why
            return
        self._why, self._missing, self._was_there = "", 0, True
        old = next((s for s in reversed(self.segments) if s.log is not None), None)
        notice = ""
        if old is not None and old.log is not None:
            went = self._where(old.log)
            for number in range(went - 1, 0, -1):
                # rotated more than once between two polls: the generations in between are not left out
                try:
                    between = OpenLog(f"{self.path}.{number}")
                except OSError:
                    continue
                said = f"{self.name} was rotated; the lines above are in {self.name}.{number + 1}"
                self._drain(self._begin(between, said, notices), grown)
            if log.identity == old.log.identity:
                notice = f"{self.name} is back, the same file"
            elif went:
                notice = f"{self.name} was rotated; the lines above are in {self.name}.1"
            elif os.fstat(old.log.reader.descriptor).st_nlink == 0:
                notice = f"{self.name} was replaced; the file with the lines above is deleted"
            else:
                notice = f"{self.name} was replaced; the file with the lines above was moved away"
        elif last is not None:
            notice = f"{self.name} is there now"
        segment = self._begin(log, notice, notices)
        if old is not None and old.log is not None and log.identity == old.log.identity:
            segment.start = segment.size = old.size
            old.closed = True
            segment.remember()
        self._drain(segment, grown)

    def _excuse(self, error: OSError) -> str:
        if error.errno != errno.ENOENT:
            return f"{self.name} cannot be read: {error.strerror}; waiting for it"
        if self._was_there:
            return f"{self.name} is gone; waiting for it to come back"
        return f"{self.name} does not exist yet; it is shown as soon as something writes it"

    def _where(self, log: OpenLog) -> int:
        """n where the file is called `<name>.n` now, else 0."""
        for number in range(1, ROTATIONS + 1):
            try:
                found = os.stat(f"{self.path}.{number}")
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == log.identity:
                return number
        return 0

    def _begin(self, log: OpenLog | None, notice: str, notices: list[str]) -> Segment:
        self._serial += 1
        segment = Segment(self._serial, log, notice)
        self.segments.append(segment)
        if notice:
            notices.append(notice)
        del self.segments[:-KEPT]
        return segment

    def _drain(self, segment: Segment, grown: list[tuple[int, int, int]]) -> None:
        """Show what was added to a file that has, or may have, no name any more."""
        if segment.log is None or segment.closed:
            return
        size = segment.log.reader.size()
        if size > segment.size:
            grown.append((segment.serial, segment.size, size))
            segment.size = size
            segment.remember()
        elif size < segment.size:
            segment.log, segment.size = None, 0  # emptied after it was renamed: nothing is left to show

    def _grow(
        self,
        segment: Segment,
        there: os.stat_result,
        grown: list[tuple[int, int, int]],
        notices: list[str],
    ) -> None:
        """The same file as before: nothing new, more of it, less of it, or other bytes."""
        if there.st_size == segment.size and there.st_mtime_ns == segment.changed_ns:
            return
        segment.changed_ns = there.st_mtime_ns
        if there.st_size < segment.size:
            lost = f"{self.name} was truncated from {size_text(segment.size)} to {size_text(there.st_size)}"
        elif segment.size and segment.rewritten():
            lost = f"{self.name} was rewritten in place"
        else:
            self._drain(segment, grown)
            return
        fresh = self._begin(segment.log, f"{lost}; the lines before are gone", notices)
        segment.log, segment.start, segment.size = None, 0, 0
        fresh.changed_ns = there.st_mtime_ns
        self._drain(fresh, grown)
