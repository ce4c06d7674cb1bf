"""What the ledger knows of files: lists by page, one file with its history. Reads only; works without a
ledger.

A list says what the ledger says. What only the disk can tell (`missing`, `changed`) is looked up for the one
file that is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.engine.actions.verify.model import IS_BAD
from console.engine.context import Context
from console.engine.errors import ConfigurationError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import FileStatus

PAGE = 200  # rows of a list

# Statuses that the ledger alone can tell, in the order of a list of counts.
LISTED = (
    FileStatus.PROCESSED,
    FileStatus.REVALIDATED,
    FileStatus.STALE,
    FileStatus.NEW,
    FileStatus.FAILED,
    FileStatus.ACCEPTED,
    FileStatus.DAMAGED,
    FileStatus.HELD,
    FileStatus.ADOPTED,
    FileStatus.ARCHIVED,
)


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps runs from publishing a file: who took it back, when (UTC), with which run (id), and why."""

    by: str
    at: str
    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file as the ledger has it. Paths relative to the root; times UTC ISO 8601 as in the ledger.

    status: processed, revalidated, stale, new (its entry was taken out of the state file), failed, accepted,
    damaged, held, adopted, archived. published: a copy stands at `dest`, be it of an earlier version.
    records: as last judged. at, run: when and by which run (id) it was last judged. cause: the cause with
    the most records, '' where none. size in bytes. hold: where a rollback holds it.
    """

    path: str
    source: str
    status: FileStatus
    published: bool
    dest: str
    size: int
    records: int
    failed_records: int
    errors: int
    cause: str
    at: str
    run: str
    reason: str = ""
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page of a list; `next_after` is the `after` of the next one, '' at the end."""

    rows: tuple[FileRow, ...]
    next_after: str = ""


def timestamp(moment: datetime) -> str:
    """The ledger's form of a UTC time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def storable(text: str) -> str:
    """A name as the ledger keeps it: bytes that are no UTF-8 as `\\udcNN`, as a migrate writes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def current_rules(ctx: Context, connection: sqlite3.Connection) -> list[int] | None:
    """Ids of the rules of today's configuration that the ledger knows; None where the rules do not load."""
    from console.engine.records.rules import load_rules

    try:
        rules = load_rules(ctx.workspace.root, ctx.settings)
    except ConfigurationError:
        return None
    if rules.problems:
        return None
    known = dict(connection.execute("SELECT fingerprint, id FROM rules").fetchall())
    return [known[rule.fingerprint] for rule in rules.rules if rule.fingerprint in known]


ACCEPTED = "x.accepted_at IS NOT NULL AND coalesce(x.accepted_until > :now, 1)"


_FAILURE = f"""CASE WHEN x.id IS NULL THEN NULL WHEN {ACCEPTED} THEN 'accepted' WHEN x.kind = 'damaged' THEN 'damaged'
    ELSE 'failed' END"""
_FAILED = """coalesce(x.failed_records, 0) AS failed_records, coalesce(x.errors, 0) AS errors,
    (SELECT cause FROM failure_causes c WHERE c.failure = x.id ORDER BY c.records DESC, c.errors DESC, cause
     LIMIT 1) AS cause"""
_HELD_IDS = 1 << 40  # ids of failures are below it
_HOLD = "LEFT JOIN holds h ON h.path = {}.path"
_PUBLISHED_FROM = f"files f LEFT JOIN failures x ON x.path = f.path {_HOLD.format('f')}"
_FAILED_FROM = f"failures x {_HOLD.format('x')}"
_OF_FAILURES = (FileStatus.FAILED, FileStatus.ACCEPTED)  # only a remembered failure gives a file this status
_FAILED_ONLY = "NOT EXISTS (SELECT 1 FROM files f WHERE f.path = x.path)"
# Taken back and never published before, or a sidecar.
_HELD_ONLY = """NOT EXISTS (SELECT 1 FROM files f WHERE f.path = h.path)
    AND NOT EXISTS (SELECT 1 FROM failures x WHERE x.path = h.path)"""
_HOLD_COLUMNS = """h.by AS hold_by, h.at AS hold_at, h.reason AS hold_reason,
    coalesce((SELECT id FROM runs WHERE seq = h.run), '') AS hold_run"""


# What the last verify found not whole: the published copy, or the raw file itself.
_BAD_PLACES = f"(SELECT path FROM verified WHERE {IS_BAD})"
_DAMAGED = f"(f.dest IN {_BAD_PLACES} OR f.path IN {_BAD_PLACES})"


def _status(stale: list[int] | None) -> str:
    """The status of a row of `files`, as SQL. stale: ids of today's rules."""
    rules = f"OR f.rule NOT IN ({', '.join(str(number) for number in stale)})" if stale is not None else ""
    return f"""coalesce({_FAILURE}, CASE WHEN h.path IS NOT NULL THEN 'held'
        WHEN f.status <> 'processed' THEN f.status WHEN {_DAMAGED} THEN 'damaged' WHEN f.mirrored = 0 THEN 'new'
        WHEN (0 {rules}) THEN 'stale' WHEN f.judged_run > f.run THEN 'revalidated' ELSE 'processed' END)"""


def file_queries(stale: list[int] | None, where: str, status: str = "") -> tuple[str, str]:
    """Two queries with the same columns: files that are published, and those that are not (id below 0): they only
    ever failed, or a rollback took them back wholly.

    Each in the order of paths, so that a LIMIT behind it ends it early. stale: ids of today's rules. where: a
    condition, `§` standing for either table. status: of only these. Needs the value `now`, and `status` if
    given.
    """
    chosen = [f"AND {expression} = :status" if status else "" for expression in (_status(stale), _FAILURE)]
    # A common status is met soon in the order of paths; a rare one is found faster by reading the table as
    # it lies.
    order = "f.path" if status in ("", FileStatus.PROCESSED) else "+f.path"
    table = _PUBLISHED_FROM
    if status in _OF_FAILURES:
        table = f"failures x CROSS JOIN files f ON f.path = x.path {_HOLD.format('f')}"
    elif status == FileStatus.HELD:  # a few: the table of holds leads
        table, order = "holds h CROSS JOIN files f ON f.path = h.path LEFT JOIN failures x ON x.path = f.path", "f.path"
    run = "coalesce((SELECT id FROM runs WHERE seq = {}), '') AS run"
    held = where.replace("§.id", f"({_HELD_IDS} + h.id)")
    return (
        f"""SELECT f.id AS id, f.path AS path, f.source AS source, {_status(stale)} AS status,
        f.status <> 'held' AS published,
        f.dest AS dest, coalesce(x.size, f.size) AS size, coalesce(x.records, f.records) AS records, {_FAILED},
        coalesce(x.failed_at, (SELECT ended_at FROM runs r WHERE r.seq = f.judged_run), f.processed_at) AS at,
        {run.format("coalesce(x.last_run, nullif(f.judged_run, 0), f.run)")}, '' AS reason, {_HOLD_COLUMNS}
        FROM {table} WHERE {where.replace("§", "f")} {chosen[0]} ORDER BY {order}""",
        f"""SELECT -x.id AS id, x.path AS path, x.source AS source, {_FAILURE} AS status, 0 AS published, '' AS dest,
        x.size AS size, x.records AS records, {_FAILED}, x.failed_at AS at, {run.format("x.last_run")}, '' AS reason,
        {_HOLD_COLUMNS}
        FROM {_FAILED_FROM} WHERE {_FAILED_ONLY} AND {where.replace("§", "x")} {chosen[1]}
        UNION ALL SELECT {-_HELD_IDS} - h.id AS id, h.path AS path, h.source AS source, 'held' AS status,
        0 AS published, '' AS dest, h.size AS size,
        0 AS records, 0 AS failed_records, 0 AS errors, NULL AS cause, h.at AS at, {run.format("h.run")}, '' AS reason,
        {_HOLD_COLUMNS} FROM holds h WHERE {_HELD_ONLY} AND {held.replace("§", "h")}
        {"AND :status = 'held'" if status else ""} ORDER BY path""",
    )


def _like(text: str) -> str:
    """A text to be found anywhere, as LIKE wants it."""
    for char in "\\%_":
        text = text.replace(char, "\\" + char)
    return f"%{text}%"


def source_range(ctx: Context, source: str, values: dict[str, Any], table: str = "§") -> str:
    """The paths of a source as a range, which the index of paths finds; its bounds go into `values`."""
    if source == ".":
        return "1"
    folder = storable(f"{ctx.settings.zones.raw.rstrip('/')}/{source}")
    values |= {"low": folder + "/", "high": folder + "0"}  # 0 is the character behind /
    return f"{table}.path >= :low AND {table}.path < :high"


def selection(ctx: Context, source: str, filter: str, after: str) -> tuple[str, dict[str, Any]]:
    """The condition of a list, `§` standing for the table, and its values."""
    where, values = ["1"], {"now": timestamp(ctx.env.now())}
    chosen: dict[str, Any] = dict(values)
    if source:
        where.append(f"§.source = :source AND {source_range(ctx, source, chosen)}")
        chosen["source"] = storable(source)
    if after:
        where.append("§.path > :after")
        chosen["after"] = storable(after)
    if filter and any(char in filter for char in "*?["):
        where.append("§.path GLOB :filter")
        chosen["filter"] = storable(filter) if filter.startswith("*") else f"*{storable(filter)}"
    elif filter:
        where.append("§.path LIKE :filter ESCAPE '\\'")
        chosen["filter"] = _like(storable(filter))
    return " AND ".join(where), chosen


def status_filter(status: str) -> str:
    """A status as the lists have it. Raises UsageError."""
    if status == FileStatus.KNOWN_FAILED:
        return FileStatus.FAILED.value
    if status and status not in {listed.value for listed in LISTED}:
        if status in {known.value for known in FileStatus}:
            raise UsageError(
                f"a list cannot be made by the status {status}: only the disk knows it",
                next_step="`opsconsole migrate --dry-run` looks at the disk; `opsconsole explain FILE` at one file",
            )
        raise UsageError(
            f"there is no status {status!r}", next_step="one of: " + ", ".join(listed.value for listed in LISTED)
        )
    return status


def list_files(
    ctx: Context, *, status: str = "", source: str = "", filter: str = "", after: str = "", limit: int = PAGE
) -> FilePage:
    """Files of the ledger in the order of their paths, `limit` of them behind the path `after`.

    status: one of LISTED (known-failed is failed). filter: a part of the path, whatever its case; a glob
    when it holds `*`, `?` or `[`. Raises UsageError for a status that no list has, LedgerError.
    """
    wanted = status_filter(status)
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return FilePage(())
        where, values = selection(ctx, source, filter, after)
        values |= {"status": wanted, "limit": limit + 1}
        found = []
        for query in file_queries(current_rules(ctx, connection), where, wanted):
            found += connection.execute(f"{query} LIMIT :limit", values).fetchall()
    found.sort(key=lambda row: row["path"].encode())  # as SQLite compares
    rows = tuple(file_row(row) for row in found[:limit])
    return FilePage(rows, rows[-1].path if len(found) > limit else "")


def file_row(row: sqlite3.Row) -> FileRow:
    """A row of `file_queries`."""
    return FileRow(
        row["path"],
        row["source"],
        FileStatus(row["status"]),
        bool(row["published"]),
        row["dest"],
        row["size"],
        row["records"],
        row["failed_records"],
        row["errors"],
        row["cause"] or "",
        row["at"],
        row["run"],
        row["reason"],
        hold_of(row),
    )


def hold_of(row: sqlite3.Row) -> Hold | None:
    """The hold in a row of `file_queries`; None where there is none."""
    if row["hold_at"] is None:
        return None
    return Hold(row["hold_by"], row["hold_at"], row["hold_run"], row["hold_reason"])


def every_file(ctx: Context, *, status: str = "", source: str = "", filter: str = "") -> Iterator[FileRow]:
    """All of them, read by pages."""
    after = ""
    while True:
        page = list_files(ctx, status=status, source=source, filter=filter, after=after, limit=2000)
        yield from page.rows
        if not page.next_after:
            return
        after = page.next_after


def count_files(ctx: Context, *, source: str = "", filter: str = "") -> dict[FileStatus, int]:
    """How many files of each status, in the order of LISTED, those that are none left out."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return {}
        where, values = selection(ctx, source, filter, "")
        counted = connection.execute(
            f"""SELECT status, count(*) FROM (SELECT {_status(current_rules(ctx, connection))} AS status
            FROM {_PUBLISHED_FROM} WHERE {where.replace("§", "f")} UNION ALL SELECT {_FAILURE}
            FROM {_FAILED_FROM} WHERE {_FAILED_ONLY} AND {where.replace("§", "x")} UNION ALL SELECT 'held'
            FROM holds h WHERE {_HELD_ONLY} AND {where.replace("§", "h")}) GROUP BY status""",
            values,
        )
        found = dict(counted.fetchall())
    return {status: found[status.value] for status in LISTED if status.value in found}
