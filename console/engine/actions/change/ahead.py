"""What stands where the next changes are, read by a process of its own while the one that holds the lock works."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from console.engine.runs.pool import Pool, TaskError, WorkerDied, close_lock, divert_stderr
from console.engine.transfer.publish import standing

_CHUNK_FILES = 128
_CHUNK_BYTES = 16 * 1024 * 1024
_NAMES = 64  # in a folder
_KEPT = 16_384  # files that are remembered; it reads no further ahead than a pipe holds
TRUST_NS = 50_000_000  # what changed this shortly before it was looked at could change again within one clock tick
_PIECE = 1 << 20
_GETFLAGS, _FIXED = 0x80086601, 0x10 | 0x20  # ioctl_iflags(2)

Identity = tuple[int, int, int, int]  # size, mtime, ctime, inode: nobody writes into a file and leaves its ctime
Found = tuple[Identity, str]  # as it was before and after it was read; SHA-256


def identity(facts: os.stat_result) -> Identity:
    """By what one tells whether a file is still what it was when it was read."""
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


class Listed(NamedTuple):
    """What lay in a folder, while it was as these numbers say; as long as they are the same, it does."""

    mtime_ns: int
    inode: int
    names: tuple[str, ...]


Answer = tuple[dict[str, Found], dict[str, Listed]]


def _read(paths: list[str]) -> Answer:
    """Those of the files that could be read, and that nobody was changing; and what lies in their folders."""
    found: dict[str, Found] = {}
    listed: dict[str, Listed] = {}
    looked: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in looked:
            looked.add(folder)
            if (names := _list(folder)) is not None:
                listed[folder] = names
        try:
            one = _read_one(path)
        except OSError:
            continue  # whoever changes it finds the same, and says it
        if one is not None:
            found[path] = one
    return found, listed


def _read_one(path: str) -> Found | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or not _settled(facts.st_ctime_ns) or _is_fixed(descriptor):
            return None
        digest = hashlib.sha256()
        piece = min(_PIECE, facts.st_size + 1)
        while data := os.read(descriptor, piece):
            digest.update(data)
            if len(data) < piece:  # of a regular file: its end
                break
        before = identity(facts)
        return (before, digest.hexdigest()) if before == identity(os.fstat(descriptor)) else None
    finally:
        os.close(descriptor)


def _settled(changed_ns: int) -> bool:
    """Whether what changed at that time would have another time if it changed again from now on; waits for that."""
    age = time.time_ns() - changed_ns
    if 0 <= age < TRUST_NS:
        time.sleep((TRUST_NS - age) / 1e9)
    return age >= 0  # else it is of a clock ahead of ours


def _is_fixed(descriptor: int) -> bool:
    """Whether somebody said of the file that it keeps its name (FS_IMMUTABLE_FL, FS_APPEND_FL); no where the file
    system knows no such flags."""
    flags = array("l", [0])
    try:
        fcntl.ioctl(descriptor, _GETFLAGS, flags)
    except OSError:
        return False
    return bool(flags[0] & _FIXED)


def _list(folder: str) -> Listed | None:
    """None where it changes, or has many names: such a folder is looked at when its turn comes."""
    try:
        before = os.lstat(folder)
        if not _settled(before.st_mtime_ns):
            return None
        with os.scandir(folder) as entries:
            names = tuple(entry.name for entry in islice(entries, _NAMES + 1))
        after = os.lstat(folder)
    except OSError:
        return None
    same = (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    return Listed(after.st_mtime_ns, after.st_ino, names) if same and len(names) <= _NAMES else None


class ReadAhead:
    """Reads files in the order in which they will be asked for. Forks: made before there is a lock to inherit."""

    def __init__(self, lock: Path, stderr: Path) -> None:
        """lock: the file whose descriptor a process that replaces a dead one lets go of. stderr: gets tracebacks."""

        def make() -> Callable[[list[str]], Answer]:
            close_lock(str(lock))
            divert_stderr(stderr)
            return _read

        self._pool = Pool(1, make)
        self._answers: Iterator[tuple[Any, Answer | TaskError | WorkerDied]] = iter(())
        self._found: dict[str, Found] = {}
        self._listed: dict[str, Listed] = {}

    def begin(self, files: Iterable[tuple[str, int]], beat: Callable[[], object]) -> None:
        """files: absolute paths with about how many bytes each has, in the order in which `standing` will be asked of
        them; some may be left out. beat: called twice a second while somebody waits for an answer."""

        def tick() -> bool:
            beat()
            return False

        self._answers = self._pool.run(_chunks(files), tick=tick)

    def standing(self, path: str) -> str:
        """As `transfer.publish.standing`; what was read ahead counts only if the file has not changed since."""
        try:
            return self.read(path, os.lstat(path)) or standing(path)
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def read(self, path: str, facts: os.stat_result) -> str:
        """SHA-256 of a regular file, if that was read ahead and nobody has touched it since, not even its flags; ''
        where it has to be read now, or keeps its name. facts: of it, now."""
        found = self._take(path)
        return found[1] if found is not None and identity(facts) == found[0] else ""

    def listed(self, folder: str) -> Listed | None:
        """What lay in a folder when its files were read, if that is known."""
        return self._listed.pop(folder, None)

    def _take(self, path: str) -> Found | None:
        while path not in self._found:
            answer = next(self._answers, None)
            if answer is None:
                return None
            if isinstance(answer[1], tuple):  # else the process died over it: then it is read here
                if len(self._found) >= _KEPT:  # of files that nobody asked for
                    self._found.clear()
                if len(self._listed) >= _KEPT:
                    self._listed.clear()
                self._found |= answer[1][0]
                self._listed |= answer[1][1]
        return self._found.pop(path)

    def close(self, *, kill: bool = False) -> None:
        self._pool.close(kill=kill)


def _chunks(files: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for path, length in files:
        chunk.append(path)
        size += length
        if len(chunk) >= _CHUNK_FILES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
