"""Waiting until nothing is processed any more: for who has turned maintenance on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

from console.engine.context import Context
from console.engine.errors import LedgerError
from console.engine.runs.query import current_run


def lock_is_free(ctx: Context) -> bool:
    """Whether no run holds the lock at this moment. Looks at the lock itself, not at notes, and keeps nothing."""
    try:
        descriptor = os.open(ctx.workspace.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _registered(ctx: Context) -> bool:
    """Whether the ledger names a run that lives: while it does, the lock need not be touched."""
    try:
        return current_run(ctx) is not None
    except LedgerError:
        return False  # the lock tells


def wait_drained(ctx: Context, wait: Callable[[], None], *, cancelled: Callable[[], bool] = lambda: False) -> bool:
    """Until no run holds the lock; wait() is called between two looks. False where cancelled() said so first.

    A run that takes the lock after maintenance was turned on is refused under it and lets go at once.
    """
    while _registered(ctx) or not lock_is_free(ctx):
        if cancelled():
            return False
        wait()
    return True
