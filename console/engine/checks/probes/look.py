"""What a probe is handed, and what it hands back."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.engine.context import Context
from console.engine.model import Check, RunRow, ZoneSpace
from console.engine.records.rules import RuleSet, load_rules
from console.engine.runs.query import run_row
from console.engine.text import recordable
from console.engine.transfer.publish import hash_file
from console.engine.workspace.people import why_not

if TYPE_CHECKING:
    from console.engine.actions.migrate.survey import Survey

NO_LEDGER = "nothing was run here yet: there is no ledger"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe says. evidence: one line. next_step: what helps, '' where nothing needs to. details: more lines."""

    verdict: Check
    evidence: str
    next_step: str = ""
    details: tuple[str, ...] = ()


def lacking(parameter: str, words: str) -> Finding:
    """What is said where a parameter that is needed is empty."""
    return Finding(Check.UNKNOWN, f"the parameter `{parameter}` is empty: {words}")


def interrupted() -> Finding:
    """What is said where nobody waits for the answer any more."""
    return Finding(Check.UNKNOWN, "interrupted")


def closed(look: Look, error: OSError) -> Finding:
    """That something cannot be looked at: what, why, and who could."""
    path = os.fspath(error.filename) if error.filename else ""
    path = os.fsdecode(path)
    name = recordable(os.path.relpath(path, look.ctx.workspace.root)) if path else "it"
    step = why_not(path, os.R_OK) if path else ""
    return Finding(Check.UNKNOWN, f"{name} cannot be looked at: {error.strerror or error}", step)


def sha256_of(look: Look, path: str) -> str:
    """SHA-256 of a plain file, '' for what is none: a link is not followed, and nobody waits for a pipe. path: relative
    to the root. Raises OSError with the file's name."""
    place = str(look.ctx.workspace.path(path))
    try:
        return hash_file(place) if stat.S_ISREG(os.lstat(place).st_mode) else ""
    except OSError as error:
        raise OSError(error.errno, error.strerror, place) from error


@dataclass(slots=True)
class Look:
    """One look at a workspace, shared by the probes of a round.

    now: aware, UTC. connection: a ledger that is open, None where there is none. trouble: why it cannot be read, ''
    where it can. space: what the plan in hand needs, None where there is no plan. own: asked by the run that holds the
    lock. cancelled: whether nobody waits for the answer any more.
    """

    ctx: Context
    now: datetime
    connection: sqlite3.Connection | None = None
    trouble: str = ""
    space: Sequence[ZoneSpace] | None = None
    own: bool = False
    cancelled: Callable[[], bool] = lambda: False
    _rules: RuleSet | None = None
    _survey: Survey | None = None

    @property
    def rules(self) -> RuleSet:
        """Today's rules; what does not load is in their `problems`."""
        if self._rules is None:
            self._rules = load_rules(self.ctx.workspace.root, self.ctx.settings)
        return self._rules

    def with_rules(self, rules: RuleSet) -> Look:
        """Rules that are loaded already."""
        self._rules = rules
        return self

    def survey(self) -> Survey:
        """What waits in the raw zone: each source is looked at once. Raises ConfigurationError for a rule that does not
        load."""
        if self._survey is None:
            from console.engine.actions.migrate.plan import chosen_sources
            from console.engine.actions.migrate.scan import Scanner, Selection
            from console.engine.actions.migrate.survey import Survey
            from console.engine.model import MigrateParams

            for problem in self.rules.problems:
                raise problem
            settings = self.ctx.settings
            survey = Survey(self.ctx, whole=True, moves=settings.operation == "move")
            scanner = Scanner(str(self.ctx.workspace.root), settings, self.rules, self.connection, self.now)
            for source in chosen_sources(self.ctx, MigrateParams(), self.connection):
                if not self.cancelled():
                    survey.add(scanner.scan(source, Selection()))
            self._survey = survey
        return self._survey

    def last_run(self) -> RunRow | None:
        """The newest migrate or reprocess that came to an end and was not refused; None where there is none."""
        return last_run(self.connection) if self.connection is not None else None

    def unreadable(self) -> Finding | None:
        """That the ledger cannot be read, where it is so: nothing that needs it can be told then."""
        if self.trouble:
            return Finding(Check.UNKNOWN, self.trouble, "`opsconsole doctor`")
        return None

    def ledger(self) -> sqlite3.Connection | Finding:
        """The ledger, or that nothing can be told without one."""
        return self.unreadable() or self.connection or Finding(Check.UNKNOWN, NO_LEDGER, "`opsconsole migrate`")


_ENDED = "status NOT IN ('running', 'refused', 'interrupted')"


def last_run(connection: sqlite3.Connection) -> RunRow | None:
    """As Look.last_run."""
    rows = [
        connection.execute(f"SELECT * FROM runs WHERE action = ? AND {_ENDED} ORDER BY seq DESC LIMIT 1", [action])
        for action in ("migrate", "reprocess")
    ]
    found = [run_row(row) for cursor in rows for row in cursor]
    return max(found, key=lambda run: run.seq, default=None)


def last_seq(connection: sqlite3.Connection) -> int:
    """The seq of `last_run`; 0 where there is none."""
    return max(
        int(
            connection.execute(
                f"SELECT coalesce(max(seq), 0) FROM runs WHERE action = ? AND {_ENDED}", [action]
            ).fetchone()[0]
        )
        for action in ("migrate", "reprocess")
    )
