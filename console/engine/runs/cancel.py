"""Cancelling is a request in the ledger, so that it works across users; the batch in hand is finished."""

from __future__ import annotations

from contextlib import closing

from console.engine.context import Context
from console.engine.errors import ReadOnlyError, UsageError
from console.engine.ledger.store import open_writer, transaction
from console.engine.model import RunRow
from console.engine.runs.active import timestamp
from console.engine.runs.query import get_run, is_alive


def request_cancel(ctx: Context, run_id: str) -> RunRow:
    """Ask the run to stop. Raises UsageError when it is not running, ReadOnlyError in a read-only session."""
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="the run", next_step="start without --read-only")
    row = get_run(ctx, run_id)
    if row is None or not is_alive(row):
        raise UsageError(f"run {run_id} is not running", untouched="everything")
    who = ctx.env.who.login or ctx.env.who.user
    with closing(open_writer(ctx.workspace.ledger)) as connection, transaction(connection):
        connection.execute(
            "UPDATE runs SET cancel_by = coalesce(cancel_by, ?), cancel_at = coalesce(cancel_at, ?)"
            " WHERE id = ? AND status = 'running'",
            [who, timestamp(ctx.env.now()), run_id],
        )
    return get_run(ctx, run_id) or row
