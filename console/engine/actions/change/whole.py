"""Folders of which everything is taken: one rename gives them their new place, and none has to be made there."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable

from console.engine.actions.change.ahead import TRUST_NS
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.errors import EngineError
from console.engine.transfer.publish import rename_new

_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def folders_taken(batch: Iterable[Change], going: Callable[[set[str]], Iterable[str]]) -> dict[str, list[Change]]:
    """Those folders of which a batch takes something and changes nothing else, each to one other folder, by path.

    going: which of the folders it is given are removed when nothing is left in them.
    """
    taken: dict[str, list[Change]] = {}
    mixed: set[str] = set()
    for change in batch:
        folder = os.path.dirname(change.path)
        if change.kind != "take":
            mixed.update((folder, os.path.dirname(change.keep), os.path.dirname(change.source)))
            continue
        others = taken.setdefault(folder, [])
        keep, name = os.path.split(change.keep)
        if os.path.basename(change.path) != name or (others and os.path.dirname(others[0].keep) != keep):
            mixed.add(folder)
        others.append(change)
    alone = set(taken) - mixed
    return {folder: taken[folder] for folder in going(alone)} if alone else {}


class WholeFolders:
    """Takes whole folders for one run. What it cannot take whole it leaves as it is: then each file is looked at."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.moved: dict[str, str] = {}  # of the batch in hand: where from, where to; relative to the root

    def mode(self, folder: str) -> int | None:
        """The permissions of a folder that is there."""
        try:
            return stat.S_IMODE(os.lstat(self._disk.absolute(folder)).st_mode)
        except OSError:
            return None

    def take(self, folder: str, changes: list[Change]) -> bool:
        """Whether all of it was taken. False, with nothing changed: something else lies there, or a file is not what
        was recorded, or the system refuses. Raises OSError where what came between could not be given back."""
        keep = os.path.dirname(changes[0].keep)
        disk = self._disk
        zone, kept_zone = disk.zone_of(changes[0].path), disk.zone_of(changes[0].keep)
        if zone == kept_zone or not folder.startswith(f"{zone}/") or not keep.startswith(f"{kept_zone}/"):
            return False
        try:
            source, target = disk.open_above(folder), disk.open_above(keep)
            leaf = os.open(os.path.basename(folder), _LISTED, dir_fd=source)
        except (OSError, EngineError):
            return False
        try:
            written = os.fstat(leaf).st_mtime_ns
            if not self._as_recorded(leaf, changes):
                return False
            since = time.time_ns() - written
            self._rename(source, folder, target, keep)
            # somebody put something there at this very moment: it goes back with it
            if (os.fstat(leaf).st_mtime_ns != written or since < TRUST_NS) and not _holds(leaf, changes):
                self._rename(target, keep, source, folder)
                return False
        except (FileExistsError, PermissionError):
            return False
        except OSError:
            if not os.path.lexists(disk.absolute(folder)):
                raise
            return False
        finally:
            os.close(leaf)
        self.moved[folder] = keep
        disk.made.append(keep)
        disk.forget(folder)
        for _ in changes:
            disk.reach("change.taken")
        return True

    def _as_recorded(self, leaf: int, changes: list[Change]) -> bool:
        for change in changes:
            path = self._disk.absolute(change.path)
            facts = os.stat(os.path.basename(path), dir_fd=leaf, follow_symlinks=False)
            if not stat.S_ISREG(facts.st_mode) or self._disk.standing(path, facts) != change.before:
                return False
        return _holds(leaf, changes)

    def _rename(self, source: int, path: str, target: int, to: str) -> None:
        if not rename_new(os.path.basename(path), os.path.basename(to), source, target):
            raise FileExistsError(to)

    def give_back(self) -> None:
        """Undo what was taken in this batch. Raises OSError."""
        for folder, keep in reversed(self.moved.items()):
            rename_new(self._disk.absolute(keep), self._disk.absolute(folder))
            self._disk.forget(keep)
        self.moved.clear()


def _holds(leaf: int, changes: list[Change]) -> bool:
    """Whether exactly these files lie in the open folder."""
    names = os.listdir(leaf)
    return len(names) == len(changes) and {os.path.basename(change.path) for change in changes} == set(names)
