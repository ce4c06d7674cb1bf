"""One change on disk: done, taken back, or settled after a crash. Nothing is ever overwritten or lost on the way."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable

from console.engine.actions.change.ahead import Found, Listed, ReadAhead
from console.engine.actions.change.files import copy_file, rename_sparing
from console.engine.actions.change.left import NotAsRecorded, not_recorded, touched
from console.engine.actions.change.model import Change
from console.engine.actions.change.permissions import PermissionSetter, half_way
from console.engine.errors import EngineError
from console.engine.model import Outcome
from console.engine.settings import Settings
from console.engine.transfer.filesystem import fsync_path, is_full
from console.engine.transfer.publish import (
    LINK,
    Publisher,
    PublishItem,
    rename_new,
    same_file,
    standing,
)
from console.engine.transfer.stage import Folders, part_name

# Nothing was done to what cannot even be opened: it is gone, a link by now, or the way to it is closed.
_NOT_REACHED = (0, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)


class Disk:
    """Does changes under `root` for one run.

    Parts lie beside the destination, so that a rename makes them real; folders are made as the one above them.
    """

    def __init__(
        self,
        root: str,
        settings: Settings,
        run: str,
        reach: Callable[[str], None],
        ahead: ReadAhead | None = None,
    ) -> None:
        """ahead: has read the files already of which something is taken."""
        self._root, self._run, self.reach = root, run, reach
        zones = settings.zones
        named = [zones.archive, zones.raw, zones.validated, zones.backups, zones.cleaned, zones.enriched]
        named += [zones.serveable, settings.log_dir]
        # the innermost first: the archive may lie in the folder of the raw zone
        zoned = sorted({zone.rstrip("/") for zone in named}, key=len, reverse=True)
        self._zones = [(f"{zone}/", zone) for zone in zoned]
        self._ahead = ahead
        self._folders: dict[str, Folders] = {}
        self._publishers: dict[str, Publisher] = {}
        self._permissions = PermissionSetter(root, self.zone_of)
        self.made: list[str] = []  # folders that had to be made, relative to the root

    def absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._root}/{path}"

    def standing(self, path: str) -> str:
        """What stands at an absolute path, as transfer.publish.standing."""
        return standing(path) if self._ahead is None else self._ahead.standing(path)

    def read(self, path: str) -> Found | None:
        """A file (absolute) as it was when it was read ahead, if it was."""
        return None if self._ahead is None else self._ahead.read(path)

    def forget_read(self, changes: Iterable[Change]) -> None:
        """What was read of these is not needed any more."""
        if self._ahead is not None:
            self._ahead.forget(self.absolute(change.path) for change in changes)

    def listed(self, folder: str) -> Listed | None:
        """What lay in a folder (absolute) when its files were read ahead."""
        return None if self._ahead is None else self._ahead.listed(folder)

    def zone_of(self, path: str) -> str:
        """The zone that `path` lies in, '' for the root itself."""
        for inside, zone in self._zones:
            if path.startswith(inside):
                return zone
        return ""

    def part(self, path: str) -> str:
        """The part file beside `path`."""
        folder, _, name = path.rpartition("/")
        return f"{folder}/{part_name(name, self._run)}" if folder else part_name(name, self._run)

    def folder(self, path: str) -> Folders:
        """The folder that `path` lies in, made if it is missing, and open for writing in."""
        zone = self.zone_of(path)
        self._open(zone, path)
        return self._folders[zone]

    def open_above(self, path: str) -> int:
        """A descriptor of that folder, good until another one of its zone is opened."""
        return self._open(self.zone_of(path), path)

    def _open(self, zone: str, path: str) -> int:
        folders = self._folders.get(zone)
        if folders is None:
            folders = self._folders[zone] = Folders(self.absolute(zone) if zone else self._root)
        relative = (path[len(zone) + 1 :] if zone else path).rpartition("/")[0]
        made: list[str] = []
        try:
            return folders.open_making(relative, made)
        except EngineError as error:  # a link on the way: this file stays, the others are none the worse
            raise OSError(errno.ELOOP, error.what, error.file) from error
        finally:
            self.made += [f"{zone}/{name}" if zone else name for name in made]

    def forget(self, folder: str) -> None:
        """A folder has another place by now: descriptors of it and of what lies below lead there."""
        for folders in self._folders.values():
            if f"{folders.path}/".startswith(f"{folder[len(self.zone_of(folder)) + 1 :]}/"):
                folders.close()

    def missing_folders(self, paths: Iterable[str]) -> list[str]:
        """The folders that have to be made before there can be something at `paths`."""
        looked: set[str] = set()
        missing = []
        for path in paths:
            folder = os.path.dirname(path)
            while folder and folder != "/" and folder not in looked:
                looked.add(folder)
                if os.path.isdir(self.absolute(folder)):
                    break
                missing.append(folder)
                folder = os.path.dirname(folder)
        return missing

    # --- put --------------------------------------------------------------------------------------------

    def stage(self, change: Change, *, sparing: bool = False) -> None:
        """Have the bytes beside the destination: a copy of the source, or the source itself where there is no room for
        one (sparing: it is known that there is none).

        Raises NotAsRecorded when they are not what was recorded, OSError, and EngineError for a link on the way."""
        folders = self.folder(change.path)
        part = self.absolute(self.part(change.path))
        if sparing and self._stage_source(change, part):
            return
        try:
            self._stage_copy(change, folders, part)
        except OSError as error:
            if not is_full(error) or not self._stage_source(change, part):
                raise

    def _stage_source(self, change: Change, part: str) -> bool:
        """A full disk: a backup that is put back anyway gives its own file; nothing is written for that.

        False where it cannot: it lies on another file system, or has a second name.
        """
        source = self.absolute(change.source)
        if standing(source) != change.after:
            raise not_recorded(change)
        if os.path.lexists(part):  # of an attempt that was taken back
            os.unlink(part)
        facts = os.lstat(source)
        if facts.st_nlink > 1 or facts.st_dev != os.stat(os.path.dirname(part)).st_dev:
            return False
        return rename_new(source, part)

    def _stage_copy(self, change: Change, folders: Folders, part: str) -> None:
        source = self.absolute(change.source)
        if change.after == LINK:
            if os.path.lexists(part):
                os.unlink(part)
            facts = os.lstat(source)
            if not stat.S_ISLNK(facts.st_mode):
                raise not_recorded(change)
            os.symlink(os.readlink(source), part)
            try:
                os.utime(part, ns=(facts.st_mtime_ns, facts.st_mtime_ns), follow_symlinks=False)
            except OSError:
                os.unlink(part)
                raise
            return
        if copy_file(folders, source, part, change.mode, change.mtime_ns) != change.after:
            os.unlink(part)
            raise not_recorded(change)

    def _item(self, change: Change) -> PublishItem:
        part = self.part(change.path)
        return PublishItem(change.subject, part, change.path, change.keep, change.after, change.size, change.before, ())

    def _publisher(self, change: Change) -> Publisher:
        zone = self.zone_of(change.keep) if change.keep else ""
        base = self.absolute(zone) if zone else self._root
        if base not in self._publishers:
            self._publishers[base] = Publisher(self._root, base, lambda name: None)
        return self._publishers[base]

    # --- both -------------------------------------------------------------------------------------------

    def perform(self, change: Change) -> None:
        """Raises NotAsRecorded where something else stands there by now, OSError, and EngineError for a link on the
        way."""
        if change.kind == "note":
            return
        if change.kind == "mode":
            if not self._permissions.set(change.path, change.before, change.after):
                raise NotAsRecorded(f"the permissions of {change.path} changed meanwhile")
            self.reach("change.mode")
            return
        path = self.absolute(change.path)
        stands = self.standing(path)
        if stands != change.before:
            raise NotAsRecorded(touched(stands, change.before, raw=change.outcome == Outcome.ARCHIVED))
        if change.kind == "put":
            self._publisher(change).publish(self._item(change))
            self.reach("change.put")
            return
        self.folder(change.path)  # it stands there; a link on the way to it is not followed
        self._move(change.path, change.keep, change.before)
        self.reach("change.taken")

    def _move(self, path: str, to: str, sha256: str) -> None:
        """Give the file another name; a verified copy and then no old name, where that is another file system."""
        source, target = self.absolute(path), self.absolute(to)
        folders = self.folder(to)
        try:
            rename_sparing(source, target)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        part = self.absolute(self.part(to))
        if os.path.lexists(part):
            os.unlink(part)
        if sha256 == LINK:
            os.symlink(os.readlink(source), part)
        else:
            copy_file(folders, source, part, sync=True)
        if standing(part) != sha256:
            os.unlink(part)
            raise OSError(errno.EIO, "the copy does not have the bytes of the original", target)
        try:
            rename_sparing(part, target)
        except FileExistsError:
            os.unlink(part)
            raise
        zone = self.absolute(self.zone_of(to)) if self.zone_of(to) else self._root
        folder = os.path.dirname(target)
        fsync_path(folder)
        while folder.startswith(zone + "/"):  # those on the way may be as new
            folder = os.path.dirname(folder)
            fsync_path(folder)
        self.reach("change.copied")
        os.unlink(source)

    def take_back(self, change: Change) -> None:
        """Undo what was done of one change in this batch, however far it came. Raises OSError."""
        if change.kind == "note":
            return
        if change.kind == "mode":
            try:
                self._permissions.set(change.path, change.after, change.before)
            except OSError as error:
                if error.errno not in _NOT_REACHED:
                    raise
            return
        if change.kind == "put":
            part, path = self.absolute(self.part(change.path)), self.absolute(change.path)
            source = self.absolute(change.source)
            done = not os.path.lexists(part) and standing(path) == change.after
            if not os.path.lexists(source) and (done or os.path.lexists(part)):
                self._give_back(change, path if done else part, source)
                return
            self._publisher(change).take_back(self._item(change), os.lstat(path).st_ino if done else -1)
            return
        part = self.absolute(self.part(change.keep))
        if os.path.lexists(part):
            os.unlink(part)
        target = self.absolute(change.keep)
        if standing(target) != change.before:
            return
        here = standing(self.absolute(change.path))
        if here == change.before:  # copied to another file system, not yet removed here
            os.unlink(target)
        elif not here:
            self._move(change.keep, change.path, change.before)

    def _give_back(self, change: Change, stands: str, source: str) -> None:
        """The source itself had been taken for want of room: it goes back to where it was."""
        self.folder(change.source)
        if not rename_new(stands, source):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source)
        keep, path = self.absolute(change.keep), self.absolute(change.path)
        if change.keep and os.path.lexists(keep):
            if same_file(keep, path):
                os.unlink(keep)
            elif not os.path.lexists(path):
                os.rename(keep, path)

    def settle(self, change: Change) -> str:
        """After a crash: finish what the intent says. Returns done | dropped | touched.

        touched: neither the old nor the new state stands there; somebody else wrote; nothing is changed.
        """
        if change.kind == "note":
            return "done"
        if change.kind == "mode":
            return self._settle_mode(change)
        if change.kind == "put":
            part = self.absolute(self.part(change.path))
            taken = os.path.lexists(part) and not os.path.lexists(self.absolute(change.source))
            if taken and standing(part) != change.after:  # the only copy, and damaged: it is nobody's to remove
                return "touched"
            how = self._publisher(change).settle(self._item(change))
            return "done" if how == "published" else how
        part = self.absolute(self.part(change.keep))
        if os.path.lexists(part):
            os.unlink(part)
        source = self.absolute(change.path)
        here, there = standing(source), standing(self.absolute(change.keep))
        if there == change.before:
            if here == change.before:
                os.unlink(source)
            return "done" if here in ("", change.before) else "touched"
        if here == change.before and not there:
            try:
                self._move(change.path, change.keep, change.before)
            except OSError:  # it cannot be done now; it stays where it is
                return "dropped"
            return "done"
        # other bytes that nobody has moved: touched or damaged, they stay where they are, as they would without a crash
        return "dropped" if here and not there else "touched"

    def _settle_mode(self, change: Change) -> str:
        """Other permissions than both are somebody's newer wish: they stay, and nothing is in danger by that."""
        try:
            now = self._permissions.read(change.path)
            if now == change.after:
                return "done"
            if now not in (change.before, *half_way(change.before, change.after)):
                return "dropped"
            return "done" if self._permissions.set(change.path, now, change.after) else "dropped"
        except OSError:  # gone, a link by now, or closed to this user
            return "dropped"

    def drop(self, change: Change) -> None:
        """Remove what was staged for a change that will not be done; where that is the source itself, it goes back."""
        part = self.absolute(self.part(change.path))
        if change.kind != "put" or not os.path.lexists(part):
            return
        if os.path.lexists(self.absolute(change.source)):
            os.unlink(part)
        elif standing(part) == change.after:
            self._give_back(change, part, self.absolute(change.source))

    def empty_folders(self, folders: Iterable[str]) -> list[tuple[str, int]]:
        """Those of the folders (relative to the root) in which is nothing but others of them, innermost first, with
        their modes."""
        found: dict[str, int] = {}
        for folder in sorted(set(folders), reverse=True):  # what lies in a folder sorts behind it
            path = self.absolute(folder)
            try:
                with os.scandir(path) as entries:
                    if all(f"{folder}/{entry.name}" in found for entry in entries):
                        found[folder] = stat.S_IMODE(os.lstat(path).st_mode)
            except OSError:
                continue
        return list(found.items())

    def remove_empty(self, folders: Iterable[str]) -> list[str]:
        """Remove those of the folders (relative to the root) that are empty, innermost first; returns them."""
        gone = []
        for folder in sorted(set(folders), reverse=True):
            try:
                os.rmdir(self.absolute(folder))
            except OSError:
                continue
            gone.append(folder)
        if gone:  # descriptors of folders that are gone lead nowhere
            for folders_open in self._folders.values():
                folders_open.close()
        return gone

    def close(self) -> None:
        for folders in self._folders.values():
            folders.close()
        for publisher in self._publishers.values():
            publisher.close()
        self._permissions.close()
