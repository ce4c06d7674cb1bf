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
from console.engine.observe.doctor_ledger import DIGEST_AGAIN, PUT_COPY, TAKE_ROWS, TAKE_SUMS, repair_ledger
from console.engine.observe.doctor_places import Place, narrow_below, our_places, wanted_bits
from console.engine.runs.lock import Holder, RootLock
from console.engine.text import plural
from console.engine.workspace.shared import widen


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
        done = [_repair(ctx, finding) for finding in offered]
        widen(ctx.workspace.lock)  # taken before its folder was put right
        return done
    finally:
        lock.release()


def _repair(ctx: Context, finding: Finding) -> str:
    path = Path(finding.target)
    try:
        if finding.repair in (PUT_COPY, TAKE_ROWS, DIGEST_AGAIN, TAKE_SUMS):
            return repair_ledger(ctx, finding)
        if finding.repair.startswith("remove"):
            if path == ctx.workspace.holder or path.name.endswith(".part"):
                if path != ctx.workspace.holder:  # that one has just become ours, and goes with the lock
                    path.unlink(missing_ok=True)
                return f"removed {finding.target}"
            return f"left alone: {finding.target}"
        place = next((place for place in our_places(ctx) if place.path == finding.target), None)
        if place is None or (path.is_symlink() and not place.zone):
            return f"left alone: {finding.target}"
        if finding.repair.startswith("give it"):
            _open(finding.target, os.stat(path), os.stat(place.model), place.folder)
            return f"{finding.repair}: {finding.target}"
        return _open_tree(place, finding)
    except OSError as error:
        return f"could not be done ({error.strerror}): {finding.target}"


def _open(path: str, facts: os.stat_result, above: os.stat_result, folder: bool) -> None:
    """The model's group, and what it may there. Raises OSError."""
    if facts.st_gid != above.st_gid and above.st_mode & stat.S_IWGRP:
        os.chown(path, -1, above.st_gid)
    os.chmod(path, stat.S_IMODE(facts.st_mode) | wanted_bits(above.st_mode, folder))


def _open_tree(place: Place, finding: Finding) -> str:
    done = refused = 0
    for path, facts, above in list(narrow_below(place)):
        if facts.st_uid != os.geteuid() and os.geteuid() != 0:
            continue
        try:
            _open(path, facts, above, stat.S_ISDIR(facts.st_mode))
            done += 1
        except OSError:
            refused += 1
    words = f"{plural(done, 'place')} opened to the group" + (f", {refused} could not be" if refused else "")
    return f"{words}: {finding.target}"
