"""Making what a group works on together: with the group and mode of the folder above, whatever the umask.

The mode is given when a name appears, not afterwards: a process that is killed in between leaves nothing that
keeps the next user out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

_NOT_TAKEN = stat.S_ISVTX | stat.S_IWOTH  # of a folder's mode: nothing of ours is for everyone to write
_umask_guard = Lock()  # the umask is the whole process's


@contextmanager
def _no_umask() -> Iterator[None]:
    with _umask_guard:
        umask = os.umask(0)
        try:
            yield
        finally:
            os.umask(umask)


def make_folder(folder: Path, *, hand_on: bool = False) -> None:
    """Make `folder` and what is missing above it, each with its parent's group and mode. Raises OSError.

    hand_on: what others make in it takes its group too (setgid), where the group may write there.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        above = os.stat(made.parent)
        mode = stat.S_IMODE(above.st_mode) & ~_NOT_TAKEN
        if hand_on and mode & stat.S_IWGRP:
            mode |= stat.S_ISGID
        try:
            with _no_umask():
                os.mkdir(made, mode)
        except FileExistsError:
            if not made.is_dir():  # else somebody made it just now
                raise
            continue
        _settle(made, os.stat(made), above.st_gid, mode)


def _settle(target: Path | int, own: os.stat_result, group: int, mode: int) -> None:
    """Group and mode where they are not right yet. Only the owner may do this, and only within groups of his:
    what cannot be given stays as the system made it, and `doctor` says so."""
    if own.st_gid != group:
        with suppress(OSError):
            os.chown(target, -1, group)
    if stat.S_IMODE(own.st_mode) != mode or own.st_gid != group:  # chown may take setgid away
        with suppress(OSError):
            os.chmod(target, mode)


def _create(path: Path, flags: int) -> int:
    above = os.stat(path.parent)
    mode = above.st_mode & 0o666 & ~_NOT_TAKEN | 0o600
    with _no_umask():
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    _settle(descriptor, os.fstat(descriptor), above.st_gid, mode)
    return descriptor


def open_shared(path: Path, flags: int) -> int:
    """Open a regular file for writing, made with its folder's group and mode where it is not there.

    Never follows a link, never blocks on a pipe. Returns the descriptor. Raises OSError.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags & ~os.O_CREAT & ~os.O_EXCL)
    except FileNotFoundError:
        try:
            descriptor = _create(path, flags)
        except FileExistsError:  # made by somebody just now
            descriptor = os.open(path, flags & ~os.O_CREAT & ~os.O_EXCL)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a regular file")
    return descriptor


def write_shared(path: Path, data: bytes) -> None:
    """The whole content of a small file. Raises OSError."""
    with open(open_shared(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(data)


def ensure_shared(path: Path) -> None:
    """An empty file, if there is none; one of ours that keeps the group out is opened to it. Raises OSError.

    An existing file is not opened: closing it would drop locks that this process holds on it (fcntl(2)).
    """
    if not os.path.lexists(path):
        try:
            os.close(_create(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        except FileExistsError:
            pass
    widen(path)


def widen(path: Path) -> None:
    """Give a file of ours, made by an older version or another program, its folder's group and the group's bits."""
    try:
        own, above = os.lstat(path), os.stat(path.parent)
    except FileNotFoundError:
        return
    if own.st_uid != os.geteuid() or not stat.S_ISREG(own.st_mode):
        return
    mode = stat.S_IMODE(own.st_mode)
    _settle(path, own, above.st_gid, mode | above.st_mode & (stat.S_IRGRP | stat.S_IWGRP))
