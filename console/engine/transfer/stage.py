"""Writing beside the destination: part files, folders with their parent's group and mode, whatever the umask."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache

from console.engine.transfer.way import Way

_NAME_MAX = 255  # bytes in one name, ext4, xfs, btrfs, tmpfs


@lru_cache(maxsize=4)  # asked for when a file is made and again when it is told of
def part_name(name: str, run: str) -> str:
    """`.<name>.<run>.part`; a name too long for that is cut and told apart by a hash of the whole."""
    part = f".{name}.{run}.part"
    if len(os.fsencode(part)) <= _NAME_MAX:
        return part
    whole = os.fsencode(name)
    head = whole[:120].decode(errors="ignore")
    return f".{head}~{hashlib.sha256(whole).hexdigest()[:12]}.{run}.part"


class Folders(Way):
    """Folders below a zone for writing in: what is missing is made, with its parent's mode and group.

    Wants umask 0: the modes are given outright.
    """

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self._made: list[str] = []
        self._making = False
        self._facts: dict[int, tuple[int, int]] = {}  # mode and group by descriptor
        self._group = os.getegid()
        self.fresh = False  # the folder last opened was made here: nothing of another run can stand in it

    def open_making(self, relative: str, made: list[str]) -> int:
        """A descriptor of zone/relative as `open` gives; `made` gets the folders that had to be made.

        Raises OSError, and EngineError for a link on the way.
        """
        if relative == self.path and self._open:  # that of the file before
            return self._open[-1]
        if relative == ".":
            relative = ""
        self._made, self.fresh = made, False
        before = len(made)
        try:
            descriptor = self.open(relative)
        except FileNotFoundError:  # the zone itself, or somebody removed what we held open
            self.close()
            _make_zone(self.zone)
            descriptor = self.open(relative)
        self.fresh = len(made) > before
        return descriptor

    def step(self, parent: int, name: str) -> int:
        """As `Way.step`; where the last folder had to be made, the next most often has to be made as well."""
        if not self._making:
            try:
                return super().step(parent, name)
            except FileNotFoundError:
                self._making = True
        mode, group = self._facts_of(parent)
        try:
            os.mkdir(name, mode, dir_fd=parent)
        except FileExistsError:
            self._making = False
            return super().step(parent, name)
        descriptor = super().step(parent, name)
        if group != self._group and not mode & stat.S_ISGID:
            _give_group(f"/proc/self/fd/{descriptor}", group)
        self._made.append("/".join([*self._names, name]))
        self._facts[descriptor] = mode, group
        return descriptor

    def _facts_of(self, descriptor: int) -> tuple[int, int]:
        facts = self._facts.get(descriptor)
        if facts is None:
            status = os.fstat(descriptor)
            facts = self._facts[descriptor] = stat.S_IMODE(status.st_mode), status.st_gid
        return facts

    def create(self, name: str) -> int:
        """A new file in the folder last opened, with the folder's group and mode; a write descriptor."""
        folder = self._open[-1]
        mode, group = self._facts_of(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, mode & 0o666 | 0o600, dir_fd=folder)
        if group != self._group and os.fstat(descriptor).st_gid != group:
            _give_group(descriptor, group)
        return descriptor

    def _cut(self, keep: int) -> None:
        for descriptor in self._open[keep + 1 :]:
            self._facts.pop(descriptor, None)
        super()._cut(keep)

    def close(self) -> None:
        self._facts.clear()
        super().close()


def _make_zone(path: str) -> None:
    """The zone's own folder, and its parents first where they are missing, each as its parent is."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    _make_zone(parent)
    facts = os.stat(parent)
    try:
        os.mkdir(path, stat.S_IMODE(facts.st_mode))
    except FileExistsError:
        return
    if facts.st_gid != os.getegid() and not facts.st_mode & stat.S_ISGID:
        _give_group(path, facts.st_gid)


def _give_group(target: str | int, group: int) -> None:
    """A group we are no member of cannot be given; the file is then ours and said to be by `doctor`."""
    try:
        os.chown(target, -1, group)
    except PermissionError:
        pass


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """All of `data`; a short write (quota, size limit) goes on until it fails with its reason."""
    written = os.write(descriptor, data)
    if written == len(data):
        return
    view = memoryview(data)[written:]
    while view:
        view = view[os.write(descriptor, view) :]


def remove_if_empty(zone: str, folders: list[str]) -> None:
    """Remove folders that were made, innermost first, as long as they are empty."""
    for relative in reversed(folders):
        try:
            os.rmdir(f"{zone}/{relative}")
        except OSError:
            return
