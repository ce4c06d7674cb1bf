"""Failures: by cause, by source, by file; taking them elsewhere as data."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.observe.files_list import ACCEPTED, source_range, storable, timestamp
from console.engine.records.model import Verdict
from console.engine.text import visible

PAGE = 200
BY = ("cause", "source", "file")
FORMS = ("jsonl", "csv")
MANY = 500  # paths in one statement
_COLUMNS = (
    "file",
    "source",
    "kind",
    "cause",
    "record",
    "line",
    "field",
    "rule",
    "value",
    "message",
    "failing_since",
    "failed_at",
    "accepted_by",
    "accepted_until",
    "accepted_reason",
)


@dataclass(frozen=True, slots=True)
class FailureSelection:
    """Which remembered failures are meant; every part that is given narrows it. `everything` stands for all.

    paths: relative to the root. cause: as listed (`required:date`). source: a source's name. pattern: a part
    of the path, or a glob with `*`, `?` or `[`, over the path below the root. judged_by: only those whose last
    judge was this run (its seq); 0: whoever it was.
    """

    paths: tuple[str, ...] = ()
    cause: str = ""
    source: str = ""
    pattern: str = ""
    everything: bool = False
    judged_by: int = 0

    @property
    def empty(self) -> bool:
        return not (self.paths or self.cause or self.source or self.pattern or self.everything)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that have a cause or a source in common.

    key: the cause or the source. files, records, errors: how many. accepted: files of these that somebody
    answered for. since_run, since: the run (id) in which the first of them began to fail, and when that
    started (UTC).
    """

    key: str
    files: int
    records: int
    errors: int
    accepted: int
    since_run: str
    since: str


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failing file. kind: records, unreadable, name, changed-while-read, damaged, ... cause: the one
    with the most records; causes: how many there are. published: a copy of an earlier version stands."""

    path: str
    source: str
    kind: str
    records: int
    failed_records: int
    errors: int
    cause: str
    causes: int
    failed_at: str
    run: str
    since_run: str
    published: bool
    accepted: bool
    accepted_by: str
    accepted_until: str
    accepted_reason: str


def matching(ctx: Context, selection: FailureSelection) -> tuple[str, dict[str, Any]]:
    """The condition on `failures x`, without the paths."""
    where: list[str] = ["1"]
    values: dict[str, Any] = {}
    if selection.cause:
        where.append("EXISTS (SELECT 1 FROM failure_causes c WHERE c.failure = x.id AND c.cause = :cause)")
        values["cause"] = storable(selection.cause)
    if selection.source:
        where.append(f"x.source = :source AND {source_range(ctx, selection.source, values, 'x')}")
        values["source"] = storable(selection.source)
    if selection.pattern:
        if any(char in selection.pattern for char in "*?["):
            where.append("(x.path GLOB :pattern OR x.path GLOB '*/' || :pattern)")
        else:
            where.append("instr(lower(x.path), lower(:pattern)) > 0")
        values["pattern"] = storable(selection.pattern)
    if selection.judged_by:
        where.append("x.last_run = :judged_by")
        values["judged_by"] = selection.judged_by
    return " AND ".join(where), values


def path_sets(selection: FailureSelection) -> Iterator[tuple[str, dict[str, str]]]:
    """The condition on paths, in pieces that fit into a statement."""
    if not selection.paths:
        yield "1", {}
        return
    for start in range(0, len(selection.paths), MANY):
        chosen = {f"p{n}": storable(path) for n, path in enumerate(selection.paths[start : start + MANY])}
        yield f"x.path IN ({', '.join(':' + name for name in chosen)})", chosen


def list_failures(
    ctx: Context,
    by: str = "cause",
    *,
    selection: FailureSelection | None = None,
    accepted: bool | None = None,
    after: str = "",
    limit: int = PAGE,
) -> list[FailureGroup] | list[FailureRow]:
    """Remembered failures: FailureGroup by cause or by source, most files first; FailureRow by file, by path.

    selection: only these (its `paths` count by file only). accepted: only those that somebody answered for,
    or only the others. after: the path behind which a page of files begins. Raises UsageError for another
    `by`, LedgerError.
    """
    if by not in BY:
        raise UsageError(f"failures are not listed by {by!r}", next_step="one of: " + ", ".join(BY))
    where, values = matching(ctx, selection or FailureSelection())
    if accepted is not None:
        where += f" AND {'' if accepted else 'NOT '}({ACCEPTED})"
    values |= {"now": timestamp(ctx.env.now()), "limit": limit, "after": storable(after)}
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        if by == "file":
            return _by_file(connection, where, values, selection or FailureSelection())
        return _grouped(connection, by, where, values, selection or FailureSelection())


def _grouped(
    connection: sqlite3.Connection, by: str, where: str, values: dict[str, Any], selection: FailureSelection
) -> list[FailureGroup]:
    key, table, records, errors = "x.source", "failures x", "x.failed_records", "x.errors"
    if by == "cause":
        key, records, errors = "c.cause", "c.records", "c.errors"
        table = "failure_causes c JOIN failures x ON x.id = c.failure"
        if selection.cause:
            where += " AND c.cause = :cause"
    rows = connection.execute(
        f"""SELECT g.*, coalesce(r.id, '') AS since_run, coalesce(r.started_at, '') AS since FROM
        (SELECT {key} AS key, count(*) AS files, sum({records}) AS records, sum({errors}) AS errors,
         sum({ACCEPTED}) AS accepted, min(x.first_run) AS first FROM {table} WHERE {where}
         GROUP BY {key} ORDER BY files DESC, key LIMIT :limit) g
        LEFT JOIN runs r ON r.seq = g.first ORDER BY g.files DESC, g.key""",
        values,
    )
    return [
        FailureGroup(
            row["key"],
            row["files"],
            row["records"],
            row["errors"],
            row["accepted"],
            row["since_run"],
            row["since"],
        )
        for row in rows
    ]


def _by_file(
    connection: sqlite3.Connection, where: str, values: dict[str, Any], selection: FailureSelection
) -> list[FailureRow]:
    found: list[FailureRow] = []
    for paths, chosen in path_sets(selection):
        rows = connection.execute(
            f"""SELECT x.*, {ACCEPTED} AS accepted, EXISTS (SELECT 1 FROM files f WHERE f.path = x.path
            AND f.status <> 'held') AS published, coalesce((SELECT cause FROM failure_causes c
            WHERE c.failure = x.id ORDER BY records DESC, errors DESC, cause LIMIT 1), '') AS cause,
            (SELECT count(*) FROM failure_causes c WHERE c.failure = x.id) AS causes,
            coalesce((SELECT id FROM runs WHERE seq = x.last_run), '') AS run_id,
            coalesce((SELECT id FROM runs WHERE seq = x.first_run), '') AS since_run
            FROM failures x WHERE {where} AND {paths} AND x.path > :after ORDER BY x.path LIMIT :limit""",
            values | chosen,
        )
        found.extend(_failure_row(row) for row in rows)
    return sorted(found, key=lambda row: row.path)[: values["limit"]]


def _failure_row(row: sqlite3.Row) -> FailureRow:
    return FailureRow(
        row["path"],
        row["source"],
        row["kind"],
        row["records"],
        row["failed_records"],
        row["errors"],
        row["cause"],
        row["causes"],
        row["failed_at"],
        row["run_id"],
        row["since_run"],
        bool(row["published"]),
        bool(row["accepted"]),
        row["accepted_by"] or "",
        row["accepted_until"] or "",
        row["accepted_reason"] or "",
    )


def export(ctx: Context, selection: FailureSelection | None = None, form: str = "jsonl") -> Iterator[str]:
    """Remembered failures as lines without their newline: one for each error of each kept record.

    form jsonl: one JSON object a line, ASCII. csv: RFC 4180 with a header row; control characters are made
    visible, and a cell that a spreadsheet would take for a formula begins with an apostrophe. Raises
    UsageError for another form, LedgerError.
    """
    if form not in FORMS:
        raise UsageError(f"failures are not exported as {form!r}", next_step="one of: " + ", ".join(FORMS))
    if form == "csv":
        yield ",".join(_COLUMNS)
    for document in _errors(ctx, selection or FailureSelection()):
        yield json.dumps(document) if form == "jsonl" else _csv_line(document)


def _errors(ctx: Context, selection: FailureSelection) -> Iterator[dict[str, Any]]:
    where, values = matching(ctx, selection)
    values["now"] = timestamp(ctx.env.now())
    after = ""
    while True:
        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                return
            rows = []
            for paths, chosen in path_sets(selection):
                rows += connection.execute(
                    f"""SELECT x.*, {ACCEPTED} AS accepted, coalesce((SELECT id FROM runs WHERE seq = x.first_run),
                    '') AS since_run FROM failures x WHERE {where} AND {paths} AND x.path > :after
                    ORDER BY x.path LIMIT 50""",
                    values | chosen | {"after": after},
                ).fetchall()
        rows = sorted(rows, key=lambda row: row["path"])[:50]
        if not rows:
            return
        for row in rows:
            yield from _file_errors(row)
        after = rows[-1]["path"]


def _file_errors(row: sqlite3.Row) -> Iterator[dict[str, Any]]:
    """One document for each error of a failing file; one for the file where no record tells."""
    stored = json.loads(row["verdict"])
    whole = {
        "file": row["path"],
        "source": row["source"],
        "kind": row["kind"],
    }
    about = {
        "failing_since": row["since_run"],
        "failed_at": row["failed_at"],
        "accepted_by": row["accepted_by"] if row["accepted"] else None,
        "accepted_until": row["accepted_until"] if row["accepted"] else None,
        "accepted_reason": row["accepted_reason"] if row["accepted"] else None,
    }
    verdict = Verdict.from_json(stored) if "ok" in stored else None
    if verdict is None or not verdict.failing:
        reason = verdict.reason() if verdict else str(stored.get("reason", ""))
        yield {
            **whole,
            "cause": row["kind"],
            "record": None,
            "line": None,
            "field": "",
            "rule": row["kind"],
            "value": "",
            "message": reason,
            **about,
        }
        return
    for record in verdict.failing:
        for error in record.errors:
            yield {
                **whole,
                "cause": error.cause,
                "record": record.number,
                "line": record.line or None,
                "field": error.field,
                "rule": error.rule,
                "value": error.value,
                "message": error.message,
                **about,
            }


def _csv_line(document: dict[str, Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([csv_cell(document[name]) for name in _COLUMNS])
    return out.getvalue()


def csv_cell(value: Any) -> str:
    """A value as text that neither a terminal nor a spreadsheet acts on."""
    if value is None:
        return ""
    text = visible(str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not isinstance(value, int) else text
