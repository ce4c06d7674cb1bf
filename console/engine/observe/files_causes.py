"""Groups of files: by the cause they fail for, with what changed before that began; and by source."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.observe.files_list import ACCEPTED, timestamp
from console.engine.records.words import cause_in_words

EXAMPLES = 3
GROUPS = 500  # that are listed


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Files that fail for one cause, most files first in a list of them.

    key: the cause (`required:date`); words: the same for reading. records, errors: failing for this cause. sources:
    how many. accepted: files that somebody answered for. since_run, since: the run (id) in which the first of them
    began to fail without a break, and when it started (UTC). examples: three paths. changed: what was different in
    that run from the one before, '' where nothing is known.
    """

    key: str
    words: str
    files: int
    records: int
    errors: int
    sources: int
    accepted: int
    since_run: str
    since: str
    examples: tuple[str, ...]
    changed: str


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """One source: files the ledger knows, those that fail, their records and errors; most failing first."""

    source: str
    files: int
    failing: int
    accepted: int
    records: int  # of the files that fail: how many of their records do
    errors: int


def cause_groups(ctx: Context, *, source: str = "") -> list[CauseGroup]:
    """What files fail for. source: of one source. Raises LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        where = "x.source = :source" if source else "1"
        values = {"now": timestamp(ctx.env.now()), "limit": GROUPS, "source": source}
        rows = connection.execute(
            f"""SELECT g.*, coalesce(r.id, '') AS since_run, coalesce(r.started_at, '') AS since FROM
            (SELECT c.cause AS key, count(*) AS files, sum(c.records) AS records, sum(c.errors) AS errors,
             count(DISTINCT x.source) AS sources, sum({ACCEPTED}) AS accepted, min(x.first_run) AS first
             FROM failure_causes c JOIN failures x ON x.id = c.failure WHERE {where}
             GROUP BY c.cause ORDER BY files DESC, key LIMIT :limit) g
            LEFT JOIN runs r ON r.seq = g.first ORDER BY g.files DESC, g.key""",
            values,
        ).fetchall()
        return [_cause(connection, row, where, values) for row in rows]


def _cause(connection: sqlite3.Connection, row: sqlite3.Row, where: str, values: dict[str, object]) -> CauseGroup:
    table = f"""failure_causes c JOIN failures x ON x.id = c.failure WHERE c.cause = :cause AND {where}"""
    values = values | {"cause": row["key"], "first": row["first"]}
    examples = connection.execute(f"SELECT x.path FROM {table} LIMIT {EXAMPLES}", values).fetchall()
    first = connection.execute(
        f"SELECT x.rule AS rule FROM {table} AND x.first_run = :first LIMIT 1", values
    ).fetchone()
    return CauseGroup(
        row["key"],
        cause_in_words(row["key"]),
        row["files"],
        row["records"],
        row["errors"],
        row["sources"],
        row["accepted"],
        row["since_run"],
        row["since"],
        tuple(each[0] for each in examples),
        _changed(connection, row["first"], first["rule"] if first else None),
    )


def _changed(connection: sqlite3.Connection, run: int, rule: int | None) -> str:
    """What was different in a run from the one before it: the rule of these files, the configuration."""
    before = connection.execute(
        "SELECT * FROM runs WHERE seq < ? AND action IN ('migrate', 'reprocess')"
        " AND status NOT IN ('refused', 'running') ORDER BY seq DESC LIMIT 1",
        [run],
    ).fetchone()
    if before is None:
        return ""
    if rule is not None:
        judged = connection.execute("SELECT name, first_run FROM rules WHERE id = ?", [rule]).fetchone()
        if judged is not None and judged["first_run"] > before["seq"]:
            older = connection.execute(
                "SELECT count(*) FROM rules WHERE name = ? AND first_run <= ?", [judged["name"], before["seq"]]
            ).fetchone()[0]
            name = judged["name"].rsplit("/", 1)[-1]
            return f"schema changed: {name}" if older else f"rule is new: {name}"
    here = connection.execute("SELECT settings_digest FROM runs WHERE seq = ?", [run]).fetchone()
    if here is not None and here[0] and before["settings_digest"] and here[0] != before["settings_digest"]:
        return "configuration changed"
    return ""


def source_groups(ctx: Context) -> list[SourceGroup]:
    """Every source that the ledger knows. Raises LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        found: dict[str, list[int]] = {}
        failing = connection.execute(
            f"""SELECT x.source, count(*), sum({ACCEPTED}), sum(x.failed_records), sum(x.errors),
            sum(NOT EXISTS (SELECT 1 FROM files f WHERE f.path = x.path)) FROM failures x GROUP BY x.source""",
            {"now": timestamp(ctx.env.now())},
        )
        for source, files, accepted, records, errors, unpublished in failing:
            found[source] = [unpublished, files, accepted, records, errors]
        for source, files in connection.execute("SELECT source, count(*) FROM files GROUP BY source"):
            found.setdefault(source, [0, 0, 0, 0, 0])[0] += files
    groups = [SourceGroup(source, *numbers) for source, numbers in found.items()]
    return sorted(groups, key=lambda group: (-group.failing, -group.files, group.source))
