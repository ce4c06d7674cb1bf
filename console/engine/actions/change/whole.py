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
        keep = os.path.dirname(changes[0].keep)
        disk = self._disk
        zone, kept_zone = disk.zone_of(changes[0].path), disk.zone_of(changes[0].keep)
        if zone == kept_zone or not folder.startswith(f"{zone}/") or not keep.startswith(f"{kept_zone}/"):
            return False
        try:
            source, target = disk.open_above(folder), disk.open_above(keep)
            before = os.stat(os.path.basename(folder), dir_fd=source, follow_symlinks=False)
        except (OSError, EngineError):
            return False
        try:
            if not stat.S_ISDIR(before.st_mode) or not self._as_recorded(source, changes):
                return False
            since = time.time_ns()
            if not self._holds(folder, before, changes):
                return False
            self._rename(source, folder, target, keep)
            after = os.stat(os.path.basename(keep), dir_fd=target, follow_symlinks=False)
            changed = (after.st_mtime_ns, after.st_ino) != (before.st_mtime_ns, before.st_ino)
            # had somebody put something there at this very moment, it would go back with it
            if (changed or after.st_mtime_ns > since - TRUST_NS) and not self._holds(keep, None, changes):
                self._rename(target, keep, source, folder)
                return False
        except (FileExistsError, PermissionError):
            return False
        except OSError:
            if not os.path.lexists(disk.absolute(folder)):
                raise
            return False
        self.moved[folder] = keep
        disk.made.append(keep)
        disk.forget(folder)
        for _ in changes:
            disk.reach("change.taken")
        return True

    def _as_recorded(self, above: int, changes: list[Change]) -> bool:
        for change in changes:
            folder, name = os.path.split(change.path)
            facts = os.stat(f"{os.path.basename(folder)}/{name}", dir_fd=above, follow_symlinks=False)
            # what was not read ahead may have a flag that keeps its name: that is seen when it is renamed by itself
            if self._disk.read(self._disk.absolute(change.path), facts) != change.before:
                return False
        return True

    def _holds(self, folder: str, facts: os.stat_result | None, changes: list[Change]) -> bool:
        """Whether exactly these files lie in the folder; facts: of the folder, to know whether it is as it was when it
        was listed ahead."""
        path = self._disk.absolute(folder)
        listed = None if facts is None else self._disk.listed(path)
        if listed is not None and facts is not None and listed[:2] == (facts.st_mtime_ns, facts.st_ino):
            names: Sequence[str] = listed.names
        else:
            names = os.listdir(path)
        return len(names) == len(changes) and {os.path.basename(change.path) for change in changes} == set(names)

    def _rename(self, source: int, path: str, target: int, to: str) -> None:
        if not rename_new(os.path.basename(path), os.path.basename(to), source, target):
            raise FileExistsError(to)

    def give_back(self) -> None:
        """Undo what was taken in this batch. Raises OSError."""
        for folder, keep in reversed(self.moved.items()):
            rename_new(self._disk.absolute(keep), self._disk.absolute(folder))
            self._disk.forget(keep)
        self.moved.clear()
