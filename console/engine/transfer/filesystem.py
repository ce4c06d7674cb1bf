"""File systems under the zones: which one, how it is flushed, how much room it has."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
from dataclasses import dataclass
from pathlib import Path

# syncfs(2): errors of write-back are reported since Linux 5.8; on these file systems that has been verified.
TRUSTED = ("ext4", "xfs", "btrfs", "tmpfs")
NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "fuse.sshfs",
    "ncpfs",
)


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One mounted file system. `identity` tells it from another one that is mounted at the same place."""

    device: int
    mount: str
    kind: str
    source: str
    identity: str

    @property
    def network(self) -> bool:
        return self.kind in NETWORK


def _unescape(text: str) -> str:
    """/proc/self/mountinfo writes space, tab, newline and backslash as octal (proc(5))."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def existing(path: Path) -> Path:
    """`path`, or its nearest ancestor that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def filesystem_of(path: Path) -> Filesystem:
    """The file system that holds `path`, or will when it is made."""
    place = existing(path).resolve()
    device = os.stat(place).st_dev
    best = ("/", "unknown", "")
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f,
    ):
        for line in f:
            left, _, right = line.partition(" - ")
            fields, tail = left.split(), right.split()
            mount = _unescape(fields[4])
            major, _, minor = fields[2].partition(":")
            within = str(place) == mount or str(place).startswith(mount.rstrip("/") + "/")
            same = os.makedev(int(major), int(minor)) == device
            # the last mount over a place is the one that is seen; btrfs reports another device than its mount
            if within and (same or tail[0] == "btrfs") and len(mount) >= len(best[0]):
                best = (mount, tail[0], _unescape(tail[1]) if len(tail) > 1 else "")
    return Filesystem(device, *best, _identity(place, best[1], best[2]))


def _identity(place: Path, kind: str, source: str) -> str:
    """The file system's UUID where the system names it, else its id and source."""
    with contextlib.suppress(OSError):
        device = os.path.realpath(source)
        for entry in os.scandir("/dev/disk/by-uuid"):
            if os.path.realpath(entry.path) == device:
                return f"uuid:{entry.name}"
    # ext and btrfs make it from their UUID, tmpfs anew for each mount; elsewhere it may be the device's number
    return f"fsid:{os.statvfs(place).f_fsid:x}" + ("" if kind in TRUSTED and kind != "xfs" else f":{source}")


def room(path: Path) -> tuple[int, int, int]:
    """Bytes free to us, inodes free to us (-1: not counted), bytes in all, where `path` is or will be."""
    stat = os.statvfs(existing(path))
    return stat.f_bavail * stat.f_frsize, stat.f_favail if stat.f_files else -1, stat.f_blocks * stat.f_frsize


def syncfs_is_trusted(filesystem: Filesystem) -> bool:
    """Whether one syncfs says as much as an fsync of every file and folder."""
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2] if part.isdigit())
    return platform.system() == "Linux" and release >= (5, 8) and filesystem.kind in TRUSTED


class Flusher:
    """Makes what was written under one folder durable.

    With syncfs: one call for all files of a batch, on a descriptor opened before anything was written, so that an
    error of write-back in between is reported by it. Otherwise every file and folder is fsynced.
    """

    def __init__(self, folder: Path, *, per_file: bool) -> None:
        filesystem = filesystem_of(folder)
        self.per_file = per_file or not syncfs_is_trusted(filesystem)
        self.mode = (
            f"fsync of every file and folder ({filesystem.kind})"
            if self.per_file
            else f"syncfs twice a batch ({filesystem.kind})"
        )
        self._descriptor = os.open(existing(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._libc = ctypes.CDLL(None, use_errno=True)

    def flush(self, files: list[str], folders: set[str]) -> None:
        """Durable on return. files, folders: absolute paths of this batch.

        Raises OSError; then nothing of the batch may be believed, and the flush must not be tried again.
        """
        if not self.per_file:
            if self._libc.syncfs(self._descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), "syncfs")
            return
        for path in files:
            fsync_path(path)
        for folder in sorted(folders, key=len, reverse=True):
            fsync_path(folder)

    def close(self) -> None:
        os.close(self._descriptor)


def fsync_path(path: str) -> None:
    """fsync of one file or folder, retried only when a signal interrupted it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            try:
                os.fsync(descriptor)
                return
            except InterruptedError:
                continue
    finally:
        os.close(descriptor)


def in_words(error: Exception) -> str:
    """An error of the system or of SQLite as the operator reads it, with the runbook's phrase for a full disk."""
    if isinstance(error, OSError):
        text = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
        return f"Insufficient disk space: {text}" if is_full(error) else text
    text = f"the ledger could not be written: {error}"
    return f"Insufficient disk space: {text}" if "full" in str(error) else text


# What says that the file system itself is in trouble, whichever file it was said of.
BROKEN = (errno.EIO, errno.EROFS, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.EUCLEAN)


def is_full(error: OSError) -> bool:
    """No space or no inodes left, or over quota."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
