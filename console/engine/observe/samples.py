"""Short samples of how full each file system is and how large the zones are, kept in the ledger for the forecast.

A run takes them at its end, in a transaction of its own; a scan of the whole tree adds the sizes it has counted.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from console.engine.context import Context
from console.engine.ledger.schema import VERSION
from console.engine.ledger.store import reading, transaction, version_of
from console.engine.observe.disk import ZoneDisk, zone_disks
from console.engine.observe.disk_scan import zone_places
from console.engine.observe.disk_tree import FolderTree
from console.engine.observe.files_list import timestamp
from console.engine.observe.forecast import Growth, growth
from console.engine.observe.visits import open_for_a_moment

FOLDERS = ("raw", "validated", "backups", "logs")
BY_SCAN = ("backups", "logs")  # of the other two the ledger knows better what is the pipeline's
WALK_SECONDS = 0.3  # at the end of a run, for all folders that are counted by looking
EVERY_DAYS = 14  # so long every sample is kept; after that the last of each day
LAST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment. kind `filesystem`: name is the mount point; used, total in bytes. kind `folder`: one of FOLDERS,
    used the length of its files, inodes their number. -1: not known."""

    kind: str
    name: str
    at: str
    used: int = -1
    total: int = -1
    inodes: int = -1
    inodes_total: int = -1


@dataclass(frozen=True, slots=True)
class DiskGrowth:
    """How one file system fills. days_left: until bytes or inodes are used up, None: not to be foreseen."""

    used: Growth
    inodes: Growth
    days_left: float | None
    first_full: str  # bytes | inodes | ''


@dataclass(frozen=True, slots=True)
class Usage:
    """What one look at the disks says: file systems, their growth by the mount point, and the last size of folders."""

    disks: tuple[ZoneDisk, ...]
    growths: dict[str, DiskGrowth]
    folders: dict[str, Sample]
    folder_growths: dict[str, Growth]


# ── taking them ───────────────────────────────────────────────────────────────────────────────────────────────────


def take_samples(ctx: Context, connection: sqlite3.Connection, *, changed: bool, run: int = 0) -> None:
    """At the end of a run, in a transaction of its own. changed: whether the run changed or failed any file; if not,
    sizes are those of the sample before. run: its seq, where it is known. Raises sqlite3.Error, OSError.
    """
    at = timestamp(ctx.env.now())
    samples = [_of_disk(disk, at) for disk in zone_disks(ctx) if disk.total]
    samples += _folders(ctx, connection, at, changed, run)
    connection.execute("PRAGMA synchronous=NORMAL")  # a sample that a power cut loses is no loss, a flush is time
    try:
        with transaction(connection):
            _write(connection, samples)
            _forget(connection, ctx.env.now())
    finally:
        connection.execute("PRAGMA synchronous=FULL")


def record_tree(ctx: Context, tree: FolderTree) -> bool:
    """The sizes that a whole scan has counted; whether they were written.

    As a visit (observe.visits): a courtesy, never waiting, never making or upgrading a ledger.
    """
    ledger = ctx.workspace.ledger
    if ctx.read_only or not os.access(ledger, os.W_OK) or not os.access(ledger.parent, os.W_OK):
        return False
    places = zone_places(ctx)
    found = {name: tree.find(places[name]) for name in BY_SCAN}
    rows = {name: tree.row(number) for name, number in found.items() if number is not None}
    samples = [Sample("folder", name, tree.at, row.apparent, -1, row.files) for name, row in rows.items()]
    try:
        with closing(open_for_a_moment(ledger)) as connection:
            if version_of(connection) != VERSION:
                return False
            with transaction(connection):
                _write(connection, samples)
        return True
    except sqlite3.Error:
        return False


def _of_disk(disk: ZoneDisk, at: str) -> Sample:
    inodes = disk.inodes_total - disk.inodes_free if disk.inodes_total else -1
    # what root keeps for itself is nobody's room: as df has it
    return Sample("filesystem", disk.mount, at, disk.used, disk.used + disk.free, inodes, disk.inodes_total or -1)


def _folders(ctx: Context, connection: sqlite3.Connection, at: str, changed: bool, run: int) -> list[Sample]:
    before = _last_folders(connection)
    until = ctx.env.monotonic() + WALK_SECONDS
    found: list[Sample] = []
    for name in FOLDERS:
        if not changed and name != "logs" and name in before:
            old = before[name]
            found.append(Sample("folder", name, at, old.used, -1, old.inodes))
            continue
        place = ctx.settings.log_dir if name == "logs" else getattr(ctx.settings.zones, name)
        counted = _known(connection, name)
        if name == "backups" and name in before:
            counted = _with_kept(connection, run, place, before[name])
        counted = counted or _count(ctx, ctx.workspace.root / place, until)
        if counted is not None:
            found.append(Sample("folder", name, at, counted[0], -1, counted[1]))
    return found


def _known(connection: sqlite3.Connection, name: str) -> tuple[int, int] | None:
    """Bytes and files of a zone as the ledger has them: looking at a million files takes seconds."""
    statements = {
        "raw": "SELECT total(size), count(*) FROM (SELECT size FROM files WHERE status <> 'archived' UNION ALL"
        " SELECT size FROM sidecars UNION ALL"
        " SELECT size FROM failures WHERE path NOT IN (SELECT path FROM files))",
        "validated": "SELECT total(size), count(*) FROM (SELECT dest_size AS size FROM files UNION ALL"
        " SELECT size FROM sidecars)",
    }
    if name not in statements:
        return None
    row = connection.execute(statements[name]).fetchone()
    return int(row[0]), int(row[1])


def _with_kept(connection: sqlite3.Connection, run: int, zone: str, before: Sample) -> tuple[int, int] | None:
    """The backups with what this run has added, where all that it did was to keep what it took: nothing else says the
    sizes of what it kept."""
    kept = "outcome = 'removed' AND substr(backup, 1, ?2) = ?3"
    size, files, others = connection.execute(
        f"SELECT total(size) FILTER (WHERE {kept}), count(*) FILTER (WHERE {kept}),"
        f" count(*) FILTER (WHERE NOT ({kept}) AND outcome NOT IN ('left-alone', 'failed'))"
        " FROM outcomes WHERE run = ?1",
        [run, len(zone.rstrip("/")) + 1, zone.rstrip("/") + "/"],
    ).fetchone()
    return (before.used + int(size), before.inodes + files) if files and not others else None


def _count(ctx: Context, folder: Path, until: float) -> tuple[int, int] | None:
    """Bytes and files by looking; None where there is no time for that, or it cannot be read."""
    size = files = 0
    stack = [str(folder)]
    while stack:
        if ctx.env.monotonic() > until:
            return None
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
                        files += 1
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return size, files


def _write(connection: sqlite3.Connection, samples: Iterable[Sample]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(s.kind, s.name, s.at, s.used, s.total, s.inodes, s.inodes_total) for s in samples],
    )


def _forget(connection: sqlite3.Connection, now: datetime) -> None:
    """Old ones but for the last of each day; very old ones."""
    some, none = (timestamp(now - timedelta(days=days)) for days in (EVERY_DAYS, LAST_DAYS))
    connection.execute("DELETE FROM samples WHERE at < ?", [none])
    connection.execute(
        "DELETE FROM samples WHERE at < :some AND EXISTS (SELECT 1 FROM samples later WHERE later.kind = samples.kind"
        " AND later.name = samples.name AND later.at > samples.at AND later.at < :some"
        " AND substr(later.at, 1, 10) = substr(samples.at, 1, 10))",
        {"some": some},
    )


# ── reading them ──────────────────────────────────────────────────────────────────────────────────────────────────


def usage(ctx: Context) -> Usage:
    """How full everything is and how it grows. Reads some hundred rows, asks each file system. Raises LedgerError."""
    disks = tuple(zone_disks(ctx))
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return Usage(disks, {disk.mount: _unknown(disk) for disk in disks}, {}, {})
        growths = {disk.mount: _growth(disk, _read(connection, "filesystem", disk.mount)) for disk in disks}
        series = {name: _read(connection, "folder", name) for name in FOLDERS}
    last = {name: samples[-1] for name, samples in series.items() if samples}
    return Usage(disks, growths, last, {name: growth(_points(series[name], "used")) for name in last})


def _unknown(disk: ZoneDisk) -> DiskGrowth:
    return _growth(disk, [])


def _growth(disk: ZoneDisk, samples: list[Sample]) -> DiskGrowth:
    used, inodes = growth(_points(samples, "used")), growth(_points(samples, "inodes"))
    by_bytes = used.days_left(disk.free) if disk.total else None
    by_inodes = inodes.days_left(disk.inodes_free) if disk.inodes_total else None
    known = [(days, what) for days, what in ((by_bytes, "bytes"), (by_inodes, "inodes")) if days is not None]
    days, what = min(known, default=(None, ""))
    return DiskGrowth(used, inodes, days, what)


def _points(samples: Iterable[Sample], what: str) -> list[tuple[datetime, float]]:
    return [
        (datetime.fromisoformat(sample.at), value) for sample in samples if (value := float(getattr(sample, what))) >= 0
    ]


def _read(connection: sqlite3.Connection, kind: str, name: str) -> list[Sample]:
    rows = connection.execute("SELECT * FROM samples WHERE kind = ? AND name = ? ORDER BY at", [kind, name])
    return [Sample(*row) for row in rows]


def _last_folders(connection: sqlite3.Connection) -> dict[str, Sample]:
    rows = connection.execute("SELECT *, max(at) FROM samples WHERE kind = 'folder' GROUP BY name")
    return {row["name"]: Sample(*tuple(row)[:7]) for row in rows}
