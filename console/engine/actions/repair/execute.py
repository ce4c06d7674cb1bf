"""Executing a repair."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.migrate.plan import check_source
from console.engine.actions.repair.mend import Mend
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.repair.plan import plan_repair, source_prefix
from console.engine.actions.verify.model import IS_BAD
from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.runs.active import ActiveRun, timestamp
from console.engine.runs.request import Request
from console.engine.text import plural


class Repair(ChangeExecution):
    """Puts back what verify found damaged or missing and what some place still holds.

    Raises UsageError for a source that is not there, before there is a run.
    """

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = RepairParams(**request.params)
        check_source(ctx, self._params.source)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_repair(self._ctx, self._params, connection=connection, before=before)

    def changes(self, run: ActiveRun) -> Iterable[Change | Left]:
        return Mend(self._ctx, run.connection, run.id, source_prefix(self._ctx, self._params.source)).changes()

    def places(self) -> list[str]:
        zones = self._ctx.settings.zones
        return [zones.validated, zones.backups, zones.raw, zones.archive, ".opsconsole"]

    def finish(self, run: ActiveRun) -> None:
        """What was put back is whole: it was read before it got its name."""
        now = timestamp(self._ctx.env.now())
        with run.guard, transaction(run.connection) as connection:
            connection.execute(
                "UPDATE verified SET state = 'whole', found = expected, reason = '', since = '', good = '', at = ?,"
                f" run = ? WHERE {IS_BAD} AND EXISTS (SELECT 1 FROM outcomes o WHERE o.run = ?"
                " AND o.outcome = 'restored' AND o.path = verified.subject AND o.dest = verified.path"
                " AND o.sha256 = verified.expected)",
                [now, run.seq, run.seq],
            )

    def message(self, run: ActiveRun) -> str:
        if not run.counts.restored:
            return "nothing was put back: `opsconsole verify` finds what is damaged"
        return f"{plural(run.counts.restored, 'file')} put back from good copies"
