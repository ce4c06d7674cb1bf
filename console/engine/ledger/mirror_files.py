"""Making the files that other programs and people read beside the ledger: the state file and the migration
logs.

What is made takes its folder's group and mode whatever the umask, so that the next user of the group can go
on.
"""

from __future__ import annotations

import os
from pathlib import Path

from console.engine.errors import RefusedError
from console.engine.workspace import Workspace
from console.engine.workspace.shared import make_folder, open_shared

__all__ = ["confined_folder", "make_folder", "open_shared", "sync_folder", "write_all"]


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
