"""Room on the file systems of the zones, as cheap as one statvfs each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from console.engine.context import Context

_TABLE = "/proc/self/mountinfo"  # proc(5): id parent major:minor root mountpoint options ... - type source
...


@dataclass(frozen=True, slots=True)
class ZoneDisk:
    """One file system that zones lie on. Sizes in bytes; `percent` used, 0 to 100, as df counts it.

    total 0 and percent 0: the file system does not tell. inodes_total 0 and inodes_free -1: it does not count
    them. `problem` says why nothing is known, where a zone cannot be reached at all.
    """

    zones: tuple[str, ...]  # names: raw, validated, ...
    mount: str  # mount point, or the folder looked at where there is no mount table
    filesystem: str  # type, '' where unknown
    total: int
    used: int
    free: int  # for this user
    inodes_total: int
    inodes_free: int
    percent: float
    problem: str = ""


def zone_disks(ctx: Context) -> list[ZoneDisk]:
    """The distinct file systems of the zones and of our own folder (`ledger`), in the order of the zones.

    A zone's folder that does not exist yet counts where it would be made. Never raises.
    """
    zones = ctx.settings.zones
    places = {name: getattr(zones, name) for name in zones.__dataclass_fields__}
    grouped: dict[int, tuple[Path, list[str]]] = {}
    lost: list[ZoneDisk] = []
    for name, relative in {**places, "ledger": ".opsconsole"}.items():
        folder = _existing(ctx.workspace.root / relative)
        try:
            device = os.stat(folder).st_dev
        except OSError as error:
            lost.append(_unknown((name,), str(folder), error))
            continue
        grouped.setdefault(device, (folder, []))[1].append(name)
    mounts = _mounts()
    return [_disk(tuple(names), folder, mounts) for folder, names in grouped.values()] + lost


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above that exists; a link that leads nowhere counts where it points."""
    folder = Path(os.path.realpath(folder))
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _disk(zones: tuple[str, ...], folder: Path, mounts: dict[str, str]) -> ZoneDisk:
    mount = folder
    try:
        found = os.statvfs(folder)
        while str(mount) not in mounts and mount != mount.parent:
            mount = mount.parent
    except OSError as error:
        return _unknown(zones, str(folder), error)
    total = found.f_blocks * found.f_frsize
    used = total - found.f_bfree * found.f_frsize
    free = found.f_bavail * found.f_frsize
    # as df: of what this user may use, so that 100 % means that nothing more fits
    percent = 100 * used / (used + free) if used + free else 0.0
    counted = found.f_files > 0
    return ZoneDisk(
        zones,
        str(mount) if mounts else str(folder),
        mounts.get(str(mount), ""),
        total,
        used,
        free,
        found.f_files,
        found.f_favail if counted else -1,
        percent,
    )


def _unknown(zones: tuple[str, ...], folder: str, error: OSError) -> ZoneDisk:
    return ZoneDisk(zones, folder, "", 0, 0, 0, 0, -1, 0.0, error.strerror or str(error))


def _mounts() -> dict[str, str]:
    """Mount point -> type. Empty where there is no such table."""
    found: dict[str, str] = {}
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                words = line.split()
                try:
                    found[_unescape(words[4])] = words[words.index("-") + 1]
                except (IndexError, ValueError):
                    continue
    except OSError:
        return {}
    return found


def _unescape(text: str) -> str:
    """Blank, tab, newline and backslash are octal in the table."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, letter)
    return text
