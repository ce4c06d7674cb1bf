"""Letting held files go: the next run may publish them again. Who, when and why is kept."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.errors import ReadOnlyError, UsageError
from console.engine.ledger.beside import writing_beside
from console.engine.ledger.store import is_made, version_of
from console.engine.observe.files_list import storable, timestamp
from console.engine.reasons import check_reason
from console.engine.runs.query import find_run_in

HOLDS_SINCE = 3  # the version of the ledger that brought holds
_MANY = 500  # names in one statement
_INTO = (
    "INSERT OR REPLACE INTO released (path, run, held_at, held_by, held_reason, at, by, reason, after_run)"
    " SELECT path, run, at, by, reason, :at, :who, :why, (SELECT coalesce(max(seq), 0) FROM runs) FROM holds WHERE "
)


@dataclass(frozen=True, slots=True)
class Release:
    """Which holds. files: raw paths relative to the root. run: the rollback that holds, or the run that it took
    back; as typed. everything: all of them."""

    files: tuple[str, ...] = ()
    run: str = ""
    everything: bool = False


def release(ctx: Context, selection: Release, reason: str) -> list[str]:
    """Take holds away, in one short transaction beside whatever runs; the paths let go, in order.

    Raises UsageError (nothing chosen, no reason, a file that is not held, no such run), ReadOnlyError, LedgerError.
    """
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything")
    if [bool(selection.files), bool(selection.run), selection.everything].count(True) != 1:
        raise UsageError("name the files to release, or --run, or --all", untouched="every hold")
    reason = check_reason(reason, "releasing a file needs a reason", untouched="every hold")
    if not is_made(ctx.workspace.ledger):
        raise UsageError("nothing is held: there is no ledger yet", untouched="everything")
    who = ctx.env.who
    values = {"at": timestamp(ctx.env.now()), "who": who.login or who.user, "why": storable(reason)}
    failed = "the holds could not be taken away"
    with writing_beside(ctx.workspace.ledger, failed, untouched="every hold") as connection:
        if version_of(connection) < HOLDS_SINCE:
            raise UsageError("nothing is held: an older program wrote this ledger", untouched="everything")
        paths = _chosen(connection, selection)
        for start in range(0, len(paths), _MANY):
            some = paths[start : start + _MANY]
            marks = ", ".join(f":p{number}" for number in range(len(some)))
            named = {f"p{number}": path for number, path in enumerate(some)}
            connection.execute(f"{_INTO} path IN ({marks})", values | named)
            connection.execute(f"DELETE FROM holds WHERE path IN ({marks})", named)
    return paths


def _chosen(connection: sqlite3.Connection, selection: Release) -> list[str]:
    if selection.files:
        wanted = sorted({storable(path) for path in selection.files})
        held = [path for path in wanted if connection.execute("SELECT 1 FROM holds WHERE path = ?", [path]).fetchone()]
        missing = [path for path in wanted if path not in set(held)]
        if missing:
            raise UsageError(
                f"not held: {', '.join(missing[:5])}",
                untouched="every hold",
                next_step="`opsconsole state list --status held` names what is",
            )
        return held
    where, values = "1", list[int]()
    if selection.run:
        seq = find_run_in(connection, selection.run).seq
        where, values = "run = ? OR run IN (SELECT by FROM undone WHERE run = ?)", [seq, seq]
    paths = [row[0] for row in connection.execute(f"SELECT path FROM holds WHERE {where} ORDER BY path", values)]
    if not paths:
        raise UsageError(
            f"run {selection.run} holds nothing" if selection.run else "nothing is held", untouched="everything"
        )
    return paths
