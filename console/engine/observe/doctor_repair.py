"""Doing what findings offer, under the lock: modes and groups of what is ours, leftovers whose names are
ours alone.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from console.engine.context import Context
from console.engine.errors import ReadOnlyError
from console.engine.observe.doctor_finding import Finding
from console.engine.observe.doctor_places import our_places
from console.engine.runs.lock import Holder, RootLock


def repair(ctx: Context, findings: list[Finding]) -> list[str]:
    """Do what the findings offer, under the lock; returns one sentence for each that was done or could not
    be.

    Raises LockedError when a run is in progress, ReadOnlyError.
    """
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything")
    offered = [finding for finding in findings if finding.repair and finding.target]
    if not offered:
        return []
    who = ctx.env.who
    lock = RootLock(ctx.workspace)
    note = Holder(
        "doctor",
        "doctor",
        who.login or who.user,
        who.host,
        os.getpid(),
        ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        who.terminal,
    )
    lock.acquire(note)
    try:
        return [_repair(ctx, finding) for finding in offered]
    finally:
        lock.release()


def _repair(ctx: Context, finding: Finding) -> str:
    path = Path(finding.target)
    try:
        if finding.repair.startswith("remove"):
            if path == ctx.workspace.holder or path.name.endswith(".part"):
                if path != ctx.workspace.holder:  # that one has just become ours, and goes with the lock
                    path.unlink(missing_ok=True)
                return f"removed {finding.target}"
            return f"left alone: {finding.target}"
        place = next((place for place in our_places(ctx) if place.path == finding.target), None)
        if place is None or path.is_symlink():
            return f"left alone: {finding.target}"
        facts, above = os.lstat(path), os.stat(place.model)
        if place.shared(above.st_mode):
            os.chown(path, -1, above.st_gid, follow_symlinks=False)
        os.chmod(path, stat.S_IMODE(facts.st_mode) | place.wanted(above.st_mode))
        return f"{finding.repair}: {finding.target}"
    except OSError as error:
        return f"could not be done ({error.strerror}): {finding.target}"
