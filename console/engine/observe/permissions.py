"""Who may do what in data and logs: every folder and file whose mode, group, owner or flags stand in the way.

Looks with lstat and follows no link. The raw zone and the archive are immutable: no write bit is missed there.
"""

from __future__ import annotations

import array
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from console.engine.actions.change.permissions import permissions_text
from console.engine.context import Context
from console.engine.observe.doctor_places import wanted_bits
from console.engine.workspace.layout import below
from console.engine.workspace.people import group_name, user_name

_GETFLAGS = 0x80086601  # FS_IOC_GETFLAGS, ioctl_iflags(2)
_IMMUTABLE, _APPEND = 0x10, 0x20
_RUNNABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH | stat.S_ISUID | stat.S_ISGID
_LOGS = (".log", ".json", ".txt")

# What is refused to whoever comes there, by area: for a folder, for a file.
_BLOCKED = {
    "raw": ("migrate does not see the files in it", "migrate cannot read it: it fails as unreadable"),
    "archive": ("archive restore does not see the files in it", "archive restore and verify cannot read it"),
    "validated": ("nothing can be published into it or taken back from it", "readers, backup and verify cannot use it"),
    "backups": ("no run can keep there what it replaces, or put it back", "rollback and verify cannot read it"),
    "logs": ("no run can write or rotate its logs there", "no run can go on with it"),
    "": ("what lies in it cannot be reached", "it cannot be read"),
}


@dataclass(frozen=True, slots=True)
class PermissionFinding:
    """path: relative to the root. problem: what is wrong; blocks: the operation that it stands in the way of.

    now, wanted: permissions as `0640:62000`; wanted is '' where no permissions help. hindrance: why this user cannot
    give them and who can; '' where this user can. closed: this user cannot look into that folder.
    """

    path: str
    problem: str
    blocks: str
    folder: bool
    now: str
    wanted: str = ""
    hindrance: str = ""
    closed: bool = False


@dataclass(slots=True)
class Looked:
    """How much was looked at."""

    folders: int = 0
    files: int = 0
    links: int = 0  # not followed
    by_problem: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Area:
    """A zone. name: raw, validated, ...; '' for what lies between zones. facts: of its own folder."""

    name: str
    path: str
    facts: os.stat_result | None

    @property
    def immutable(self) -> bool:
        return self.name in ("raw", "archive")


def examine_permissions(
    ctx: Context, looked: Looked | None = None, *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[PermissionFinding]:
    """Everything in data and logs that stands in somebody's way, folders before what lies in them."""
    looked = looked or Looked()
    areas = _areas(ctx)
    names = (*ctx.settings.suffixes, *_LOGS)
    for label, real in _roots(ctx):
        stack = [(label, real)]
        while stack:
            if cancelled():
                return
            path, absolute = stack.pop()
            try:
                facts = os.lstat(absolute)
            except OSError as error:
                yield PermissionFinding(path, f"cannot be looked at: {error.strerror}", "", True, "")
                continue
            looked.folders += 1
            area = _area_of(areas, path)
            below_it, closed = _list(path, absolute, looked)
            yield from _judge(looked, path, absolute, facts, area, closed, names)
            for child, child_absolute, child_facts in below_it:
                if child_facts is None:
                    stack.append((child, child_absolute))
                else:
                    looked.files += 1
                    yield from _judge(looked, child, child_absolute, child_facts, area, False, names)


def _list(path: str, absolute: str, looked: Looked) -> tuple[list[tuple[str, str, os.stat_result | None]], bool]:
    """What lies in a folder: name, place, facts (None: a folder), and whether it is closed to this user."""
    found: list[tuple[str, str, os.stat_result | None]] = []
    if not os.access(absolute, os.R_OK | os.X_OK, effective_ids=True):
        return [], True
    try:
        with os.scandir(absolute) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name, reverse=True):
                child = f"{path}/{entry.name}"
                if entry.is_symlink():
                    looked.links += 1
                elif entry.is_dir(follow_symlinks=False):
                    found.append((child, entry.path, None))
                elif entry.is_file(follow_symlinks=False):
                    found.append((child, entry.path, entry.stat(follow_symlinks=False)))
    except OSError:
        return [], True
    return found, False


def _roots(ctx: Context) -> list[tuple[str, str]]:
    """Folders to walk, as configured and as they really are; none lies in another."""
    named = dict.fromkeys(("data", "logs", *(folder.rstrip("/") for folder in ctx.settings.folders)))
    places = [(name, os.path.realpath(ctx.workspace.path(name))) for name in named]
    places = [(name, real) for name, real in places if os.path.isdir(real)]
    return [
        (name, real)
        for number, (name, real) in enumerate(places)
        if not any(
            below(real, other) and (real != other or earlier < number)
            for earlier, (_, other) in enumerate(places)
            if earlier != number
        )
    ]


def _areas(ctx: Context) -> list[_Area]:
    """Zones, the innermost first; between them nothing is asked but to come through."""
    zones = ctx.settings.zones
    named = {name: getattr(zones, name).rstrip("/") for name in zones.__dataclass_fields__}
    named["logs"] = ctx.settings.log_dir.rstrip("/")
    areas = []
    for name, path in named.items():
        try:
            facts: os.stat_result | None = os.stat(ctx.workspace.path(path))
        except OSError:
            facts = None
        areas.append(_Area(name, path, facts))
    return sorted(areas, key=lambda area: len(area.path), reverse=True)


def _area_of(areas: list[_Area], path: str) -> _Area:
    return next((area for area in areas if below(path, area.path)), _Area("", "", None))


def _judge(
    looked: Looked,
    path: str,
    absolute: str,
    facts: os.stat_result,
    area: _Area,
    closed: bool,
    suffixes: tuple[str, ...],
) -> Iterator[PermissionFinding]:
    folder = stat.S_ISDIR(facts.st_mode)
    problems, mode, group = _wanted(facts, area, path, suffixes)
    flag = _flag(absolute)
    if flag:
        problems.append(f"the {flag} flag is set")
    other = area.facts is not None and facts.st_uid != area.facts.st_uid
    if other and area.facts is not None and not area.facts.st_mode & stat.S_IWGRP and not area.immutable:
        problems.append(f"it belongs to {user_name(facts.st_uid)}, not to {user_name(area.facts.st_uid)} as its zone")
    if closed and not problems:
        problems.append("this user cannot look into it")
    if not problems:
        return
    now, wanted = permissions_text(facts), f"{mode:04o}:{group}"
    for problem in problems:
        key = problem.partition(":")[0]
        looked.by_problem[key] = looked.by_problem.get(key, 0) + 1
    if wanted == now:
        wanted = ""
    yield PermissionFinding(
        path,
        "; ".join(problems),
        _blocks(area, folder, flag, problems),
        folder,
        now,
        wanted,
        _hindrance(absolute, facts, mode, group, flag) if wanted or flag or other or closed else "",
        closed,
    )


def _wanted(facts: os.stat_result, area: _Area, path: str, suffixes: tuple[str, ...]) -> tuple[list[str], int, int]:
    """What is wrong with mode and group, in words, and what they should be."""
    folder = stat.S_ISDIR(facts.st_mode)
    mode, group, problems = stat.S_IMODE(facts.st_mode), facts.st_gid, list[str]()
    writes = bool(area.name) and not area.immutable
    need = (0o500 if folder else 0o400) | (0o200 if writes else 0)
    if area.facts is not None and path != area.path:
        shared = wanted_bits(area.facts.st_mode, folder)
        need |= shared if writes else shared & ~stat.S_IWGRP
        if group != area.facts.st_gid and area.facts.st_mode & stat.S_IWGRP:
            problems.append(f"wrong group: {group_name(group)}, its zone is the {group_name(area.facts.st_gid)}'s")
            group = area.facts.st_gid
            if not writes:
                mode &= ~stat.S_IWGRP  # the zone's group is not handed a write bit that was meant for another one
    if folder and mode & stat.S_IRGRP:
        need |= stat.S_IXGRP
    missing = need & ~mode
    if missing & (stat.S_IXUSR | stat.S_IXGRP) and folder:
        problems.append(f"a folder without x for {_who(missing, stat.S_IXUSR, stat.S_IXGRP)}")
    if missing & (stat.S_IRUSR | stat.S_IRGRP):
        problems.append(f"not readable for {_who(missing, stat.S_IRUSR, stat.S_IRGRP)}")
    if missing & (stat.S_IWUSR | stat.S_IWGRP):
        problems.append(f"not writable for {_who(missing, stat.S_IWUSR, stat.S_IWGRP)}")
    if missing & stat.S_ISGID:
        problems.append("a folder that does not hand its group on")
    mode |= missing
    if not folder and mode & _RUNNABLE and area.name and path.lower().endswith(suffixes):
        problems.append("a data file with x")
        mode &= ~_RUNNABLE
    return problems, mode, group


def _who(missing: int, owner: int, group: int) -> str:
    return " and ".join(word for bit, word in ((owner, "its owner"), (group, "the group")) if missing & bit)


def _blocks(area: _Area, folder: bool, flag: str, problems: list[str]) -> str:
    if flag:
        if area.immutable:
            return "archive and --operation move cannot take it away"
        return "nothing in it can be made, replaced or removed" if folder else "it cannot be replaced or removed"
    if problems == ["a data file with x"]:
        return "nothing; but it is data, and could be run"
    return _BLOCKED.get(area.name, _BLOCKED[""])[0 if folder else 1]


def _hindrance(absolute: str, facts: os.stat_result, mode: int, group: int, flag: str) -> str:
    """Why this user cannot put it right and who can; '' where this user can."""
    if flag:
        return f"root can take the flag off: chattr -{'i' if flag == 'immutable' else 'a'} {absolute}"
    me = os.geteuid()
    if me == 0:
        return ""
    words = [f"chgrp {group}"] if group != facts.st_gid else []
    words += [f"chmod {mode:04o}"] if mode != stat.S_IMODE(facts.st_mode) else []
    if facts.st_uid != me:
        return f"{user_name(facts.st_uid)}, whose it is, can" + (f": {', '.join(words)}" if words else "")
    if group != facts.st_gid and group not in (*os.getgroups(), os.getegid()):
        return f"only root or a member of {group_name(group)} can give it that group"
    return ""


def _flag(absolute: str) -> str:
    """`immutable`, `append-only` or ''; '' too where this user may not ask or the file system has no flags."""
    try:
        descriptor = os.open(absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        flags = array.array("l", [0])
        fcntl.ioctl(descriptor, _GETFLAGS, flags)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return "immutable" if flags[0] & _IMMUTABLE else "append-only" if flags[0] & _APPEND else ""
