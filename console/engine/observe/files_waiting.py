"""What only the disk knows of files, as rows of a list: new, changed, missing and ignored ones, from a scan's plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.engine.context import Context
from console.engine.model import FileStatus, Plan
from console.engine.observe.files_list import FileRow

KEPT = 20_000  # rows; of more the counts are told
STATUSES = (FileStatus.NEW, FileStatus.CHANGED, FileStatus.MISSING, FileStatus.IGNORED)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Files as a scan met them. rows: by path, at most KEPT of each kind; counts: all of them; at: when (UTC)."""

    rows: tuple[FileRow, ...] = ()
    counts: Mapping[FileStatus, int] = field(default_factory=dict)
    at: str = ""


def on_disk(ctx: Context, plan: Plan) -> OnDisk:
    """The part of a scan's plan that a list made from the ledger lacks."""
    raw = ctx.settings.zones.raw.rstrip("/") + "/"
    found: list[FileRow] = []
    counts: dict[FileStatus, int] = {}
    for item in plan.items:
        if item.status in STATUSES:
            counts[item.status] = counts.get(item.status, 0) + 1
            if counts[item.status] <= KEPT:
                found.append(_row(raw, item.path, item.status, item.dest, item.identity.size, ""))
    if plan.ignored:
        counts[FileStatus.IGNORED] = len(plan.ignored)
        found += [_row(raw, path, FileStatus.IGNORED, "", 0, reason) for path, reason in plan.ignored[:KEPT]]
    return OnDisk(tuple(sorted(found, key=lambda row: row.path)), counts, plan.made_at)


def _row(raw: str, path: str, status: FileStatus, dest: str, size: int, reason: str) -> FileRow:
    source = path.removeprefix(raw).partition("/")[0]
    published = status in (FileStatus.CHANGED, FileStatus.MISSING)
    return FileRow(path, source, status, published, dest, size, 0, 0, 0, "", "", "", reason)
