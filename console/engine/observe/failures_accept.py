"""Answering for failures: who, why, until when; what was answered for before stays as it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from console.engine.context import Context
from console.engine.errors import ReadOnlyError, UsageError
from console.engine.ledger.beside import writing_beside
from console.engine.ledger.store import is_made, reading
from console.engine.observe.failures import (
    MANY,
    FailureRow,
    FailureSelection,
    list_failures,
    matching,
    path_sets,
)
from console.engine.observe.files_list import ACCEPTED, storable, timestamp
from console.engine.reasons import check_reason


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an acceptance did. rows: the files accepted by it, by path. already: files of the selection that
    somebody had answered for before and that were left alone.
    """

    rows: list[FailureRow]
    already: int


def accept(
    ctx: Context, selection: FailureSelection, reason: str, until: datetime | None = None, *, again: bool = False
) -> Accepted:
    """Answer for failures: they no longer make an exit status 1, until source or rule changes or `until`
    (aware) comes.

    One short transaction beside whatever runs. again: replace what stands accepted too, its reason is lost.
    Raises UsageError (nothing selected, none found, no reason, a time that is past), ReadOnlyError,
    LedgerError.
    """
    _check(ctx, selection, reason, until)
    now, who = ctx.env.now(), ctx.env.who
    values = {
        "by": who.login or who.user,
        "at": timestamp(now),
        "reason": storable(reason.strip()),
        "until": None if until is None else timestamp(until.astimezone(UTC)),
        "now": timestamp(now),
    }
    paths, already = _record(ctx, selection, values, again)
    if not paths and not already:
        raise UsageError("no remembered failure is like that", next_step="`opsconsole failures list` shows them")
    found: list[FailureRow] = []
    for start in range(0, len(paths), MANY):
        rows = list_failures(ctx, "file", selection=FailureSelection(tuple(paths[start : start + MANY])), limit=MANY)
        found += [row for row in rows if isinstance(row, FailureRow)]
    return Accepted(sorted(found, key=lambda row: row.path), already)


def _check(ctx: Context, selection: FailureSelection, reason: str, until: datetime | None) -> None:
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything")
    if selection.empty:
        raise UsageError("name the failures to accept", next_step="by file, --cause, --source or --all")
    check_reason(reason, "accepting failures needs a reason")
    if until is not None and until <= ctx.env.now():
        raise UsageError(f"that time is past: {until:%Y-%m-%d %H:%M}", next_step="name a later one, or none")
    if not is_made(ctx.workspace.ledger):
        raise UsageError("there are no failures: there is no ledger yet", next_step="opsconsole migrate")


def _record(
    ctx: Context, selection: FailureSelection, values: dict[str, str | None], again: bool
) -> tuple[list[str], int]:
    """The paths accepted now, and how many stood accepted and were left alone."""
    where, chosen = matching(ctx, selection)
    paths: list[str] = []
    already = 0
    failed = "the failures could not be accepted"
    with writing_beside(ctx.workspace.ledger, failed, untouched="all failures") as connection:
        for condition, names in path_sets(selection):
            bound, meant = values | chosen | names, f"{where} AND {condition}"
            if not again:
                standing = f"SELECT count(*) FROM failures x WHERE {meant} AND {ACCEPTED}"
                already += connection.execute(standing, bound).fetchone()[0]
                meant += f" AND NOT ({ACCEPTED})"
            rows = connection.execute(
                f"""UPDATE failures AS x SET accepted_by = :by, accepted_at = :at, accepted_reason = :reason,
                accepted_until = :until WHERE {meant} RETURNING path""",
                bound,
            )
            paths += [row[0] for row in rows]
    return paths, already


def other_causes(ctx: Context, rows: list[FailureRow], cause: str) -> list[tuple[str, int]]:
    """What else these files fail for beside `cause`, with how many of them; most files first."""
    found: Counter[str] = Counter()
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return []
        selection = FailureSelection(tuple(row.path for row in rows if row.causes > 1))
        if not selection.paths:
            return []
        for condition, names in path_sets(selection):
            counted = connection.execute(
                f"""SELECT c.cause, count(*) FROM failures x JOIN failure_causes c ON c.failure = x.id
                WHERE {condition} AND c.cause <> :cause GROUP BY c.cause""",
                names | {"cause": storable(cause)},
            )
            found.update({row[0]: row[1] for row in counted})
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))
