"""Writing beside the destination: part files, folders with their parent's group and mode, whatever the umask."""

from __future__ import annotations

import hashlib
import os
import stat

from console.engine.errors import EngineError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME_MAX = 255  # bytes in one name, ext4, xfs, btrfs, tmpfs


def part_name(name: str, run: str) -> str:
    """`.<name>.<run>.part`; a name too long for that is cut and told apart by a hash of the whole."""
    part = f".{name}.{run}.part"
    if len(part.encode()) <= _NAME_MAX:
        return part
    head = name.encode()[:120].decode(errors="ignore")
    return f".{head}~{hashlib.sha256(name.encode()).hexdigest()[:12]}.{run}.part"


def _link(path: str) -> EngineError:
    return EngineError(
        "a link lies on the way to the destination; links below a zone are not followed",
        file=path,
        untouched="the destination and what the link points to",
        next_step="replace the link by a folder, or name the folder in the configuration as the zone",
    )


class Folders:
    """Opens folders below one zone without following a link, making those that are missing.

    Keeps the last folder open: files come folder by folder. Wants umask 0: what is made takes its parent's mode.
    """

    def __init__(self, zone: str) -> None:
        self.zone = os.path.realpath(zone)
        self._open: tuple[str, int, int, int] | None = None
        self._parent: tuple[str, int, int] = ("", 0, 0)  # the last parent of a new folder, with its mode and group
        self.fresh = False  # the folder last opened was made by that: nothing can stand in it

    def _make(self, path: str, made: list[str]) -> None:
        """One folder, and its parents first where they are missing."""
        parent = path.rpartition("/")[0]
        if self._parent[0] != parent:
            try:
                facts = os.lstat(parent)
            except FileNotFoundError:
                self._make(parent, made)
                facts = os.lstat(parent)
            if path.startswith(self.zone + "/") and os.path.realpath(parent) != parent:
                raise _link(parent)  # before anything is made behind it
            self._parent = (parent, stat.S_IMODE(facts.st_mode), facts.st_gid)
        _, mode, group = self._parent
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            return
        if group != os.getegid() and not mode & stat.S_ISGID:
            _give_group(path, group)
        if path != self.zone and path.startswith(self.zone):
            made.append(path[len(self.zone) + 1 :])

    def open(self, relative: str, made: list[str]) -> int:
        """A descriptor of zone/relative, owned by this object; `made` gets the folders that had to be made.

        Raises OSError, and EngineError for a link on the way.
        """
        if relative == ".":
            relative = ""
        if self._open and self._open[0] == relative:
            return self._open[1]
        self.close()
        path = f"{self.zone}/{relative}" if relative else self.zone
        before = len(made)
        try:
            descriptor = os.open(path, _FOLDER)
        except FileNotFoundError:
            self._make(path, made)
            descriptor = os.open(path, _FOLDER)
        self.fresh = len(made) > before
        if os.readlink(f"/proc/self/fd/{descriptor}") != path:
            os.close(descriptor)
            raise _link(path)
        facts = os.fstat(descriptor)
        self._open = (relative, descriptor, stat.S_IMODE(facts.st_mode) & 0o666 | 0o600, facts.st_gid)
        return descriptor

    def create(self, name: str) -> int:
        """A new file in the folder last opened, with the folder's group and mode; a write descriptor."""
        assert self._open is not None
        _, folder, mode, group = self._open
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, mode, dir_fd=folder)
        if os.getegid() != group and os.fstat(descriptor).st_gid != group:
            _give_group(descriptor, group)
        return descriptor

    def close(self) -> None:
        if self._open:
            os.close(self._open[1])
            self._open = None


def _give_group(target: str | int, group: int) -> None:
    """A group we are no member of cannot be given; the file is then ours and said to be by `doctor`."""
    try:
        os.chown(target, -1, group)
    except PermissionError:
        pass


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """All of `data`; a short write (quota, size limit) goes on until it fails with its reason."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def remove_if_empty(zone: str, folders: list[str]) -> None:
    """Remove folders that were made, innermost first, as long as they are empty."""
    for relative in reversed(folders):
        try:
            os.rmdir(f"{zone}/{relative}")
        except OSError:
            return
