"""How files and their groups read: signs, columns, cells, ages, the line that says what is listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from console.engine.model import FileStatus
from console.engine.observe.files_causes import CauseGroup, SourceGroup
from console.engine.observe.files_list import FileRow
from console.engine.records.words import cause_in_words
from console.engine.text import count
from widgets.look import Cell, parse_time, short_time
from widgets.state.scope import Scope
from widgets.table import Column

SIGNS: dict[FileStatus, tuple[str, str]] = {
    FileStatus.PROCESSED: ("✓", "good"),
    FileStatus.REVALIDATED: ("✓", "good"),
    FileStatus.ADOPTED: ("●", ""),
    FileStatus.ARCHIVED: ("●", "dim"),
    FileStatus.NEW: ("●", "accent"),
    FileStatus.CHANGED: ("●", "accent"),
    FileStatus.STALE: ("!", "warn"),
    FileStatus.HELD: ("!", "warn"),
    FileStatus.ACCEPTED: ("!", "dim"),
    FileStatus.MISSING: ("✗", "bad"),
    FileStatus.FAILED: ("✗", "bad"),
    FileStatus.KNOWN_FAILED: ("✗", "bad"),
    FileStatus.DAMAGED: ("✗", "bad"),
    FileStatus.IGNORED: ("●", "dim"),
}
# What one chooses from, in the ledger's words, with what they mean.
STATUSES: tuple[tuple[FileStatus, str], ...] = (
    (FileStatus.FAILED, "failed, and nobody has answered for it"),
    (FileStatus.ACCEPTED, "failed, and somebody answered for it"),
    (FileStatus.STALE, "judged by another rule than today's"),
    (FileStatus.DAMAGED, "its copy is not what was published"),
    (FileStatus.HELD, "taken back; no run publishes it"),
    (FileStatus.NEW, "its entry was taken out of the state file"),
    (FileStatus.PROCESSED, "published"),
    (FileStatus.REVALIDATED, "published, and judged again since"),
    (FileStatus.ADOPTED, "published by another program"),
    (FileStatus.ARCHIVED, "its raw file lies in the archive"),
)
ON_DISK: tuple[tuple[FileStatus, str], ...] = (
    (FileStatus.NEW, "a migrate judges it: new, or failed by an older rule"),
    (FileStatus.CHANGED, "its source is another than was judged"),
    (FileStatus.MISSING, "published, and its copy is gone"),
    (FileStatus.IGNORED, "no data: a run leaves it alone"),
)
ORDERS = (
    ("path", False, "path"),
    ("path", True, "path, from the end"),
    ("at", True, "newest judged first"),
    ("at", False, "oldest judged first"),
    ("errors", True, "most errors first"),
    ("records", True, "most records first"),
    ("size", True, "largest first"),
)
FILE_COLUMNS = (
    Column("status", 13),
    Column("source", 20, cut="middle", from_width=132),
    Column("file", cut="middle", share=3),
    Column("cause", from_width=104, share=2),
    Column("records", 8, "right", from_width=60),
    Column("errors", 7, "right", from_width=60),
    Column("age", 5, "right"),
    Column("run", 5, from_width=70),
)
CAUSE_COLUMNS = (
    Column("files", 8, "right"),
    Column("records", 9, "right"),
    Column("cause", share=3),
    Column("sources", 7, "right", from_width=100),
    Column("since", 11, from_width=60),
    Column("run", 5, from_width=96),
    Column("changed then", from_width=76, share=2),
)
SOURCE_COLUMNS = (
    Column("source", cut="middle"),
    Column("files", 10, "right"),
    Column("failing", 9, "right"),
    Column("accepted", 8, "right", from_width=70),
    Column("bad records", 11, "right", from_width=60),
    Column("errors", 9, "right", from_width=60),
)
CHOICE_COLUMNS = (Column("", 19), Column("", 0), Column("files", 11, "right"))

_AGES = ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h"), (14 * 86_400, 86_400, "d"), (60 * 86_400, 7 * 86_400, "w"))


def age(text: str, now: datetime) -> str:
    """How long ago, in five cells: `3 m`, `17 h`, `12 d`, `5 w`, `14 mo`, `3 y`."""
    moment = parse_time(text)
    if moment is None:
        return "–"
    seconds = max(0.0, (now - moment).total_seconds())
    for limit, unit, name in _AGES:
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    months = int(seconds // (30.44 * 86_400))
    return f"{months} mo" if months < 24 else f"{int(seconds // (365.25 * 86_400))} y"


def status_cell(status: FileStatus) -> tuple[str, str]:
    """`✗ failed` with its tone."""
    sign, tone = SIGNS[status]
    return f"{sign} {status.value}", tone


def file_cells(row: FileRow, prefix: str, now: datetime, status: FileStatus | None = None) -> tuple[Cell, ...]:
    """A file as the cells of FILE_COLUMNS. prefix: what every path begins with. status: as the disk has it."""
    shown = status or row.status
    failing = shown in (FileStatus.FAILED, FileStatus.KNOWN_FAILED, FileStatus.DAMAGED)
    return (
        status_cell(shown),
        (row.source, "dim"),
        row.path.removeprefix(prefix),
        (cause_in_words(row.cause) if row.cause else row.reason, "dim"),
        count(row.records) if row.at else "–",
        (count(row.errors) if row.errors else "–", "bad" if row.errors and failing else "dim"),
        age(row.at, now),
        (row.run.rsplit("-", 1)[-1], "dim"),
    )


def cause_cells(group: CauseGroup, zone: tzinfo | None, now: datetime) -> tuple[Cell, ...]:
    """A cause as the cells of CAUSE_COLUMNS."""
    done = group.accepted == group.files
    return (
        (count(group.files), "dim" if done else "bad"),
        count(group.records),
        (("accepted: " if done else "") + group.words, "dim" if done else ""),
        count(group.sources),
        short_time(group.since, zone, now),
        (group.since_run.rsplit("-", 1)[-1], "dim"),
        (group.changed or "–", "warn" if group.changed else "dim"),
    )


def source_cells(group: SourceGroup) -> tuple[Cell, ...]:
    """A source as the cells of SOURCE_COLUMNS."""

    def number(value: int, tone: str = "") -> Cell:
        return (count(value), tone) if value else ("–", "dim")

    return (
        group.source,
        count(group.files),
        number(group.failing, "bad" if group.failing > group.accepted else ""),
        number(group.accepted),
        number(group.records),
        number(group.errors),
    )


def group_notes(group: CauseGroup, prefix: str) -> list[list[Cell]]:
    """What there is no column for: sources, acceptances, three examples."""
    parts = f"in {count(group.sources)} source{'s' if group.sources != 1 else ''}, {count(group.errors)} errors"
    if group.accepted:
        parts += f", {count(group.accepted)} accepted"
    if group.changed:
        parts += f"; {group.changed}"
    rows: list[list[Cell]] = [[(f"{group.key}  {parts}", "dim")]]
    for at, path in enumerate(group.examples):
        rows.append([("for example " if not at else "            ", "dim"), path.removeprefix(prefix)])
    return rows


def scope_words(scope: Scope) -> str:
    """Which files are listed: `failed`, `date is missing · sff`."""
    parts: Sequence[str] = (
        f"{scope.disk} on disk" if scope.disk else "",
        cause_in_words(scope.cause) if scope.cause else "",
        scope.status,
        "changed since you were here" if scope.fresh else "",
        scope.source,
        f"filter: {scope.filter}" if scope.filter else "",
    )
    return " · ".join(part for part in parts if part) or "all files"


def order_words(scope: Scope) -> str:
    """`newest judged first`."""
    return next(
        (words for order, down, words in ORDERS if (order, down) == (scope.order, scope.descending)), scope.order
    )
