"""The rules that look at disks: how full each zone's file system is, and how large the logs are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence

from console.engine.checks.alerts.model import Measured, Reading
from console.engine.context import Context
from console.engine.model import Check
from console.engine.observe.alerts import Cause
from console.engine.observe.disk import ZoneDisk, zone_disks
from console.engine.text import size

_WORSE_POINTS = 5.0
_LOG_FILES = 100_000  # more are not looked at: something else is wrong then


def disk(
    ctx: Context,
    connection: sqlite3.Connection | None,
    *,
    before: Collection[str] = (),
    disks: Sequence[ZoneDisk] | None = None,
) -> Iterator[Reading]:
    """One reading a file system of zones, in bytes and in inodes, whichever is fuller; unknown where it does not tell.

    Raised above disk_percent, it is over below disk_clear_percent; in between the samples of earlier runs tell
    whether it was raised, or `before`: keys of what was raised a moment ago. Worse: 5 points more, or critical.
    disks: what was just read; None: read now.
    """
    for found in zone_disks(ctx) if disks is None else disks:
        key = f"disk:{found.mount}"
        zones = ", ".join(found.zones)
        if found.problem or not (found.total or found.inodes_total):
            why = found.problem or "its file system does not tell"
            yield Reading("disk", key, Check.UNKNOWN, f"how full the disk of {zones} is: {why}", cause=Cause.DISK)
            continue
        yield _of_disk(ctx, connection, found, key, key in before)


def _of_disk(ctx: Context, connection: sqlite3.Connection | None, found: ZoneDisk, key: str, raised: bool) -> Reading:
    limits = ctx.settings.alerts
    inodes = 100.0 * (1 - found.inodes_free / found.inodes_total) if found.inodes_total else -1.0
    by_bytes = found.percent >= inodes
    percent = found.percent if by_bytes else inodes
    what = f"{size(found.free)} free" if by_bytes else f"{found.inodes_free:,} inodes free"
    text = f"disk {found.mount} is {percent:.0f} % full, {what}: {', '.join(found.zones)}"
    verdict = Check.PASS
    if percent >= limits.disk_critical_percent:
        verdict = Check.FAIL
    elif percent > limits.disk_percent:
        verdict = Check.WARN
    elif percent > limits.disk_clear_percent and (raised or _was_raised(ctx, connection, found, by_bytes)):
        verdict, text = Check.WARN, f"{text}; over below {limits.disk_clear_percent:g} %"
    measured = [
        Measured(f"disk {found.mount}", round(found.percent, 2), "%", limits.disk_percent, limits.disk_critical_percent)
    ]
    if found.inodes_total:
        label = f"inodes {found.mount}"
        measured.append(Measured(label, round(inodes, 2), "%", limits.disk_percent, limits.disk_critical_percent))
    return Reading(
        "disk",
        key,
        verdict,
        text,
        "or `opsconsole disk`; `opsconsole backups prune` frees room",
        percent,
        _WORSE_POINTS,
        cause=Cause.DISK,
        measured=tuple(measured),
    )


def _was_raised(ctx: Context, connection: sqlite3.Connection | None, found: ZoneDisk, by_bytes: bool) -> bool:
    """Whether the newest samples say that it rose above the limit and has not been below the lower one since."""
    if connection is None:
        return False
    limits = ctx.settings.alerts
    whole = found.used + found.free if by_bytes else found.inodes_total
    column = "used" if by_bytes else "inodes"
    for row in connection.execute(
        f"SELECT {column} FROM samples WHERE kind = 'filesystem' AND name = ? AND {column} >= 0 ORDER BY at DESC",
        [found.mount],
    ):
        percent = 100.0 * row[0] / whole if whole else 0.0
        if percent > limits.disk_percent:
            return True
        if percent < limits.disk_clear_percent:
            return False
    return False


def log_size(ctx: Context, connection: sqlite3.Connection | None) -> Iterator[Reading]:
    """The size of log_dir; unknown where it cannot be read. Worse: a quarter larger than when acknowledged."""
    limits, folder = ctx.settings.alerts, ctx.settings.log_dir
    try:
        total = _size(str(ctx.workspace.path(folder)))
    except FileNotFoundError:
        yield Reading("log-size", "log-size", Check.PASS, f"nothing was logged in {folder} yet", cause=Cause.LOG_SIZE)
        return
    except OSError as error:
        text = f"the size of {folder} is not known: {error.strerror or error}"
        yield Reading(
            "log-size", "log-size", Check.UNKNOWN, text, "`opsconsole permissions check`", cause=Cause.LOG_SIZE
        )
        return
    verdict = (
        Check.FAIL if total > limits.log_critical_bytes else Check.WARN if total > limits.log_bytes else Check.PASS
    )
    yield Reading(
        "log-size",
        "log-size",
        verdict,
        f"the logs in {folder} take {size(total)}",
        "or `opsconsole logs archive`, `opsconsole logs trim`",
        total,
        limits.log_bytes / 4,
        cause=Cause.LOG_SIZE,
        measured=(Measured("logs", total, "B", limits.log_bytes, limits.log_critical_bytes),),
    )


def _size(folder: str) -> int:
    """Bytes of all files below `folder`. Raises OSError."""
    total = files = 0
    stack = [folder]
    while stack and files < _LOG_FILES:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                    continue
                try:
                    total += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # rotated away meanwhile
                    continue
    return total
