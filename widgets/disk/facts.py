"""The lines above the tree: each file system with its forecast, what the next migrate needs, what could be freed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from console.engine.model import Plan
from console.engine.observe.disk import ZoneDisk
from console.engine.observe.disk_freeing import Freeing
from console.engine.observe.disk_words import FAR_DAYS, full_words, growth_words
from console.engine.observe.samples import Usage
from console.engine.text import plural, size
from widgets.look import Cell, bar, fit, paint, width_of

ALL_ZONES = 8
LABEL = 13  # cells of what stands at the left
WARN, BAD = 80.0, 95.0  # percent used
SOON_DAYS = 30
WAITING = ("new", "changed", "missing", "damaged", "stale")  # of a plan's counts: what a migrate would read
FILESYSTEMS = 5  # lines; more are counted


def disk_lines(usage: Usage, width: int) -> list[Content]:
    """A line for each file system."""
    shown = [_disk_line(usage, disk, width, alone=len(usage.disks) == 1) for disk in usage.disks[:FILESYSTEMS]]
    if len(usage.disks) > FILESYSTEMS:
        left = len(usage.disks) - FILESYSTEMS
        shown.append(paint((f" and {plural(left, 'more file system')}: opsconsole disk", "dim")))
    return shown


def _disk_line(usage: Usage, disk: ZoneDisk, width: int, *, alone: bool) -> Content:
    wide = width >= 110
    name = "all zones" if alone else " ".join(disk.zones)
    label = fit(name, 32 if wide and not alone else LABEL, cut="end")
    if disk.problem:
        return paint(f" {label} ", (f"✗ {disk.problem} ({disk.mount})", "bad"))
    tone = "bad" if disk.percent >= BAD else "warn" if disk.percent >= WARN else ""
    full, rest = bar(disk.percent / 100, 16 if wide else 10)
    sign = "✗ " if tone == "bad" else "! " if tone else ""
    cells: list[Cell] = [
        f" {label} ",
        (full, tone or "accent"),
        (rest, "dim"),
        (f" {sign}{disk.percent:3.0f} %", tone),
        f"  {size(disk.free)} free",
    ]
    inodes: list[Cell] = []
    if disk.inodes_total:
        part = 100 * (1 - disk.inodes_free / disk.inodes_total)
        many = part >= WARN
        inodes = [(f"  {'! ' if many else ''}inodes {part:.0f} %", "warn" if many else "dim")]
    tail: list[Cell] = ["  ", _tail(usage, disk, wide)] if disk.mount in usage.growths else []
    # what is in order gives way to what is foreseen
    for more in ([*inodes, *tail], tail, inodes):
        if sum(width_of(cell if isinstance(cell, str) else cell[0]) for cell in [*cells, *more]) < width:
            cells += more
            break
    if wide and width >= 140:
        cells.append((f"  on {fit(disk.mount, 24, cut='middle').rstrip()}", "dim"))
    return paint(*cells)


def _tail(usage: Usage, disk: ZoneDisk, wide: bool) -> tuple[str, str]:
    growth = usage.growths[disk.mount]
    days = growth.days_left
    tone = "bad" if days is not None and days < 7 else "warn" if days is not None and days < SOON_DAYS else ""
    if growth.used.per_day is None and days is None:
        return (growth_words(growth.used), "dim")
    if days is None or days > FAR_DAYS:
        return (f"growth {growth_words(growth.used)}" if wide else f"full {full_words(growth)}", "dim")
    sign = "! " if tone else ""
    text = f"{sign}full {full_words(growth)}" if days else f"✗ {full_words(growth)}"
    return (f"{text}, {growth_words(growth.used)}" if wide else text, tone)


def need_line(plan: Plan | None, note: str) -> Content:
    """What the next migrate needs, on the file system where it fits least."""
    label = fit("Next migrate", LABEL)
    if plan is None:
        return paint((f" {label} ", "dim"), (note, "dim"))
    waiting = sum(plan.counts.get(key, 0) for key in WAITING)  # the plan's items may have been left out
    if not waiting:
        return paint((f" {label} ", "dim"), ("nothing new to write", "dim"))
    files = plural(waiting, "file")
    tightest = min(plan.space, key=lambda space: space.free_bytes - space.need_bytes, default=None)
    if tightest is None:
        return paint((f" {label} ", "dim"), f"reads {size(plan.bytes)}, {files}")
    fits = tightest.need_bytes <= tightest.free_bytes
    inodes = tightest.free_inodes < 0 or tightest.need_inodes <= tightest.free_inodes
    sign: tuple[str, str] = ("✓ ", "good") if fits and inodes else ("✗ ", "bad")
    short = "" if inodes else f"; {plural(tightest.need_inodes - tightest.free_inodes, 'inode')} short"
    return paint(
        (f" {label} ", "dim"),
        sign,
        f"needs {size(tightest.need_bytes)} of {size(tightest.free_bytes)} free{short}",
        (f"   {files}, {size(plan.bytes)}", "dim"),
    )


def freeing_lines(freed: Freeing | None, note: str) -> list[Content]:
    """Backups and logs with what pruning and archiving would free."""
    if freed is None:
        return [paint((f" {fit('Backups, logs', LABEL)} ", "dim"), (note, "dim"))]
    return [
        paint((f" {fit('Backups', LABEL)} ", "dim"), *_backups(freed)),
        paint((f" {fit('Logs', LABEL)} ", "dim"), *_logs(freed)),
    ]


def _backups(freed: Freeing) -> Sequence[Cell]:
    if not freed.backups_size or not freed.backups:
        return [("none yet", "dim")]
    runs = plural(len(freed.backups), "run")
    return [
        f"{size(freed.backups_size)} of {runs}; removing all would free {size(freed.backups_frees)}",
        ("   p: prune", "accent"),
    ]


def _logs(freed: Freeing) -> Sequence[Cell]:
    if freed.logs_size is None:
        return [("none yet", "dim")]
    if not freed.segments:
        return [size(freed.logs_size), ("; no closed segment to archive", "dim")]
    closed = plural(freed.segments, "closed segment")
    said = f"{size(freed.logs_size)}; archiving {closed} would free {size(freed.logs_frees)}"
    return [said, ("   l: archive", "accent")]
