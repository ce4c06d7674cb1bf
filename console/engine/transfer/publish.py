"""Publishing one staged file: back up what stands there, rename; undo it; settle it after a crash."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from typing import Any, NamedTuple

from console.engine.transfer.stage import Folders, write_all

_FICLONE = 0x40049409  # ioctl_ficlone(2)
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1  # renameat2(2)
# PyDLL keeps the interpreter's lock: a rename takes microseconds, getting the lock back from another thread
# up to its switch interval of 5 ms.
_renameat2 = getattr(ctypes.PyDLL(None, use_errno=True), "renameat2", None)


def rename_new(source: str, target: str, folder: int = _AT_FDCWD, to: int | None = None) -> bool:
    """Rename where nothing may stand; False, with nothing done, when something does (or the kernel cannot tell).

    folder: a descriptor of the one that relative paths begin at; to: that for `target`, where it is another.
    """
    if _renameat2 is None:
        return False
    old, new = source.encode("utf-8", "surrogateescape"), target.encode("utf-8", "surrogateescape")
    if _renameat2(folder, old, folder if to is None else to, new, _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EEXIST, errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number), target)


class PublishItem(NamedTuple):
    """One rename of a batch, as its intent records it (a JSON array, in this order). Paths relative to the root."""

    path: str  # raw file
    part: str
    dest: str
    backup: str  # where what stands at dest goes, if something does
    sha256: str  # of the new bytes
    size: int
    replaces: str  # sha256 of what stood at dest when it was staged, '' for nothing
    record: tuple[Any, ...]  # what the ledger writes once it is published; the action knows its shape


def hash_file(path: str) -> str:
    """SHA-256 of a regular file's bytes, hex. Raises OSError; a link is not followed."""
    # a pipe without a writer would hold us up for ever, were it opened without O_NONBLOCK
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return hash_open(descriptor, facts.st_size)
    finally:
        os.close(descriptor)


def hash_open(descriptor: int, size: int) -> str:
    """SHA-256 of what is left of an open regular file, about `size` bytes, hex. Raises OSError."""
    found = hashlib.sha256()
    piece = min(_PIECE, size + 1)  # a small file needs no large buffer, which costs more than reading it
    while data := os.read(descriptor, piece):
        found.update(data)
        if len(data) < piece:  # of a regular file: its end
            break
    return found.hexdigest()


_PIECE = 1 << 20  # bytes read at a time

LINK, OTHER = "link", "other"  # what stands there is a symbolic link; a folder, pipe, socket or device


def standing(path: str) -> str:
    """What stands at `path`: SHA-256 of a regular file, '' for nothing, LINK or OTHER. Raises OSError where a file
    cannot be read."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if stat.S_ISLNK(mode):
        return LINK
    return hash_file(path) if stat.S_ISREG(mode) else OTHER


def same_file(one: str, other: str) -> bool:
    """Whether both are names of one file; links are not followed."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False


def _clone(source: int, target: int) -> None:
    """The bytes of one descriptor into another, durably; shared where the file system can (ioctl_ficlone(2))."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        while chunk := os.read(source, 1 << 20):
            write_all(target, chunk)
    os.fsync(target)


class Publisher:
    """Renames staged files into place under `root`, keeping what they replace."""

    def __init__(self, root: str, backups: str, reach: Callable[[str], None]) -> None:
        self._root = root
        self._backup_zone = f"{root}/{backups}" if not backups.startswith("/") else backups
        self._folders: Folders | None = None
        self._root_folder = -1
        self._reach = reach  # failpoints

    def absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._root}/{path}"

    def publish(self, item: PublishItem) -> bool:
        """True when something stood there and is now in the backup. Raises OSError."""
        if self._root_folder < 0:
            self._root_folder = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if not item.replaces and rename_new(item.part, item.dest, self._root_folder):
            self._reach("publish.renamed")
            return False
        dest = self.absolute(item.dest)
        try:
            mode = os.lstat(dest).st_mode
        except OSError:
            replaced = False
        else:
            replaced = True
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), dest)
            if not item.backup:  # nothing stood there when this was decided
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), dest)
            self.keep(dest, self.absolute(item.backup))
            self._reach("backup.linked")
        os.rename(self.absolute(item.part), dest)
        self._reach("publish.renamed")
        return replaced

    def keep(self, dest: str, backup: str) -> None:
        """A second name for the bytes at `dest`, or a verified copy where links are refused."""
        if os.path.lexists(backup):
            return  # this run has backed it up already; what came after is its own
        if self._folders is None:
            self._folders = Folders(self._backup_zone)
        folder, _, name = backup.rpartition("/")
        if f"{folder}/".startswith(f"{self._backup_zone}/"):
            inside = folder[len(self._backup_zone) + 1 :]
        else:
            inside = os.path.relpath(folder, self._folders.zone)
        descriptor = self._folders.open_making(inside, [])
        try:
            os.link(dest, name, dst_dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES):
                raise
            self._copy(dest, name, backup)

    def _copy(self, dest: str, name: str, backup: str) -> None:
        assert self._folders is not None
        source = os.open(dest, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            target = self._folders.create(name)
            try:
                _clone(source, target)
            finally:
                os.close(target)
            facts = os.fstat(source)
            os.chmod(backup, stat.S_IMODE(facts.st_mode))
            os.utime(backup, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)
            if hash_file(backup) != hash_file(dest):
                raise OSError(errno.EIO, "the backup copy does not have the bytes of the original", backup)
        except BaseException:
            os.unlink(backup)
            raise
        finally:
            os.close(source)

    def take_back(self, item: PublishItem, inode: int) -> bool:
        """Undo what was done of one item, however far it came; `inode` is that of its part file. Raises OSError.

        True when the destination was changed by this.
        """
        part, dest, backup = (self.absolute(path) for path in (item.part, item.dest, item.backup))
        kept = bool(item.backup) and os.path.lexists(backup)
        if os.path.lexists(part):
            if kept and same_file(backup, dest):
                os.unlink(backup)  # linked, not yet replaced: rename(2) between two names of one file does nothing
            os.unlink(part)
            changed = False
        else:
            changed = os.path.lexists(dest) and os.lstat(dest).st_ino == inode
            if changed and kept:
                os.rename(backup, dest)
            elif changed:
                os.unlink(dest)
        if item.backup:
            self._forget_folders(os.path.dirname(backup))
        return changed

    def _forget_folders(self, folder: str) -> None:
        """Remove folders of this run's backup that hold nothing."""
        while folder.startswith(self._backup_zone + "/"):
            try:
                os.rmdir(folder)
            except FileNotFoundError:  # it could not be made; what leads to it perhaps was
                pass
            except OSError:
                return
            folder = os.path.dirname(folder)

    def drop(self, item: PublishItem) -> None:
        """Remove a staged file that will not be published."""
        try:
            os.unlink(self.absolute(item.part))
        except FileNotFoundError:
            pass

    def settle(self, item: PublishItem) -> str:
        """After a crash: finish what the intent says. Returns published | dropped | touched.

        touched: neither the old nor the new bytes stand there; somebody else wrote; nothing is changed.
        """
        part, dest = self.absolute(item.part), self.absolute(item.dest)
        stands = standing(dest)
        if os.path.lexists(part):
            if standing(part) == item.sha256:
                if stands not in ("", item.replaces, item.sha256):
                    return "touched"
                self.publish(item)
                return "published"
            os.unlink(part)  # a power cut took its bytes; the old version stands
            return "dropped"
        if stands == item.sha256:
            return "published"
        return "dropped" if stands == item.replaces else "touched"

    def close(self) -> None:
        if self._folders:
            self._folders.close()
        if self._root_folder >= 0:
            os.close(self._root_folder)
            self._root_folder = -1
