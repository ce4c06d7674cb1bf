"""The reserve: bytes and inodes that a full disk can be given. Light: a starter uses it before there is a run."""

from __future__ import annotations

import os
import shutil

from console.engine.context import Context
from console.engine.transfer.filesystem import room
from console.engine.workspace.shared import make_folder, open_shared

RESERVE_BYTES = 64 * 1024 * 1024
RESERVE_INODES = 256
_SMALLEST, _STEP = 4 * 1024 * 1024, 1024 * 1024
_TIGHT = 16 * 1024 * 1024  # bytes free: less may be too little for the ledger, the logs and the state file


def make_reserve(ctx: Context) -> None:
    """64 MiB, or a quarter of what is free where that is less, and 256 inodes that a full disk can be given, so that
    outcome, log line, recovery and an undo can be written. Where there is hardly room none is taken: that would bring
    about what it is for."""
    reserve, inodes = ctx.workspace.reserve, ctx.workspace.reserve_inodes
    try:
        facts = os.statvfs(reserve.parent)
        size = reserve.stat().st_size if reserve.exists() else 0
        share = (facts.f_bavail * facts.f_frsize + size) // 4
        wanted = min(RESERVE_BYTES, share - share % _STEP)
        if size < wanted and wanted >= _SMALLEST:
            descriptor = open_shared(reserve, os.O_WRONLY | os.O_CREAT)
            try:
                os.posix_fallocate(descriptor, 0, wanted)
            finally:
                os.close(descriptor)
    except OSError:
        reserve.unlink(missing_ok=True)
    try:
        if facts.f_files and facts.f_favail >= 8 * RESERVE_INODES and not inodes.exists():
            make_folder(inodes)
            for number in range(RESERVE_INODES - 1):
                os.close(open_shared(inodes / f"{number:03}", os.O_WRONLY | os.O_CREAT))
    except OSError:
        shutil.rmtree(inodes, ignore_errors=True)


def release_reserve(ctx: Context) -> None:
    ctx.workspace.reserve.unlink(missing_ok=True)
    shutil.rmtree(ctx.workspace.reserve_inodes, ignore_errors=True)


def make_room(ctx: Context, action: str) -> None:
    """On a full disk an action that undoes, repairs or frees space is given the reserve before it begins."""
    if action in ("migrate", "reprocess", "adopt"):
        return  # they need room of their own: they stop, and say so
    free, inodes, _ = room(ctx.workspace.private)
    if free < _TIGHT or 0 <= inodes < RESERVE_INODES:
        release_reserve(ctx)
