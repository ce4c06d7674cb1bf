"""The segments of a migration log: the open one, which has the log's name, and closed ones, `.1` being the newest.

A segment is closed for us once it is renamed; another program that had it open still appends to it. So before one is
touched the kernel is asked who has it open for writing: a read lease (fcntl(2), F_SETLEASE) is refused while anybody
does, whoever that is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from console.engine.runs.migration_log import JSON_LOG, TEXT_LOG
from console.engine.workspace.people import user_name

LOGS = (TEXT_LOG, JSON_LOG)
_BLOCK = 1024 * 1024
_JSON_TIME = re.compile(rb'"timestamp"\s*:\s*"([0-9T:.\- ]{19,32})Z?"')
_TEXT_TIME = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_HEAD = 4096  # bytes of a line in which its time is looked for


@dataclass(frozen=True, slots=True)
class Segment:
    """log: migration.log or migration.json. number: 0 is open, n was rotated n times."""

    log: str
    number: int
    path: Path
    size: int
    mtime_ns: int
    device: int
    inode: int

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode

    def unchanged(self) -> bool:
        """Whether the same file with the same size and time still has this name."""
        try:
            return _segment(self.log, self.number, self.path) == self
        except OSError:
            return False


def _segment(log: str, number: int, path: Path) -> Segment | None:
    facts = os.lstat(path)
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Segment(log, number, path, facts.st_size, facts.st_mtime_ns, facts.st_dev, facts.st_ino)


def segments_of(folder: Path, log: str) -> list[Segment]:
    """Newest first. Links are no segments. Raises nothing: what cannot be looked at is left out."""
    found = []
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    for name in names:
        head, _, number = name.rpartition(".")
        if name != log and not (head == log and number.isascii() and number.isdigit() and number[0] != "0"):
            continue
        try:
            segment = _segment(log, 0 if name == log else int(number), folder / name)
        except OSError:
            continue
        if segment is not None:
            found.append(segment)
    return sorted(found, key=lambda segment: segment.number)


def writer_of(path: Path) -> str:
    """Who has this file open for writing, in words; '' where nobody has. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # whoever opens it now: no SIGIO, which would end us
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            leased = True
        except OSError as error:
            leased = False
            told = error.errno in (errno.EAGAIN, errno.EWOULDBLOCK)
        seen = next(_seen_writers(facts), "")
        if leased or seen:
            return seen
        if told:
            return "another process"
        if os.geteuid() == 0:  # no leases here, but root sees everybody's descriptors
            return ""
        return f"perhaps a process of {user_name(facts.st_uid)}, whose it is (this user cannot tell)"
    finally:
        os.close(descriptor)


def _seen_writers(facts: os.stat_result) -> Iterator[str]:
    """Processes that have it open for writing, of those whose descriptors this user may see (proc(5))."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for number in numbers:
            try:
                there = os.stat(f"/proc/{pid}/fd/{number}")
                if (there.st_dev, there.st_ino) != (facts.st_dev, facts.st_ino):
                    continue
                with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as info:
                    flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags"))
                if flags & os.O_ACCMODE != os.O_RDONLY:
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="surrogateescape") as name:
                        yield f"process {pid} ({name.read().strip()})"
            except (OSError, StopIteration, ValueError):
                continue


def cut_by_lines(segments: list[Segment], keep: int) -> dict[Segment, int]:
    """Segment -> how many of its first bytes are older than the `keep` newest lines of all. Raises OSError."""
    cuts = {}
    left = keep
    for segment in segments:
        if left <= 0:
            cuts[segment] = segment.size
            continue
        offset, lines = _last_lines(segment, left)
        left -= lines
        if offset:
            cuts[segment] = offset
    return cuts


def _last_lines(segment: Segment, wanted: int) -> tuple[int, int]:
    """Where the last `wanted` lines of a segment begin, and how many there are."""
    with open(segment.path, "rb", buffering=0) as file:
        position, lines, end = segment.size, 0, segment.size
        while position > 0:
            start = max(0, position - _BLOCK)
            data = os.pread(file.fileno(), position - start, start)
            at = len(data)
            while (at := data.rfind(b"\n", 0, at)) >= 0:
                if start + at + 1 == end and end == segment.size:
                    continue  # the newline that ends the last line begins none
                lines += 1
                if lines == wanted:
                    return start + at + 1, lines
            position = start
    return 0, lines + (segment.size > 0)


def cut_by_time(segments: list[Segment], since: datetime, zone: tzinfo) -> dict[Segment, int]:
    """Segment -> how many of its first bytes are older than `since` (aware). Raises OSError.

    A line without a time goes with the one before it.
    """
    cuts = {}
    for segment in segments:
        if segment.mtime_ns / 1e9 < since.timestamp():
            cuts[segment] = segment.size
            continue
        offset = _first_since(segment, since, zone)
        if offset:
            cuts[segment] = offset
    return cuts


def _first_since(segment: Segment, since: datetime, zone: tzinfo) -> int:
    """Where the first line as young as that begins; the size where none is; 0 where no line has a time."""
    dated = False
    offset = 0
    with open(segment.path, "rb") as file:
        for line in file:
            moment = time_of(line[:_HEAD], zone)
            if moment is not None:
                if moment >= since:
                    return offset
                dated = True
            offset += len(line)
            if offset >= segment.size:
                break
    return segment.size if dated else 0


def time_of(line: bytes, zone: tzinfo) -> datetime | None:
    """When a line was written: JSON lines say it in UTC, text lines in the workspace's time zone."""
    found = _JSON_TIME.search(line) if line.startswith(b"{") else _TEXT_TIME.match(line)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1].decode())
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC if line.startswith(b"{") else zone)
