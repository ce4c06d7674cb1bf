"""The folders and files that are ours, what their modes should let the group do, and staged files left
behind.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.model import Check
from console.engine.observe.doctor_finding import Finding

# `.<name>.<run>.part`; the run's id is `<UTC yyyymmddThhmmssZ>-<action>-<4 hex>` (DESIGN: "Words")
PART = re.compile(r"^\..*\.(\d{8}T\d{6}Z-[a-z-]+-[0-9a-f]{4})\.part$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file of ours, absolute. model: the folder above whose group and mode it should follow.

    zone: it may be a link that the configuration names.
    """

    path: str
    folder: bool
    model: str
    zone: bool = False

    def shared(self, above: int) -> bool:
        """Whether the model says that the group works here: group-writable and setgid."""
        return bool(above & stat.S_IWGRP) and bool(above & stat.S_ISGID)

    def wanted(self, above: int) -> int:
        """Mode bits that it should have, going by the model."""
        group = above & (stat.S_IRWXG | (stat.S_ISGID if self.folder else 0))
        return group if self.folder else group & ~stat.S_IXGRP


def our_places(ctx: Context) -> Iterator[Place]:
    """Zones that we write, logs, state file, our own folder with what is in it. Some may not exist."""
    zones, root = ctx.settings.zones, str(ctx.workspace.root)
    for zone in (zones.validated, zones.backups, zones.archive):
        path = str(ctx.workspace.path(zone))
        yield Place(path, True, os.path.dirname(path), zone=True)
    logs = ctx.workspace.path(ctx.settings.log_dir)
    yield Place(str(logs), True, str(logs.parent))
    for name in ("migration.log", "migration.json"):
        yield Place(str(logs / name), False, str(logs.parent))
    state = ctx.workspace.path(ctx.settings.state_file)
    for suffix in ("", ".bak"):
        yield Place(f"{state}{suffix}", False, str(state.parent.parent))
    private = ctx.workspace.private
    for folder in (private, private / "runs"):
        yield Place(str(folder), True, root)
    for file in (ctx.workspace.ledger, ctx.workspace.ledger_backup, ctx.workspace.lock, ctx.workspace.reserve):
        yield Place(str(file), False, root)


def staged_files(ctx: Context) -> Iterator[tuple[str, str]]:
    """(absolute path, run id) of every staged file in the zones that we write; links are not followed."""
    zones = ctx.settings.zones
    for zone in dict.fromkeys((zones.validated, zones.backups)):
        stack = [os.path.realpath(ctx.workspace.path(zone))]
        while stack:
            try:
                with os.scandir(stack.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            stack.append(entry.path)
                        elif entry.name.endswith(".part") and (found := PART.match(entry.name)):
                            yield entry.path, found[1]
            except OSError:
                continue  # not there, or not ours to read: ownership tells


def ownership(ctx: Context) -> Iterator[Finding]:
    """Whether this user, and the group where folders are shared, can work in what is ours."""
    wrong = 0
    for place in our_places(ctx):
        finding = _place(ctx, place)
        if finding is not None:
            wrong += 1
            yield finding
    if not wrong:
        yield Finding(Check.PASS, "owners and modes of our folders let this user and the group work")


def _place(ctx: Context, place: Place) -> Finding | None:
    """Whether this user can work there, and the group where the folder above says that it is the group's."""
    try:
        facts = os.stat(place.path) if place.zone else os.lstat(place.path)
        above = os.stat(place.model)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Finding(Check.FAIL, f"cannot be looked at: {error.strerror}", place.path)
    if stat.S_ISLNK(facts.st_mode):
        return Finding(Check.FAIL, "is a link", place.path, "replace it by what it points to")
    mode = stat.S_IMODE(facts.st_mode)
    missing = place.wanted(above.st_mode) & ~mode
    problems = []
    if facts.st_gid != above.st_gid and place.shared(above.st_mode):
        problems.append(f"its group is {facts.st_gid}, that of {place.model} is {above.st_gid}")
    if missing:
        problems.append(f"its mode is {mode:04o}, {mode | missing:04o} would let the group work")
    if problems:
        own = facts.st_uid == os.geteuid() or os.geteuid() == 0
        repair = f"give it the group {above.st_gid} and the mode {mode | missing:04o}" if own else ""
        step = "" if own else f"its owner (uid {facts.st_uid}) can: chgrp {above.st_gid}, chmod {mode | missing:04o}"
        return Finding(Check.WARN, "; ".join(problems), place.path, step, repair, place.path)
    if not os.access(place.path, os.W_OK, effective_ids=True) and not ctx.read_only:
        owner = f"owner {facts.st_uid}, group {facts.st_gid}, mode {mode:04o}"
        return Finding(
            Check.WARN, f"this user may not write here ({owner})", place.path, "ask its owner, or one of its group"
        )
    return None
