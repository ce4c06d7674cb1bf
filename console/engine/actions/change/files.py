"""One file moved or copied, so that nothing that stands there is lost."""

from __future__ import annotations

import errno
import hashlib
import os
import stat

from console.engine.transfer.publish import rename_new
from console.engine.transfer.stage import Folders, write_all


def rename_sparing(source: str, target: str) -> None:
    """Rename where nothing stands. Raises FileExistsError, and OSError."""
    if rename_new(source, target):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target)  # a file system that cannot be told to spare what stands there


def copy_file(
    folders: Folders, source: str, part: str, mode: int = -1, mtime_ns: int = -1, *, sync: bool = False
) -> str:
    """The bytes of `source` in a new file `part` of the folder last opened, hashed on the way; its SHA-256.

    mode, mtime_ns: -1 is as `source` has it. Raises OSError; then there is no part.
    """
    reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        facts = os.fstat(reader)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", source)
        try:
            out = folders.create(os.path.basename(part))
        except FileExistsError:  # of an attempt that was taken back
            os.unlink(part)
            out = folders.create(os.path.basename(part))
        try:
            digest = hashlib.sha256()
            while chunk := os.read(reader, 1 << 20):
                digest.update(chunk)
                write_all(out, chunk)
            os.fchmod(out, stat.S_IMODE(facts.st_mode) if mode < 0 else mode)
            mtime = facts.st_mtime_ns if mtime_ns < 0 else mtime_ns
            os.utime(out, ns=(mtime, mtime))
            if sync:
                os.fsync(out)
        except BaseException:
            os.unlink(part)
            raise
        finally:
            os.close(out)
        return digest.hexdigest()
    finally:
        os.close(reader)
