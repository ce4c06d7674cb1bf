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
from console.engine.text import plural
from console.engine.workspace.people import group_name, user_name, who_can

# `.<name>.<run>.part`; the run's id is `<UTC yyyymmddThhmmssZ>-<action>-<4 hex>` (DESIGN: "Words")
PART = re.compile(r"^\..*\.(\d{8}T\d{6}Z-[a-z-]+-[0-9a-f]{4})\.part$", re.DOTALL)
_LOG = re.compile(r"^migration\.(log|json)(\.\d+)?$")
_NAMED = 3  # places in one finding


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file of ours, absolute. model: the folder above whose group and mode it should follow.

    zone: it may be a link that the configuration names. tree: what lies in it is ours as well, and should follow
    it (or the model, where `inner` is that). written: a run opens it for writing; others are replaced as a whole.
    """

    path: str
    folder: bool
    model: str
    zone: bool = False
    written: bool = True
    tree: bool = False

    def wanted(self, above: int) -> int:
        """Mode bits that it should have, going by the model."""
        return wanted_bits(above, self.folder)


def wanted_bits(above: int, folder: bool) -> int:
    """What the group should be allowed: all that it is where `above` is the mode; of a file no more than to read
    and write."""
    return above & ((stat.S_IRWXG | stat.S_ISGID) if folder else (stat.S_IRGRP | stat.S_IWGRP))


def our_places(ctx: Context) -> Iterator[Place]:
    """Zones that we write, logs, state file, our own folder with what is in it. Some may not exist."""
    zones, root = ctx.settings.zones, str(ctx.workspace.root)
    for zone in (zones.validated, zones.backups, zones.archive):
        path = str(ctx.workspace.path(zone))
        yield Place(path, True, os.path.dirname(path), zone=True, tree=True)
    logs = ctx.workspace.path(ctx.settings.log_dir)
    yield Place(str(logs), True, str(logs.parent))
    for name in sorted({"migration.log", "migration.json", *filter(_LOG.match, _names(str(logs)))}):
        yield Place(str(logs / name), False, str(logs.parent), written=False)
    state = ctx.workspace.path(ctx.settings.state_file)
    for suffix in ("", ".bak"):
        yield Place(f"{state}{suffix}", False, str(state.parent.parent), written=False)
    private = str(ctx.workspace.private)
    yield Place(private, True, root)
    for name in _names(private):
        path = os.path.join(private, name)
        folder = os.path.isdir(path) and not os.path.islink(path)
        written = folder or name == "lock" or name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm")
        yield Place(path, folder, root, written=written and name != "errors", tree=folder)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # not there, or not ours to read: the folder's own finding tells
        return []


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
    closed: list[str] = []
    for place in our_places(ctx):
        finding = _place(place)
        if finding is None and place.tree:
            finding = _tree(place)
        if finding is not None:
            wrong += 1
            yield finding
        elif place.written and not ctx.read_only and _closed(place.path):
            closed.append(place.path)
    if closed:
        more = f" and {plural(len(closed) - _NAMED, 'more place')}" if len(closed) > _NAMED else ""
        text = f"this user may not write here: {', '.join(closed[:_NAMED])}{more}"
        yield Finding(Check.WARN, text, closed[0], who_can(closed[0], os.W_OK))
    elif not wrong:
        yield Finding(Check.PASS, "owners and modes of our folders let this user and the group work")


def _closed(path: str) -> bool:
    return os.path.lexists(path) and not os.access(path, os.W_OK, effective_ids=True)


def _place(place: Place) -> Finding | None:
    """Whether the group can work there, where the folder above says that it is the group's."""
    try:
        facts = os.stat(place.path) if place.zone else os.lstat(place.path)
        above = os.stat(place.model)
    except FileNotFoundError:
        return None
    except OSError as error:
        step = who_can(os.path.dirname(place.path), os.X_OK)
        return Finding(Check.FAIL, f"cannot be looked at: {error.strerror}", place.path, step)
    if stat.S_ISLNK(facts.st_mode):
        return Finding(Check.FAIL, "is a link", place.path, "replace it by what it points to")
    problems = narrow(facts, above, place.folder)
    if not problems:
        return None
    mode = stat.S_IMODE(facts.st_mode) | place.wanted(above.st_mode)
    own = facts.st_uid == os.geteuid() or os.geteuid() == 0
    repair = f"give it the {group_name(above.st_gid)} and the mode {mode:04o}" if own else ""
    step = "" if own else f"{user_name(facts.st_uid)}, whose it is, can: chgrp {above.st_gid}, chmod {mode:04o}"
    return Finding(Check.WARN, "; ".join(problems), place.path, step, repair, place.path)


def narrow(facts: os.stat_result, above: os.stat_result, folder: bool) -> list[str]:
    """What keeps the group out of something whose model is `above`, in words; empty where nothing does."""
    problems = []
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_gid != above.st_gid and above.st_mode & stat.S_IWGRP:
        problems.append(f"its {group_name(facts.st_gid)} is not the {group_name(above.st_gid)} of the folder above")
    missing = wanted_bits(above.st_mode, folder) & ~mode
    if missing:
        problems.append(f"its mode is {mode:04o}, {mode | missing:04o} would let the group work")
    return problems


def narrow_below(place: Place) -> Iterator[tuple[str, os.stat_result, os.stat_result]]:
    """Everything in a tree of ours that keeps the group out: path, its facts, those of its model. Links are not
    followed; what cannot be looked at is passed over, the folder that hides it is found itself."""
    try:
        above = os.stat(place.path) if place.zone else os.stat(place.model)
    except OSError:
        return
    stack = [os.path.realpath(place.path)]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    folder = entry.is_dir(follow_symlinks=False)
                    facts = entry.stat(follow_symlinks=False)
                    if (folder or stat.S_ISREG(facts.st_mode)) and _is_narrow(facts, above, folder):
                        yield entry.path, facts, above
                    if folder:
                        stack.append(entry.path)
        except OSError:
            continue


def _is_narrow(facts: os.stat_result, above: os.stat_result, folder: bool) -> bool:
    """As `narrow`, without the words: a zone may hold half a million files."""
    other = facts.st_gid != above.st_gid and above.st_mode & stat.S_IWGRP
    return bool(other or wanted_bits(above.st_mode, folder) & ~facts.st_mode)


def _tree(place: Place) -> Finding | None:
    """One finding for all that is narrow in a tree."""
    number = ours = 0
    named: list[str] = []
    owners: set[int] = set()
    words = ""
    for path, facts, above in narrow_below(place):
        number += 1
        if len(named) < _NAMED:
            named.append(path)
            words = words or "; ".join(narrow(facts, above, stat.S_ISDIR(facts.st_mode)))
        if facts.st_uid == os.geteuid() or os.geteuid() == 0:
            ours += 1
        else:
            owners.add(facts.st_uid)
    if not number:
        return None
    more = f", and {plural(number - _NAMED, 'other')}" if number > _NAMED else ""
    text = f"{plural(number, 'place')} in it {'keeps' if number == 1 else 'keep'} the group out: {', '.join(named)}"
    who = ", ".join(user_name(uid) for uid in sorted(owners)[:_NAMED])
    step = f"{who} can put {'theirs' if ours else 'that'} right: opsconsole doctor --repair" if owners else ""
    repair = f"give {plural(ours, 'place')} in it the group and its rights" if ours else ""
    return Finding(Check.WARN, f"{text}{more} (the first: {words})", place.path, step, repair, place.path)
