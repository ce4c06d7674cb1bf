"""The engine in this process, a run a call: for tests of thousands of runs. Kills happen in a fork."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.engine.actions.planning import plan_action
from console.engine.actions.rollback.model import RollbackParams
from console.engine.context import Context, open_context
from console.engine.environment import Environment, Failpoints, Who
from console.engine.errors import EngineError
from console.engine.ledger.store import reading
from console.engine.model import ActionParams, MigrateParams, ReprocessParams, RunRow
from console.engine.runs.query import find_run_in, run_row
from console.engine.runs.start import run_foreground
from tests.faults.checker import LEDGER

WHO = Who("ana", "ana", 1000, "", "", "", "testhost")
_START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has ended: its exit status and its row (None: it never got one), or what it raised."""

    status: int
    row: RunRow | None = None
    error: EngineError | None = None

    @property
    def id(self) -> str:
        return self.row.id if self.row else ""

    @property
    def counts(self) -> dict[str, int]:
        """Only what is not zero."""
        found = self.row.counts.to_json() if self.row else {}
        return {name: number for name, number in found.items() if number}

    @property
    def text(self) -> str:
        return str(self.row.message if self.row else self.error)


class Inside:
    """One workspace. Every run is an hour after the one before it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._runs = 0

    def context(self, failpoint: str = "") -> Context:
        self._runs += 1
        number = self._runs
        moment = _START + timedelta(hours=number)
        tokens = iter(range(number << 8, 1 << 31))

        def token(size: int) -> str:
            return f"{next(tokens):0{2 * size}x}"[-2 * size :]

        env = Environment(now=lambda: moment, token=token, who=WHO, failpoints=Failpoints(failpoint))
        return open_context(self.root, env=env)

    def run(self, action: str, params: ActionParams, failpoint: str = "", **overrides: str) -> Ran:
        """To its end; what the engine refuses before there is a run is the answer's `error`."""
        ctx = self.context(failpoint)
        ids: list[str] = []
        said = {name.replace("_", "-"): reason for name, reason in overrides.items()}
        try:
            status = run_foreground(ctx, action, params, overrides=said, started=ids.append)
        except EngineError as error:
            return Ran(error.exit_status, error=error)
        finally:
            gc.unfreeze()
            gc.set_threshold(700, 10, 10)
        return Ran(status, self.row(ids[0]))

    def killed(self, action: str, params: ActionParams, failpoint: str, **overrides: str) -> bool:
        """The same in a fork that is killed at `failpoint`; False where it came to its end before."""
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                if failpoint.startswith("stage."):  # reached in a worker, which then kills this one
                    os.environ["OPSCONSOLE_FAILPOINT"] = failpoint
                quiet = os.open(os.devnull, os.O_WRONLY)
                os.dup2(quiet, 2)
                ran = self.run(action, params, failpoint, **overrides)
                status = ran.status
            finally:
                os._exit(status)
        self._runs += 1
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) < 6, f"{action} with {failpoint} ended with {status}"
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def migrate(self, failpoint: str = "", **params: Any) -> Ran:
        return self.run("migrate", MigrateParams(**params), failpoint)

    def reprocess(self, failpoint: str = "", **params: Any) -> Ran:
        return self.run("reprocess", ReprocessParams(**params), failpoint)

    def rollback(self, run: str, failpoint: str = "", *, all_or_nothing: bool = False, **overrides: str) -> Ran:
        return self.run("rollback", RollbackParams(self.full(run), all_or_nothing), failpoint, **overrides)

    def plan(self, run: str, *, all_or_nothing: bool = False) -> Any:
        return plan_action(self.context(), "rollback", RollbackParams(self.full(run), all_or_nothing))

    def full(self, run: str) -> str:
        return self._asked(lambda connection: find_run_in(connection, run).id)

    def row(self, run: str) -> RunRow:
        return self._asked(lambda connection: find_run_in(connection, run))

    def runs(self) -> list[RunRow]:
        """All of them, oldest first."""
        return self._asked(lambda c: [run_row(row) for row in c.execute("SELECT * FROM runs ORDER BY seq")])

    def _asked(self, question: Callable[[sqlite3.Connection], Any]) -> Any:
        with reading(self.root / LEDGER) as connection:
            assert connection is not None, "there is no ledger"
            return question(connection)

    def ledger(self, *statements: str) -> list[tuple[Any, ...]]:
        """Statements on the ledger itself, as another program would; the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with closing(sqlite3.connect(self.root / LEDGER)) as connection, connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
        return rows
