"""Where the benchmarks run: a journaled ext4 image, mounted in mounts of our own so that none stays behind.

Without a journal ext4 delays the reuse of inodes, and creating files soon after deleting many is ten times
slower; a benchmark there measures that. Hence the image, and fresh folders in every round.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.report import Report

_CLONE_NEWNS = 0x00020000


def _run(*command: str) -> str:
    """Empty, or why it failed."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{' '.join(command)}: {done.stderr.strip()}"


def _mount_image(folder: Path, gigabytes: int) -> str:
    """Make and mount the image at folder/disk; empty, or why it could not be."""
    if os.geteuid() != 0:
        return "needs root to mount an image"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        return "no mounts of our own"
    image = folder / "disk.img"
    with image.open("wb") as stream:
        stream.truncate(gigabytes << 30)
    (folder / "disk").mkdir()
    losetup = ("losetup", "--find", "--show", "--direct-io=on", str(image))
    why = _run("mount", "--make-rprivate", "/") or _run("mkfs.ext4", "-q", "-F", str(image))
    if why:
        return why
    done = subprocess.run(losetup, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"losetup: {done.stderr.strip()}"
    device = done.stdout.strip()
    why = _run("mount", device, str(folder / "disk"))
    _run("losetup", "-d", device)  # it goes by itself when the mount does
    return why


def settle(folder: Path) -> None:
    """Nothing dirty is left, not even in the journal: or each contender pays for the one before it.

    Freezing a file system writes its journal back (fsfreeze(8)); where that is not possible a sync is all.
    """
    os.sync()
    mount = next((path for path in (folder, *folder.parents) if path.is_mount()), folder)
    if mount.name == "disk" and shutil.which("fsfreeze"):
        for how in ("--freeze", "--unfreeze"):
            subprocess.run(["fsfreeze", how, str(mount)], capture_output=True, check=False)


@contextmanager
def ground(report: Report, gigabytes: int, base: str = "") -> Iterator[Path]:
    """A folder to work in; on a journaled image where that is possible, and it is said where not."""
    folder = Path(tempfile.mkdtemp(prefix="opsconsole-bench-", dir=base or None))
    why = _mount_image(folder, gigabytes)
    try:
        if why:
            report.skip(f"a journaled file system ({why}); figures on this one may not compare")
            (folder / "plain").mkdir()
            yield folder / "plain"
        else:
            yield folder / "disk"
    finally:
        if not why:
            _run("umount", str(folder / "disk"))
        shutil.rmtree(folder, ignore_errors=True)
