"""Folders of which everything is taken: one rename gives them their new place, and none has to be made there."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable

from console.engine.actions.change.ahead import TRUST_NS, Identity, identity
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.errors import EngineError
from console.engine.text import keepable, on_disk
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
        self._refused = False  # by the system: they lie on two file systems
        self.moved: dict[str, str] = {}  # of the batch in hand: where from, where to; relative to the root

    def mode(self, folder: str) -> int | None:
        """The permissions of a folder that is there."""
        try:
            facts = os.lstat(self._disk.absolute(folder))
        except OSError:
            return None
        return stat.S_IMODE(facts.st_mode) if stat.S_ISDIR(facts.st_mode) else None

    def take(self, folder: str, changes: list[Change]) -> bool:
        """Whether all of it was taken. False: something else lies there, a file is not what was recorded, or the system
        refuses; all lies where it lay. Raises OSError where it is in `moved` and could not be looked at."""
        keep, _, _ = changes[0].keep.rpartition("/")
        disk = self._disk
        zone, kept_zone = disk.zone_of(changes[0].path), disk.zone_of(changes[0].keep)
        if zone == kept_zone or not folder.startswith(f"{zone}/") or not keep.startswith(f"{kept_zone}/"):
            return False
        name, kept_name = folder.rpartition("/")[2], keep.rpartition("/")[2]
        files = self._files(changes)
        if self._refused or files is None:
            return False
        try:
            source, target = disk.open_above(folder), disk.open_above(keep)
            before = os.stat(name, dir_fd=source, follow_symlinks=False)
            if not _as_made(before, target) or not self._lie_alone(folder, before, files):
                return False
            if not _unchanged(source, name, files):
                return False
            since = time.time_ns()
            if not rename_new(name, kept_name, source, target):
                return False
        except (OSError, EngineError) as error:
            self._refused = getattr(error, "errno", 0) == errno.EXDEV
            return False
        self.moved[folder] = keep
        disk.made.append(keep)  # nothing in it is open: what is open of its zone ends above it
        after = os.stat(kept_name, dir_fd=target, follow_symlinks=False)
        quiet = (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
        if not quiet or after.st_mtime_ns > since - TRUST_NS:  # somebody may have been there at this very moment
            names = os.listdir(disk.absolute(keep))
            if after.st_ino != before.st_ino or files.keys() != set(names) or not _unchanged(target, kept_name, files):
                self._give_back(folder)
                return False
        for _ in changes:
            disk.reach("change.taken")
        return True

    def _files(self, changes: list[Change]) -> dict[str, Identity] | None:
        """What each file was, by name, when it was read ahead; None where one was not, or is not what was recorded. All
        is waited for before the first is looked at."""
        files: dict[str, Identity] = {}
        for change in changes:
            found = self._disk.read(self._disk.absolute(change.path))
            if found is None or found[1] != change.before:
                return None
            files[change.path.rpartition("/")[2]] = found[0]
        return files if len(files) == len(changes) else None

    def _lie_alone(self, folder: str, facts: os.stat_result, files: dict[str, Identity]) -> bool:
        """Whether exactly these files lie in the folder; facts: of it, by which what was listed ahead still holds."""
        path = self._disk.absolute(folder)
        listed = self._disk.listed(path)
        if listed is not None and listed[:3] == (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino):
            return files.keys() == set(listed.names)
        return files.keys() == set(os.listdir(path))

    def give_back(self) -> None:
        """Undo what was taken in this batch. Raises OSError."""
        for folder in list(reversed(self.moved)):
            self._give_back(folder)

    def _give_back(self, folder: str) -> None:
        keep = self.moved.pop(folder)
        disk = self._disk
        here, there = disk.absolute(folder), disk.absolute(keep)
        disk.forget(keep)
        if rename_new(there, here):
            if keep in disk.made:
                disk.made.remove(keep)
            return
        for name in os.listdir(there):  # somebody has made the folder again: each goes there where nothing stands
            rename_new(f"{there}/{name}", f"{here}/{name}")


def _as_made(facts: os.stat_result, above: int) -> bool:
    """Whether the folder is as one would be that we made below `above`: others can do there what they always could."""
    parent = os.fstat(above)
    same = stat.S_ISDIR(facts.st_mode) and stat.S_IMODE(facts.st_mode) == stat.S_IMODE(parent.st_mode)
    return same and facts.st_gid == parent.st_gid and facts.st_uid == os.geteuid()


def _unchanged(above: int, folder: str, files: dict[str, Identity]) -> bool:
    """Whether each file is what it was when it was read."""
    return all(
        identity(os.stat(f"{folder}/{name}", dir_fd=above, follow_symlinks=False)) == known
        for name, known in files.items()
    )


def strays(connection: sqlite3.Connection, run: int, disk: Disk, changes: Iterable[Change]) -> list[tuple[str, str]]:
    """After a crash: what was carried along with a folder and is nobody's that this run took, as (where it is, where it
    was put). changes: of the intent."""
    ours = [change for change in changes if change.kind == "take"]
    known = {change.keep for change in ours}
    for place in list(known):
        while (place := os.path.dirname(place)) not in ("", "/") and place not in known:
            known.add(place)
    unknown: dict[str, str] = {}
    for folder, keep in {os.path.dirname(change.path): os.path.dirname(change.keep) for change in ours}.items():
        said = "SELECT 1 FROM folders_gone WHERE run = ? AND path = ?"
        if connection.execute(said, [run, keepable(folder)]).fetchone() is None:
            continue
        try:
            names = [] if os.path.lexists(disk.absolute(folder)) else os.listdir(disk.absolute(keep))
        except OSError:
            continue
        unknown |= {f"{keep}/{name}": f"{folder}/{name}" for name in names if f"{keep}/{name}" not in known}
    if unknown:  # or of batches before this one
        for (backup,) in connection.execute("SELECT backup FROM outcomes WHERE run = ? AND backup <> ''", [run]):
            place = on_disk(backup)
            while place and place != "/":
                unknown.pop(place, None)
                place = os.path.dirname(place)
    return list(unknown.items())
