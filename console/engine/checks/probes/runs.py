"""No other run in progress."""

from __future__ import annotations

import os

from console.engine.checks.probes.look import Finding, Look
from console.engine.context import Context
from console.engine.model import Check
from console.engine.runs.drain import lock_is_free
from console.engine.runs.lock import read_holder
from console.engine.runs.query import current_run, unrecovered


def no_other_run(look: Look) -> Finding:
    """Fails while a run is in progress or anybody holds the lock; warns where one died and is not settled yet."""
    if look.own:
        return Finding(Check.PASS, "the run that asked held the lock: no other could begin")
    ctx = look.ctx
    running = None if look.trouble else current_run(ctx)
    if running is not None and look.space is not None:  # with a plan in hand the gate says itself whose it is
        return Finding(Check.FAIL, f"run {running.short} is in progress")
    if running is not None:
        holder = read_holder(ctx.workspace)
        said = holder.sentence() if holder else f"run {running.id} is in progress"
        return Finding(Check.FAIL, said, f"wait, or `opsconsole runs attach {running.short}`")
    if _held(ctx):
        holder = read_holder(ctx.workspace)
        said = holder.sentence() if holder else "somebody holds the lock"
        return Finding(Check.FAIL, said, "wait for it; `opsconsole runs list` shows what runs")
    if (trouble := look.unreadable()) is not None:
        return Finding(Check.UNKNOWN, f"nobody holds the lock; {trouble.evidence}", trouble.next_step)
    dead = unrecovered(ctx)
    if dead:
        return Finding(
            Check.WARN,
            f"run {dead[0].short} ({dead[0].action}) died and is not settled",
            "the next run settles it first; `opsconsole doctor` shows what it left",
        )
    return Finding(Check.PASS, "nobody holds the lock")


def _held(ctx: Context) -> bool:
    """Whether somebody holds the lock, as the kernel tells it (proc_locks(5)).

    To ask the lock itself takes it for a moment, which would refuse a run that begins in that moment: that is done only
    where the kernel names a file of this number on a device that may be another, as btrfs has it, or tells nothing.
    """
    lock = ctx.workspace.lock
    try:
        facts = os.stat(lock)
        with open("/proc/locks", encoding="ascii", errors="replace") as locks:
            names = [line.split()[5] for line in locks if f":{facts.st_ino} " in line and " WRITE " in line]
    except FileNotFoundError:
        return os.path.lexists(lock) and not lock_is_free(ctx)
    except (OSError, IndexError):
        return not lock_is_free(ctx)
    if f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}" in names:
        return True
    return bool(names) and not lock_is_free(ctx)
