"""Reading one file and comparing it with what was recorded; what a worker does. Constant memory."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import stat
from datetime import UTC, datetime

from console.engine.actions.verify.model import Answer, Item, State
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.transfer.filesystem import filesystem_of
from console.engine.transfer.way import Way

_CHUNK = 1 << 20
_TRIES = 3  # a file that changes while it is read is read again this often
DISK, DROPPED, MEMORY = "disk", "cache dropped", "memory"


class FileReader:
    """Reads files of one workspace. readback: from the disk, past the page cache."""

    def __init__(self, ctx: Context, *, readback: bool = False) -> None:
        zones = ctx.settings.zones
        named = {zone.rstrip("/") for zone in (zones.raw, zones.validated, zones.backups, zones.archive)}
        # the innermost first: the archive may lie in the folder of the raw zone
        self._zones = sorted(named, key=len, reverse=True)
        self._ctx, self._readback = ctx, readback
        self._ways: dict[str, Way] = {}
        self._buffer = mmap.mmap(-1, _CHUNK) if readback else None  # O_DIRECT wants it on a page's border
        self._memory: dict[int, bool] = {}  # device -> a file system that has no disk

    def read(self, item: Item) -> Answer:
        """The verdict on one file. Raises nothing."""
        try:
            for _ in range(_TRIES):
                answer = self._once(item)
                if answer is not None:
                    return answer
            return Answer(State.CHANGED, reason="it changes while it is read")
        except (FileNotFoundError, NotADirectoryError):
            return Answer(State.MISSING if item.published else State.GONE)
        except EngineError as error:
            return Answer(State.DAMAGED, reason=error.what)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return Answer(State.DAMAGED, reason="a link stands in its place")
            return Answer(State.UNREADABLE, reason=error.strerror or str(error))

    def _open(self, path: str) -> int:
        zone = next((zone for zone in self._zones if path.startswith(zone + "/")), "")
        way = self._ways.get(zone)
        if way is None:
            way = self._ways[zone] = Way(str(self._ctx.workspace.path(zone)))
        folder, _, name = path[len(zone) + 1 if zone else 0 :].rpartition("/")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(name, flags, dir_fd=way.open(folder))

    def _once(self, item: Item) -> Answer | None:
        """None: it changed meanwhile."""
        descriptor = self._open(item.path)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return Answer(State.DAMAGED, reason="what stands there is no plain file")
            before = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
            found, how = self._hash(descriptor, facts.st_dev)
            after = os.fstat(descriptor)
            if before != (after.st_size, after.st_mtime_ns, after.st_ino):
                return None
        finally:
            os.close(descriptor)
        if found == item.expected:
            return Answer(State.WHOLE, found, facts.st_size, "", how)
        if item.zone == "raw" and item.identity != before:
            return Answer(State.CHANGED, found, facts.st_size, "", how)
        return Answer(State.DAMAGED, found, facts.st_size, _difference(item, facts), how)

    # --- bytes ------------------------------------------------------------------------------------------

    def _hash(self, descriptor: int, device: int) -> tuple[str, str]:
        """SHA-256 and where the bytes came from."""
        how = self._past_the_cache(descriptor, device) if self._readback else ""
        digest = hashlib.sha256()
        if how == DISK:
            try:
                self._directly(descriptor, digest)
                return digest.hexdigest(), how
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            # this file system takes the flag and then refuses: begin again without it
            _flag(descriptor, on=False)
            os.lseek(descriptor, 0, os.SEEK_SET)
            digest, how = hashlib.sha256(), _drop(descriptor)
        while chunk := os.read(descriptor, _CHUNK):
            digest.update(chunk)
        return digest.hexdigest(), how

    def _directly(self, descriptor: int, digest: hashlib._Hash) -> None:
        assert self._buffer is not None
        with memoryview(self._buffer) as view:
            while True:
                number = os.readv(descriptor, [view])
                digest.update(view[:number])
                if number < _CHUNK:  # the end: from there on no position is on a block's border any more
                    return

    def _past_the_cache(self, descriptor: int, device: int) -> str:
        memory = self._memory.get(device)
        if memory is None:
            place = self._ctx.workspace.path(os.readlink(f"/proc/self/fd/{descriptor}"))
            memory = self._memory[device] = filesystem_of(place).kind in ("tmpfs", "ramfs")
        if memory:
            return MEMORY
        os.fdatasync(descriptor)  # what is not yet written cannot be dropped
        return DISK if _flag(descriptor, on=True) else _drop(descriptor)

    def close(self) -> None:
        for way in self._ways.values():
            way.close()


def _flag(descriptor: int, *, on: bool) -> bool:
    """O_DIRECT (open(2)) on a descriptor that is open; False where the file system refuses it."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError:
        return False
    return True


def _drop(descriptor: int) -> str:
    """The pages of this file out of memory, so that the next read is the disk's (posix_fadvise(2))."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return DROPPED


def _difference(item: Item, facts: os.stat_result) -> str:
    """Whether somebody wrote it, or the disk did."""
    if item.identity is None:
        return "other bytes than were recorded"
    size, mtime_ns, inode = item.identity
    if (facts.st_size, facts.st_mtime_ns, facts.st_ino) == (size, mtime_ns, inode):
        return "same size, time and inode, other bytes: the disk changed it"
    written = datetime.fromtimestamp(facts.st_mtime, UTC)
    shorter = f", {facts.st_size} of {size} bytes" if facts.st_size < size else ""
    return f"written by somebody else, last at {written:%Y-%m-%d %H:%M:%S} UTC{shorter}"
