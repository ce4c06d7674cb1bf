"""The reserve: room that a full disk can be given. Light: whoever starts a run on a full disk needs it."""

from __future__ import annotations

import os

from console.engine.context import Context
from console.engine.transfer.filesystem import room
from console.engine.workspace.shared import open_shared

RESERVE_BYTES = 64 * 1024 * 1024
_TIGHT_BYTES = 1_000_000  # free below which the ledger cannot be relied upon to take what a run writes
_TIGHT_INODES = 16


def make_reserve(ctx: Context) -> None:
    """64 MiB that a full disk can be given, so that outcome, log line and recovery can be written."""
    reserve = ctx.workspace.reserve
    try:
        if reserve.exists() and reserve.stat().st_size == RESERVE_BYTES:
            return
        facts = os.statvfs(reserve.parent)
        if facts.f_bavail * facts.f_frsize < 4 * RESERVE_BYTES:
            return  # taking it now would bring about what it is for
        descriptor = open_shared(reserve, os.O_WRONLY | os.O_CREAT)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        reserve.unlink(missing_ok=True)


def is_tight(ctx: Context) -> bool:
    """Whether our own folder has so little room that a run may not even be recorded."""
    free_bytes, free_inodes, _ = room(ctx.workspace.private)
    return free_bytes < _TIGHT_BYTES or 0 <= free_inodes < _TIGHT_INODES


def release_reserve(ctx: Context) -> None:
    ctx.workspace.reserve.unlink(missing_ok=True)
