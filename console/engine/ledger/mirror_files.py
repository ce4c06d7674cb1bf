"""Making the files that other programs and people read beside the ledger: the state file and the migration
logs.

What is made takes its folder's group and mode whatever the umask, so that the next user of the group can go
on.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from console.engine.errors import RefusedError
from console.engine.workspace import Workspace

_NOT_TAKEN = stat.S_ISVTX | stat.S_IWOTH  # of a folder's mode: nothing of ours is for everyone to write


def confined_folder(workspace: Workspace, relative: str) -> Path:
    """The real folder behind a configured one. An absolute path is where the configuration says; a relative
    one must not lead out of the root by a link. The folder need not exist. Raises RefusedError."""
    real = Path(os.path.realpath(workspace.path(relative)))
    if not os.path.isabs(relative) and real != workspace.root and workspace.root not in real.parents:
        raise RefusedError(
            f"{relative} is a link that leads out of the workspace, to {real}",
            file=relative,
            untouched="everything",
            next_step="replace the link by a folder, or name the other place in the configuration",
        )
    return real


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it, each with its parent's group and mode. Raises OSError."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        above = os.stat(made.parent)
        try:
            os.mkdir(made)
        except FileExistsError:
            continue
        # Only the owner may do this, and only within groups of his: what cannot be given stays as the system
        # made it.
        with suppress(OSError):
            os.chown(made, -1, above.st_gid)
        with suppress(OSError):
            os.chmod(made, stat.S_IMODE(above.st_mode) & ~_NOT_TAKEN)


def open_shared(path: Path, flags: int) -> int:
    """Open a regular file for writing, made with its folder's group and mode where it is not there.

    Never follows a link, never blocks on a pipe. Returns the descriptor. Raises OSError.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags & ~os.O_CREAT & ~os.O_EXCL)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        folder = os.stat(path.parent)
        with suppress(OSError):
            os.fchown(descriptor, -1, folder.st_gid)
        with suppress(OSError):
            os.fchmod(descriptor, folder.st_mode & 0o666 & ~_NOT_TAKEN)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a regular file")
    return descriptor


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write everything, however often the system takes less. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
