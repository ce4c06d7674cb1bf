"""Verify for a session that writes nothing: no lock, no run, nothing recorded; the same reading."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing

from console.engine.actions.migrate.plan import check_source
from console.engine.actions.verify.found import TABLE, Bad
from console.engine.actions.verify.model import Answer, Item, VerifyParams
from console.engine.actions.verify.scrub import Scrub, Scrubbed, check_ledger, look_for_good, record_now
from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading

NAMED = 1000  # bad files that are named; the others are counted


def look(
    ctx: Context, params: VerifyParams, *, progress: Callable[[int, int], None] | None = None
) -> tuple[Scrubbed, list[Bad]]:
    """The result and the first NAMED files that are not whole. progress(files read, files in all, about).

    A run in progress may replace what is read: then some may be said to differ that do not. Raises UsageError where
    there is no ledger or no such source, and LedgerError.
    """
    scrub = Scrub(ctx, params, ctx.settings.workers or os.cpu_count() or 1, lambda: None)
    with closing(scrub.pool), reading(ctx.workspace.ledger) as connection:
        if connection is None:
            raise UsageError("there is no ledger here: nothing was run yet", untouched="everything")
        check_source(ctx, params.source)
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("DROP TABLE IF EXISTS temp.verified")
        connection.execute(TABLE)
        about = scrub.about(connection)

        def told(files: int, size: int) -> None:
            if progress:
                progress(files, max(files, about))

        def commit(answers: list[tuple[Item, Answer]]) -> None:
            record_now(ctx, connection, answers, 1, mends=False)

        result = scrub.run(connection, 1, tick=lambda: False, told=told, commit=commit)
        named: list[Bad] = []
        for bad in look_for_good(ctx, connection, 1, tick=lambda: False):
            result.with_good += bool(bad.good)
            if len(named) < NAMED:
                named.append(bad)
        if not params.source:
            check_ledger(connection, result)
        return result, named
