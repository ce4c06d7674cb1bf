"""Making folders and files for a group: whole or not at all, with the folder's group and mode."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def make_folder(path: Path, root: Path) -> None:
    """Make `path` and what is missing above it. What is made below `root` takes the group and mode of the folder
    it lies in, setgid included, whatever the umask; others get no write permission. Raises OSError."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():  # else somebody made it just now
                raise
            continue
        if folder != root and folder.is_relative_to(root):  # the root itself is as its maker's umask has it
            _as_parent(folder)


def make_file(path: Path, data: bytes, root: Path, *, executable: bool = False, replace: bool = False) -> bool:
    """Write a new file at once, durably: under another name first. False if there is one already and
    `replace` is not set. Folders that are missing are made. Raises OSError; then nothing is left behind."""
    if not replace and os.path.lexists(path):
        return False
    make_folder(path.parent, root)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777 if executable else 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            _as_parent(part, executable=executable)
            os.fsync(descriptor)
        if replace:
            os.replace(part, path)
        else:
            try:
                os.link(part, path)  # fails where something stands, which a rename would not
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                if os.path.lexists(path):
                    return False
                os.rename(part, path)
    finally:
        part.unlink(missing_ok=True)
    return True


def _as_parent(path: Path, *, executable: bool = False) -> None:
    """Group and mode of the folder that `path` lies in; where we may not change them, as they came."""
    parent, own = path.parent.stat(), path.lstat()
    mode = stat.S_IMODE(parent.st_mode) & ~(stat.S_ISVTX | stat.S_IWOTH)
    if not stat.S_ISDIR(own.st_mode):
        mode &= 0o777 if executable else 0o666
    try:
        if own.st_gid != parent.st_gid:
            os.chown(path, -1, parent.st_gid)
        os.chmod(path, mode)
    except PermissionError:
        pass
