"""Which files a reprocess judges again: published ones by what the ledger says of them, and remembered failures."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from console.engine.errors import UsageError
from console.engine.model import MigrateParams, ReprocessParams


@dataclass(frozen=True, slots=True)
class Again:
    """The choice, small enough to be sent to every worker. failing: raw paths (relative to the root), where a cause
    was named; None: every remembered failure, where `failures` says so."""

    published: bool = False  # every published file
    stale: bool = False
    adopted: bool = False
    failures: bool = False
    failing: frozenset[str] | None = None
    withdraw: bool = False  # what is published and known to fail is looked at too

    def takes(self, status: str, *, stale: bool) -> bool:
        """Whether a published file of this status is meant."""
        return self.published or (self.adopted and status == "adopted") or (self.stale and stale)

    def withdraws(self, status: str, *, stale: bool) -> bool:
        """Whether a published file is judged again although it is known to fail, so that its copy can go."""
        return self.withdraw and self.takes(status, stale=stale)

    def takes_failure(self, path: str) -> bool:
        """Whether the remembered failure of this file is meant (path relative to the root)."""
        return self.failures and (self.failing is None or path in self.failing)


def again_of(params: MigrateParams, connection: sqlite3.Connection | None) -> Again | None:
    """None for a migrate. Raises UsageError where nothing was chosen, or no failure has the cause."""
    if not isinstance(params, ReprocessParams):
        return None
    if not params.chooses:
        raise UsageError(
            "say which files are to be judged again",
            untouched="everything",
            next_step="--all, --source, --pattern, --failed, --cause, --stale-schema or --adopted",
        )
    named = params.failed or params.cause or params.stale_schema or params.adopted
    failing = None
    if params.cause:
        failing = _failing(connection, params.cause)
        if not failing:
            raise UsageError(
                f"no remembered failure has the cause {params.cause!r}",
                untouched="everything",
                next_step="`opsconsole failures list --by cause` names them",
            )
    return Again(
        published=params.all or not named,
        stale=params.stale_schema,
        adopted=params.adopted,
        failures=params.failed or bool(params.cause) or params.all or not named,
        failing=failing,
        withdraw=params.withdraw,
    )


def _failing(connection: sqlite3.Connection | None, cause: str) -> frozenset[str]:
    if connection is None:
        return frozenset()
    return frozenset(
        row[0]
        for row in connection.execute(
            "SELECT f.path FROM failures f JOIN failure_causes c ON c.failure = f.id WHERE c.cause = ?", [cause]
        )
    )
