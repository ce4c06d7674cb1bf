"""Folders of which everything is taken: one rename gives them their new place, and none has to be made there."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence

from console.engine.actions.change.ahead import TRUST_NS
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.errors import EngineError
from console.engine.transfer.publish import rename_new


def folders_taken(batch: Iterable[Change], going: Callable[[set[str]], Iterable[str]]) -> dict[str, list[Change]]:
    """Those folders of which a batch takes something and changes nothing else, each to one other folder, by path.

    going: which of the folders it is given are removed when nothing is left in them.
    """
    taken: dict[str, list[Change]] = {}
    keeps: dict[str, str] = {}
    mixed: set[str] = set()
    for change in batch:
        folder, _, name = change.path.rpartition("/")
        keep, _, kept_name = change.keep.rpartition("/")
        if change.kind != "take":
            mixed.update((folder, keep, os.path.dirname(change.source)))
            continue
        if name != kept_name or keeps.setdefault(folder, keep) != keep:
            mixed.add(folder)
        taken.setdefault(folder, []).append(change)
    alone = set(taken) - mixed
    gone = set(going(alone)) if alone else set()
    return {folder: changes for folder, changes in taken.items() if folder in gone}


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
        keep, _, _ = changes[0].keep.rpartition("/")
        disk = self._disk
        zone, kept_zone = disk.zone_of(changes[0].path), disk.zone_of(changes[0].keep)
        if zone == kept_zone or not folder.startswith(f"{zone}/") or not keep.startswith(f"{kept_zone}/"):
            return False
        name, kept_name = folder.rpartition("/")[2], keep.rpartition("/")[2]
        files = {change.path.rpartition("/")[2]: change for change in changes}
        try:
            source, target = disk.open_above(folder), disk.open_above(keep)
            before = os.stat(name, dir_fd=source, follow_symlinks=False)
        except (OSError, EngineError):
            return False
        try:
            if not stat.S_ISDIR(before.st_mode) or not self._as_recorded(source, name, files):
                return False
            since = time.time_ns()
            if not self._holds(folder, before, files):
                return False
            _rename(source, name, target, kept_name)
            after = os.stat(kept_name, dir_fd=target, follow_symlinks=False)
            changed = (after.st_mtime_ns, after.st_ino) != (before.st_mtime_ns, before.st_ino)
            # had somebody put something there at this very moment, it would go back with it
            if (changed or after.st_mtime_ns > since - TRUST_NS) and not self._holds(keep, None, files):
                _rename(target, kept_name, source, name)
                return False
        except (FileExistsError, PermissionError):
            return False
        except OSError:
            if not os.path.lexists(disk.absolute(folder)):
                raise
            return False
        self.moved[folder] = keep
        disk.made.append(keep)  # nothing in it is open: what is open of its zone ends above it
        for _ in changes:
            disk.reach("change.taken")
        return True

    def _as_recorded(self, above: int, folder: str, files: dict[str, Change]) -> bool:
        for name, change in files.items():
            facts = os.stat(f"{folder}/{name}", dir_fd=above, follow_symlinks=False)
            # what was not read ahead may have a flag that keeps its name: that is seen when it is renamed by itself
            if self._disk.read(self._disk.absolute(change.path), facts) != change.before:
                return False
        return True

    def _holds(self, folder: str, facts: os.stat_result | None, files: dict[str, Change]) -> bool:
        """Whether exactly these files lie in the folder; facts: of the folder, to know whether it is as it was when it
        was listed ahead."""
        path = self._disk.absolute(folder)
        listed = None if facts is None else self._disk.listed(path)
        if listed is not None and facts is not None and listed[:2] == (facts.st_mtime_ns, facts.st_ino):
            names: Sequence[str] = listed.names
        else:
            names = os.listdir(path)
        return files.keys() == set(names)

    def give_back(self) -> None:
        """Undo what was taken in this batch. Raises OSError."""
        for folder, keep in reversed(self.moved.items()):
            rename_new(self._disk.absolute(keep), self._disk.absolute(folder))
            self._disk.forget(keep)
        self.moved.clear()


def _rename(source: int, name: str, target: int, to: str) -> None:
    """Of one folder (a descriptor) into another. Raises FileExistsError, and OSError."""
    if not rename_new(name, to, source, target):
        raise FileExistsError(to)
