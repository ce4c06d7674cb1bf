"""The ledger: it opens, SQLite's own check finds nothing, and the rows of each run are those of its end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from console.engine.checks.adoption import REBUILDING
from console.engine.checks.probes.look import Finding, Look, closed, interrupted
from console.engine.checks.probes.traces import traces_of_runs
from console.engine.context import Context
from console.engine.errors import LedgerError, NewerLedgerError
from console.engine.ledger.digests import broken_digests, ledger_problems
from console.engine.ledger.store import Reader, no_room, open_reader, writable
from console.engine.model import Check
from console.engine.observe.doctor_ledger import odd_rows
from console.engine.text import count, plural, size
from console.engine.workspace.people import why_not

_STEPS = 100_000  # of SQLite, between two looks at whether anybody still waits
_REBUILD = "`opsconsole doctor` offers the copy where it is whole; `opsconsole state rebuild --dry-run` shows the rest"


def ledger_whole(look: Look) -> Finding:
    """Fails for a ledger that is damaged, half made anew, or gone where something says that runs were; unknown where
    there never was one, or this user or this program may not read it."""
    ctx = look.ctx
    if look.trouble:
        return _refused(ctx, look.trouble)
    if look.connection is None:
        return _gone(look)
    newer = writable(ctx.workspace.ledger)
    if newer is not None:
        return Finding(Check.UNKNOWN, newer.what, newer.next_step)
    if isinstance(look.connection, Reader) and look.connection.copied_at:
        why = why_not(str(ctx.workspace.ledger), os.R_OK)
        return Finding(Check.UNKNOWN, "this user cannot read the ledger itself, only its copy", why)
    with _stoppable(look, look.connection) as connection:
        try:
            return _examined(look, connection)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # text that is none any more
            return interrupted() if look.cancelled() else Finding(Check.FAIL, f"it is damaged: {error}", _REBUILD)


def _examined(look: Look, connection: sqlite3.Connection) -> Finding:
    problems = ledger_problems(connection, 5)
    if look.cancelled():
        return interrupted()
    if problems:
        return Finding(Check.FAIL, f"the ledger is damaged: {problems[0]}", _REBUILD, tuple(problems))
    begun = connection.execute("SELECT value FROM meta WHERE key = ?", [REBUILDING]).fetchone()
    if begun is not None:
        what = f"the ledger is half made anew: a rebuild began at {begun[0]} and died"
        return Finding(Check.FAIL, what, "`opsconsole state rebuild` finishes it")
    broken = []
    for each in broken_digests(connection):
        if look.cancelled():
            return interrupted()
        broken.append(f"rows of run {each.run} changed since it ended")
    broken += [f"{path}: another checksum than any run published" for path in odd_rows(connection)[:50]]
    if look.cancelled():
        return interrupted()
    if broken:
        more = f" and {count(len(broken) - 1)} more" if len(broken) > 1 else ""
        step = "`opsconsole doctor` says what can be put right, `opsconsole doctor --repair` does it"
        return Finding(Check.FAIL, f"the ledger does not say what was recorded: {broken[0]}{more}", step, tuple(broken))
    files, runs = (connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("files", "runs"))
    large = size(look.ctx.workspace.ledger.stat().st_size)
    return Finding(Check.PASS, f"the ledger is whole: {plural(files, 'file')}, {plural(runs, 'run')}, {large}")


@contextmanager
def _stoppable(look: Look, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Its statements end when nobody waits for the answer any more."""
    connection.set_progress_handler(lambda: int(look.cancelled()), _STEPS)
    try:
        yield connection
    finally:
        connection.set_progress_handler(None, 0)


def _refused(ctx: Context, trouble: str) -> Finding:
    """Whether a ledger that does not open is damaged, or only closed to this user or this program."""
    path = ctx.workspace.ledger
    try:
        with closing(open_reader(path)):
            return Finding(Check.UNKNOWN, f"it could not be read a moment ago: {trouble}", "look again")
    except NewerLedgerError as error:
        return Finding(Check.UNKNOWN, error.what, error.next_step)
    except LedgerError as error:
        if why_not(str(path), os.R_OK) or no_room(path.parent):
            return Finding(Check.UNKNOWN, error.what, error.next_step)
        return Finding(Check.FAIL, error.what, _REBUILD)
    except FileNotFoundError:
        return Finding(Check.FAIL, "the ledger went a moment ago", _REBUILD)


def _gone(look: Look) -> Finding:
    try:
        traces = traces_of_runs(look.ctx)
    except OSError as error:
        return closed(look, error)
    if traces:
        return Finding(Check.FAIL, f"there is no ledger, and {traces}", traces.next_step)
    return Finding(Check.UNKNOWN, "nothing was run here yet: there is no ledger", "`opsconsole migrate`")
