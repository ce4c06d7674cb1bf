"""One file: what the ledger knows of it, its history over runs, and what stat says of it now."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from dataclasses import dataclass, replace

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.model import FileStatus, Identity, Outcome
from console.engine.observe.files_list import (
    ACCEPTED,
    FileRow,
    Hold,
    current_rules,
    file_queries,
    file_row,
    storable,
    timestamp,
)
from console.engine.records.model import Verdict


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """What one run did to a file."""

    run: str
    action: str
    at: str  # when that run started
    who: str
    outcome: Outcome
    size: int
    sha256: str
    replaced_sha256: str
    backup: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who answered for a failure, when, why and until when ('' : until source or rule changes)."""

    by: str
    at: str
    reason: str
    until: str
    valid: bool


@dataclass(frozen=True, slots=True)
class Released:
    """A hold that was taken away: what it was, and who let the file go, when and why."""

    hold: Hold
    by: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileDetail:
    """Everything the ledger knows of one file, and what stat says of it now.

    row.status is `missing` or `changed` where the disk says so; `held` while source and rule are those that were
    held. hold_then: the source as it was held. released: the last hold that somebody took away.
    source_now, dest_now: None where there is no
    file. source_then, dest_then: as the ledger remembers them, None where it does not. verdict: of the
    remembered failure. history: newest first.
    """

    row: FileRow
    sha256: str
    format: str
    columns: tuple[str, ...]
    rule: str
    rule_fingerprint: str
    processed_at: str
    published_by: str  # run id
    mirrored: bool
    source_now: Identity | None
    source_then: Identity | None
    dest_now: Identity | None
    dest_then: Identity | None
    failure_kind: str = ""
    verdict: Verdict | None = None
    failing_since: str = ""  # run id
    accepted: Acceptance | None = None
    hold_then: Identity | None = None
    hold_rule_stands: bool = True  # whether the rule that judged it then is one of today's
    released: Released | None = None
    history: tuple[HistoryRow, ...] = ()


def identity_at(path: str | os.PathLike[str]) -> Identity | None:
    """What stat says of a regular file; None where none is there or it cannot be seen."""
    try:
        facts = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Identity(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def raw_path(ctx: Context, given: str) -> str:
    """The raw file that an operator means: a path in the raw zone, in the validated zone, or below a source.

    Relative to the root. Raises UsageError for a path outside the root.
    """
    zones = ctx.settings.zones
    raw, validated = zones.raw.rstrip("/") + "/", zones.validated.rstrip("/") + "/"
    path = ctx.workspace.confine(given, zones=(zones.raw, zones.validated))
    if path.startswith(validated):
        return raw + path[len(validated) :]
    if path.startswith(raw) or os.path.lexists(ctx.workspace.path(path)):
        below = raw + path
        return below if not path.startswith(raw) and os.path.lexists(ctx.workspace.path(below)) else path
    source = path.partition("/")[0]  # a file that is there no more is meant so too, where its source is
    return raw + path if os.path.isdir(ctx.workspace.path(raw + source)) else path


def show_file(ctx: Context, given: str, *, history: int = 50) -> FileDetail:
    """One file with its history over runs, `history` of them. Raises UsageError when the ledger does not
    know it.
    """
    path = raw_path(ctx, given)
    with reading(ctx.workspace.ledger) as connection:
        detail = find_detail(ctx, connection, path, history) if connection is not None else None
    if detail is None:
        raise UsageError("the ledger knows no such file", file=path, next_step=f"opsconsole explain {given} says why")
    return detail


def find_detail(ctx: Context, connection: sqlite3.Connection, path: str, history: int = 50) -> FileDetail | None:
    """As show_file, for a path relative to the root; None when the ledger does not know it."""
    on_disk, path = path, storable(path)
    values = {"now": timestamp(ctx.env.now()), "path": path}
    row, rules = None, current_rules(ctx, connection)
    for query in file_queries(rules, "§.path = :path"):
        row = row or connection.execute(query, values).fetchone()
    if row is None:
        return None
    file = connection.execute(
        "SELECT f.*, (SELECT id FROM runs WHERE seq = f.run) AS by FROM files f WHERE path = ?", [path]
    ).fetchone()
    failure = connection.execute(
        f"""SELECT x.*, {ACCEPTED} AS valid, (SELECT id FROM runs WHERE seq = x.first_run) AS since
        FROM failures x WHERE path = :path""",
        values,
    ).fetchone()
    hold = connection.execute("SELECT *, '' AS sha256 FROM holds WHERE path = ?", [path]).fetchone()
    known = failure or file or hold
    rule = connection.execute("SELECT name, fingerprint FROM rules WHERE id = ?", [known["rule"]]).fetchone()
    published = bool(row["published"])
    told = _history(connection, path, history)
    detail = FileDetail(
        replace(file_row(row), reason=told[0].reason if told else ""),
        known["sha256"],
        file["format"] if file else "",
        tuple(json.loads(file["columns"])) if file and file["columns"] else (),
        rule["name"] if rule else "",
        rule["fingerprint"] if rule else "",
        file["processed_at"] if file else "",
        (file["by"] or "") if file else "",
        bool(file and file["mirrored"]),
        identity_at(ctx.workspace.path(on_disk)),
        Identity(known["size"], known["mtime_ns"], known["inode"]),
        identity_at(ctx.workspace.path(file["dest"])) if file else None,
        Identity(file["dest_size"], file["dest_mtime_ns"], file["dest_inode"]) if published else None,
        hold_then=Identity(hold["size"], hold["mtime_ns"], hold["inode"]) if hold else None,
        hold_rule_stands=hold is None or hold["rule"] is None or rules is None or hold["rule"] in rules,
        released=released_from(connection, path),
        history=told,
    )
    if failure is not None:
        detail = _with_failure(detail, failure)
    return _as_on_disk(detail)


def released_from(connection: sqlite3.Connection, path: str) -> Released | None:
    """The last hold of this file that was taken away; None where there was none."""
    row = connection.execute(
        "SELECT r.*, coalesce((SELECT id FROM runs WHERE seq = r.run), '') AS run_id FROM released r WHERE path = ?"
        " ORDER BY at DESC LIMIT 1",
        [path],
    ).fetchone()
    if row is None:
        return None
    hold = Hold(row["held_by"], row["held_at"], row["run_id"], row["held_reason"])
    return Released(hold, row["by"], row["at"], row["reason"])


def _with_failure(detail: FileDetail, failure: sqlite3.Row) -> FileDetail:
    document = json.loads(failure["verdict"])
    accepted = None
    if failure["accepted_at"]:
        accepted = Acceptance(
            failure["accepted_by"] or "",
            failure["accepted_at"],
            failure["accepted_reason"] or "",
            failure["accepted_until"] or "",
            bool(failure["valid"]),
        )
    return replace(
        detail,
        failure_kind=failure["kind"],
        verdict=Verdict.from_json(document) if "ok" in document else None,
        failing_since=failure["since"] or "",
        accepted=accepted,
    )


def _as_on_disk(detail: FileDetail) -> FileDetail:
    """The status corrected by what stat says: a copy that is not there, a source that moved on."""
    status = detail.row.status
    if status == FileStatus.HELD and detail.hold_then is not None:
        ended = not detail.hold_rule_stands
        ended = ended or (detail.source_now is not None and not _same(detail.source_now, detail.hold_then))
        if ended:
            status = FileStatus.CHANGED if detail.row.published else FileStatus.NEW
    elif detail.row.published and detail.dest_now is None:
        status = FileStatus.MISSING
    elif detail.source_now is not None and not _same(detail.source_now, detail.source_then):
        status = FileStatus.CHANGED
    elif status == FileStatus.FAILED and detail.source_now == detail.source_then:
        status = FileStatus.KNOWN_FAILED
    return replace(detail, row=replace(detail.row, status=status))


def _same(now: Identity, then: Identity | None) -> bool:
    """Whether stat tells the same file. The ledger has an inode of -1 where the next run looks again in any
    case: it was read too soon after it was written, or could not be read."""
    if then is None:
        return False
    return now == then or (then.inode == -1 and (now.size, now.mtime_ns) == (then.size, then.mtime_ns))


def _history(connection: sqlite3.Connection, path: str, limit: int) -> tuple[HistoryRow, ...]:
    rows = connection.execute(
        "SELECT o.*, r.id AS run_id, r.action, r.started_at, r.who FROM outcomes o LEFT JOIN runs r ON r.seq = o.run"
        " WHERE o.path = ? ORDER BY o.id DESC LIMIT ?",
        [path, limit],
    )
    return tuple(
        HistoryRow(
            row["run_id"] or "",
            row["action"] or "",
            row["started_at"] or "",
            json.loads(row["who"]).get("login", "") if row["who"] else "",
            Outcome(row["outcome"]),
            row["size"],
            row["sha256"],
            row["replaced_sha256"],
            row["backup"],
            row["reason"],
        )
        for row in rows
    )
