"""The reserve: room that a full disk can be given. Light: whoever starts a run on a full disk needs it."""

from __future__ import annotations

import os
from contextlib import suppress

from console.engine.context import Context
from console.engine.transfer.filesystem import room
from console.engine.workspace.shared import make_folder, open_shared

RESERVE_BYTES = 64 * 1024 * 1024
RESERVE_INODES = 24  # a run's folder and papers, the ledger's own two files, a line in either log
_TIGHT_BYTES = 1_000_000  # free below which the ledger cannot be relied upon to take what a run writes
_TIGHT_INODES = 16


def make_reserve(ctx: Context) -> None:
    """64 MiB and a few inodes that a full disk can be given, so that outcome, log line and recovery can be written."""
    try:
        _reserve_bytes(ctx)
    except OSError:
        ctx.workspace.reserve.unlink(missing_ok=True)
    try:
        _reserve_inodes(ctx)
    except OSError:
        _release_inodes(ctx)


def _reserve_bytes(ctx: Context) -> None:
    reserve = ctx.workspace.reserve
    if reserve.exists() and reserve.stat().st_size == RESERVE_BYTES:
        return
    if room(reserve.parent)[0] < 4 * RESERVE_BYTES:
        return  # taking it now would bring about what it is for
    descriptor = open_shared(reserve, os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
    finally:
        os.close(descriptor)


def _reserve_inodes(ctx: Context) -> None:
    folder = ctx.workspace.reserve_inodes
    if room(folder.parent)[1] < 4 * RESERVE_INODES or (folder.is_dir() and len(os.listdir(folder)) >= RESERVE_INODES):
        return  # too few, or a file system that does not count them
    make_folder(folder)
    for number in range(RESERVE_INODES):
        os.close(open_shared(folder / str(number), os.O_WRONLY | os.O_CREAT))


def is_tight(ctx: Context) -> bool:
    """Whether our own folder has so little room that a run may not even be recorded."""
    free_bytes, free_inodes, _ = room(ctx.workspace.private)
    return free_bytes < _TIGHT_BYTES or 0 <= free_inodes < _TIGHT_INODES


def release_reserve(ctx: Context) -> None:
    """Give the room back; nothing happens where there is none."""
    ctx.workspace.reserve.unlink(missing_ok=True)
    _release_inodes(ctx)


def _release_inodes(ctx: Context) -> None:
    with suppress(OSError):
        for number in range(RESERVE_INODES):
            (ctx.workspace.reserve_inodes / str(number)).unlink(missing_ok=True)
