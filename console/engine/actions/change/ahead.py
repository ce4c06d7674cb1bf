"""What stands where the next changes are, read by a process of its own while the one that holds the lock works."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from console.engine.runs.pool import Pool, TaskError, WorkerDied, close_lock, divert_stderr
from console.engine.transfer.publish import hash_open, standing

_CHUNK_FILES = 128
_CHUNK_BYTES = 16 * 1024 * 1024
_NAMES = 64  # in a folder
_KEPT = 16_384  # files that are remembered: more than a batch has
TRUST_NS = 50_000_000  # what changed this shortly before it was looked at could change again within one clock tick
_COARSE_NS = 3_000_000_000
_GETFLAGS, _FIXED = 0x80086601, 0x10 | 0x20  # ioctl_iflags(2)

# size, mtime, ctime, inode. Whoever writes into a file changes its ctime, and nobody can set that; only what is stored
# through a shared mapping that is dirty already shows in none of them, until it is written back.
Identity = tuple[int, int, int, int]
Found = tuple[Identity, str]  # as it was before and after it was read; SHA-256


def identity(facts: os.stat_result) -> Identity:
    """By what one tells whether a file is still what it was when it was read."""
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


class Listed(NamedTuple):
    """What lay in a folder, while it was as these numbers say; as long as they are the same, it does."""

    mtime_ns: int
    ctime_ns: int
    inode: int
    names: tuple[str, ...]


Answer = tuple[dict[str, Found | None], dict[str, Listed]]


def _read(paths: list[str]) -> Answer:
    """Each file, None where it cannot be read, is being changed, or keeps its name; and what lies in their folders."""
    found: dict[str, Found | None] = {}
    listed: dict[str, Listed] = {}
    looked: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in looked:
            looked.add(folder)
            if (names := _list(folder)) is not None:
                listed[folder] = names
        try:
            found[path] = _read_one(path)
        except OSError:  # whoever changes it finds the same, and says it
            found[path] = None
    return found, listed


def _read_one(path: str) -> Found | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or not _settled(facts.st_ctime_ns) or _is_fixed(descriptor):
            return None
        sha256, before = hash_open(descriptor, facts.st_size), identity(facts)
        return (before, sha256) if before == identity(os.fstat(descriptor)) else None
    finally:
        os.close(descriptor)


def _settled(changed_ns: int) -> bool:
    """Whether what changed at that time would have another time if it changed again from now on; waits for that where
    it takes no longer than a clock tick."""
    age = time.time_ns() - changed_ns
    if changed_ns % 1_000_000_000 == 0:  # it may be that this file system counts in seconds, or in pairs of them
        return age >= _COARSE_NS
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
    listed = Listed(after.st_mtime_ns, after.st_ctime_ns, after.st_ino, names)
    return listed if identity(before) == identity(after) and len(names) <= _NAMES else None


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
        self._found: dict[str, Found | None] = {}
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
        found = self.read(path)
        try:
            same = found is not None and identity(os.lstat(path)) == found[0]
        except (FileNotFoundError, NotADirectoryError):
            return ""
        return found[1] if same and found is not None else standing(path)

    def read(self, path: str) -> Found | None:
        """A regular file as it was when it was read ahead; waits for that. None where it has to be read by whoever
        asks, or keeps its name."""
        while path not in self._found and len(self._found) < _KEPT:
            try:
                answer = next(self._answers, None)
            except OSError:  # it died, and there is no process more for this user
                answer = None
            if answer is None:
                return None
            asked, said = answer
            if isinstance(said, tuple):
                self._found |= said[0]
                if len(self._listed) < _KEPT:
                    self._listed |= said[1]
            else:  # the process died over it
                self._found |= dict.fromkeys(asked)
        return self._found.get(path)

    def listed(self, folder: str) -> Listed | None:
        """What lay in a folder when its files were read, if that is known."""
        return self._listed.get(folder)

    def forget(self, paths: Iterable[str]) -> None:
        """These were asked for, or will not be."""
        for path in paths:
            self._found.pop(path, None)
            self._listed.pop(path.rpartition("/")[0], None)

    def close(self) -> None:
        """At once, whatever it is reading: it writes nothing."""
        self._pool.close(kill=True)


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
