"""Room on the file systems of the zones: percent free, and whether a plan fits."""

from __future__ import annotations

from console.engine.checks.probes.look import Finding, Look
from console.engine.errors import EngineError
from console.engine.model import Check
from console.engine.observe.disk import ZoneDisk, zone_disks
from console.engine.text import count, size

_FREE = "`opsconsole disk` shows what fills it, `opsconsole backups prune` what could go"


def disk_room(look: Look, *, free: int, least: int, plan: bool) -> Finding:
    """Each zone's own file system, bytes and inodes. Fails where less than `least` percent is free or what waits does
    not fit, warns where less than `free` percent is; unknown where a file system does not tell."""
    disks = zone_disks(look.ctx)
    worst, said, unknown = Check.PASS, [], []
    for disk in disks:
        if disk.problem or not disk.total:
            unknown.append(f"{_where(disk)}: {disk.problem or 'it does not say how large it is'}")
            continue
        for share, what in _shares(disk):
            if share < free:
                bad = share < least
                worst = Check.FAIL if bad or worst == Check.FAIL else Check.WARN
                under = least if bad else free
                said.append(f"{share:.0f} % of {what} free, under {under} %, on {_where(disk)}")
    details = tuple(_line(disk) for disk in disks if disk.total)
    if plan and look.space is None:  # with a plan in hand the gate says itself whether it fits
        missing, trouble = _fits(look)
        if missing:
            worst, said = Check.FAIL, [*missing, *said]
        elif trouble:
            unknown.append(trouble)
    if worst == Check.FAIL or (said and not unknown):
        return Finding(worst, "; ".join(said), _FREE, details)
    if unknown:
        return Finding(Check.UNKNOWN, "; ".join([*unknown, *said]), "mount it, or have it made readable", details)
    shares = [share for disk in disks for share, _ in _shares(disk)]
    fits = ", and what waits fits" if plan and look.space is None else ""
    return Finding(Check.PASS, f"{min(shares, default=100):.0f} % or more free everywhere{fits}", "", details)


def _shares(disk: ZoneDisk) -> list[tuple[float, str]]:
    """Percent free of bytes, and of inodes where they are counted."""
    found = [(100 - disk.percent, "bytes")]
    if disk.inodes_total > 0 and disk.inodes_free >= 0:
        found.append((100 * disk.inodes_free / disk.inodes_total, "inodes"))
    return found


def _where(disk: ZoneDisk) -> str:
    zones = ", ".join(disk.zones[:3]) + (f" and {len(disk.zones) - 3} more" if len(disk.zones) > 3 else "")
    return f"{disk.mount} ({zones})"


def _line(disk: ZoneDisk) -> str:
    inodes = f", {count(disk.inodes_free)} inodes" if disk.inodes_total > 0 and disk.inodes_free >= 0 else ""
    return f"{disk.mount}: {size(disk.free)} of {size(disk.total)} free{inodes}: {', '.join(disk.zones)}"


def _fits(look: Look) -> tuple[list[str], str]:
    """What does not fit, and why nobody can tell."""
    if (trouble := look.unreadable()) is not None:
        return [], trouble.evidence
    try:
        space = look.survey().space()
    except EngineError as error:
        return [], f"what waits is not known: {error.what}"
    missing = []
    for part in space:
        if part.need_bytes > part.free_bytes:
            missing.append(f"{part.mount}: what waits needs {size(part.need_bytes)}, {size(part.free_bytes)} free")
        if 0 <= part.free_inodes < part.need_inodes:
            missing.append(
                f"{part.mount}: what waits needs {count(part.need_inodes)} inodes, {count(part.free_inodes)} free"
            )
    return missing, ""
