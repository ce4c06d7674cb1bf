"""One change on disk: done, taken back, or settled after a crash. Nothing is ever overwritten or lost on the way."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from console.engine.actions.change.model import Change
from console.engine.actions.change.permissions import PermissionSetter, half_way
from console.engine.settings import Settings
from console.engine.transfer.filesystem import is_full
from console.engine.transfer.publish import Publisher, PublishItem, hash_file, rename_new
from console.engine.transfer.stage import Folders, part_name, write_all

# Nothing was done to what cannot even be opened: it is gone, a link by now, or the way to it is closed.
_NOT_REACHED = (0, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)


class NotAsRecorded(Exception):
    """What stands there, or what was to be put there, is not what the ledger says. Nothing was done."""


class Disk:
    """Does changes under `root` for one run.

    Parts lie beside the destination, so that a rename makes them real; folders are made as the one above them.
    """

    def __init__(self, root: str, settings: Settings, run: str, reach: Callable[[str], None]) -> None:
        self._root, self._run, self._reach = root, run, reach
        zones = settings.zones
        named = [zones.archive, zones.raw, zones.validated, zones.backups, zones.cleaned, zones.enriched]
        named += [zones.serveable, settings.log_dir]
        # the innermost first: the archive may lie in the folder of the raw zone
        self._zones = [*sorted((zone.rstrip("/") for zone in named), key=len, reverse=True), ""]
        self._folders: dict[str, Folders] = {}
        self._publishers: dict[str, Publisher] = {}
        self._permissions = PermissionSetter(root, self.zone_of)
        self.made: list[str] = []  # folders that had to be made, relative to the root

    def absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._root}/{path}"

    def zone_of(self, path: str) -> str:
        """The zone that `path` lies in, '' for the root itself."""
        return next(zone for zone in self._zones if not zone or path.startswith(zone + "/"))

    def part(self, path: str) -> str:
        """The part file beside `path`."""
        folder, _, name = path.rpartition("/")
        return f"{folder}/{part_name(name, self._run)}" if folder else part_name(name, self._run)

    def folder(self, path: str) -> Folders:
        """The folder that `path` lies in, made if it is missing, and open for writing in."""
        zone = self.zone_of(path)
        folders = self._folders.get(zone)
        if folders is None:
            folders = self._folders[zone] = Folders(self.absolute(zone) if zone else self._root)
        relative = os.path.dirname(path[len(zone) + 1 :] if zone else path)
        made: list[str] = []
        try:
            folders.open_making(relative, made)
        finally:
            self.made += [f"{zone}/{name}" if zone else name for name in made]
        return folders

    # --- put --------------------------------------------------------------------------------------------

    def stage(self, change: Change) -> None:
        """Have the bytes beside the destination: a copy of the source, or the source itself where there is no room for
        one. Raises NotAsRecorded when they are not what was recorded, and OSError."""
        try:
            self._stage_copy(change)
        except OSError as error:
            if not is_full(error):
                raise
            self._stage_source(change, error)

    def _stage_source(self, change: Change, full: OSError) -> None:
        """A full disk: a backup that is put back anyway gives its own file; nothing is read or written for that."""
        source, part = self.absolute(change.source), self.absolute(self.part(change.path))
        if hash_file(source) != change.after:
            raise NotAsRecorded(f"{change.source} does not have the bytes that were recorded")
        self.folder(change.path)
        if os.lstat(source).st_nlink > 1 or os.lstat(source).st_dev != os.stat(os.path.dirname(part)).st_dev:
            raise full
        if not rename_new(source, part):
            raise full

    def _stage_copy(self, change: Change) -> None:
        part = self.absolute(self.part(change.path))
        source = os.open(self.absolute(change.source), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            facts = os.fstat(source)
            folders = self.folder(change.path)
            try:
                os.unlink(part)  # of an attempt that was taken back
            except FileNotFoundError:
                pass
            target = folders.create(os.path.basename(part))
            try:
                while chunk := os.read(source, 1 << 20):
                    write_all(target, chunk)
                os.fchmod(target, stat.S_IMODE(facts.st_mode) if change.mode < 0 else change.mode)
                mtime = facts.st_mtime_ns if change.mtime_ns < 0 else change.mtime_ns
                os.utime(target, ns=(mtime, mtime))
            finally:
                os.close(target)
            if hash_file(part) != change.after:
                raise NotAsRecorded(f"{change.source} does not have the bytes that were recorded")
        except BaseException:
            if os.path.lexists(part):
                os.unlink(part)
            raise
        finally:
            os.close(source)

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
        """Raises NotAsRecorded where something else stands there by now, and OSError."""
        if change.kind == "note":
            return
        if change.kind == "mode":
            if not self._permissions.set(change.path, change.before, change.after):
                raise NotAsRecorded(f"the permissions of {change.path} changed meanwhile")
            self._reach("change.mode")
            return
        if change.kind == "put":
            path = self.absolute(change.path)
            standing = hash_file(path) if os.path.lexists(path) else ""
            if standing != change.before:
                raise NotAsRecorded(f"{change.path} changed meanwhile")
            self._publisher(change).publish(self._item(change))
            self._reach("change.put")
            return
        path = self.absolute(change.path)
        if not os.path.lexists(path) or hash_file(path) != change.before:
            raise NotAsRecorded(f"{change.path} changed meanwhile")
        self._move(change.path, change.keep, change.before)
        self._reach("change.taken")

    def _move(self, path: str, to: str, sha256: str) -> None:
        """Give the file another name; a verified copy and then no old name, where that is another file system."""
        source, target = self.absolute(path), self.absolute(to)
        folders = self.folder(to)
        try:
            if not rename_new(source, target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        part = self.absolute(self.part(to))
        if os.path.lexists(part):
            os.unlink(part)
        self._copy(folders, source, part)
        if hash_file(part) != sha256:
            os.unlink(part)
            raise OSError(errno.EIO, "the copy does not have the bytes of the original", target)
        if not rename_new(part, target):
            os.unlink(part)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        _flush_folder(os.path.dirname(target))
        self._reach("change.copied")
        os.unlink(source)

    def _copy(self, folders: Folders, source: str, part: str) -> None:
        reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            facts = os.fstat(reader)
            out = folders.create(os.path.basename(part))
            try:
                while chunk := os.read(reader, 1 << 20):
                    write_all(out, chunk)
                os.fchmod(out, stat.S_IMODE(facts.st_mode))
                os.utime(out, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
                os.fsync(out)
            finally:
                os.close(out)
        except BaseException:
            if os.path.lexists(part):
                os.unlink(part)
            raise
        finally:
            os.close(reader)

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
            done = not os.path.lexists(part) and os.path.lexists(path) and hash_file(path) == change.after
            if not os.path.lexists(source) and (done or os.path.lexists(part)):
                self._give_back(change, path if done else part, source)
                return
            self._publisher(change).take_back(self._item(change), os.lstat(path).st_ino if done else -1)
            return
        source, target = self.absolute(change.path), self.absolute(change.keep)
        part = self.absolute(self.part(change.keep))
        if os.path.lexists(part):
            os.unlink(part)
        if not os.path.lexists(target) or hash_file(target) != change.before:
            return
        if os.path.lexists(source):  # copied to another file system, not yet removed here
            if hash_file(source) == change.before:
                os.unlink(target)
            return
        self._move(change.keep, change.path, change.before)

    def _give_back(self, change: Change, standing: str, source: str) -> None:
        """The source itself had been taken for want of room: it goes back to where it was."""
        if not rename_new(standing, source):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source)
        keep, path = self.absolute(change.keep), self.absolute(change.path)
        if change.keep and os.path.lexists(keep):
            if os.path.lexists(path) and os.path.samefile(keep, path):
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
            if taken and hash_file(part) != change.after:  # the only copy, and damaged: it is nobody's to remove
                return "touched"
            how = self._publisher(change).settle(self._item(change))
            return "done" if how == "published" else how
        source, target = self.absolute(change.path), self.absolute(change.keep)
        part = self.absolute(self.part(change.keep))
        if os.path.lexists(part):
            os.unlink(part)
        here = hash_file(source) if os.path.lexists(source) else ""
        there = hash_file(target) if os.path.lexists(target) else ""
        if there == change.before:
            if here == change.before:
                os.unlink(source)
            return "done" if here in ("", change.before) else "touched"
        if here == change.before and not there:
            self._move(change.path, change.keep, change.before)
            return "done"
        return "dropped" if here == change.before else "touched"

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

    def remove_empty(self, folders: list[str]) -> list[str]:
        """Remove those of the folders (relative to the root) that are empty, innermost first; returns them."""
        gone = []
        for folder in sorted(set(folders), key=lambda name: (name.count("/"), name), reverse=True):
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


def _flush_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
