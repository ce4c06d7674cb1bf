"""Executing a leave: state file and scripts as the other program wants them; nothing published is touched."""

from __future__ import annotations

import json

from console.engine.actions.leave.plan import unsaid
from console.engine.actions.leave.steps import leave_steps, perform
from console.engine.checks.adoption import LEFT, left_note
from console.engine.context import Context
from console.engine.errors import EngineError, RefusedError
from console.engine.ledger.mirror import write_mirror
from console.engine.ledger.store import transaction
from console.engine.model import RunStatus
from console.engine.records.rules import load_rules
from console.engine.runs.active import ActiveRun, release_reserve, timestamp
from console.engine.runs.request import Request
from console.engine.text import plural


class Leave:
    """One leave. Killed half way, the next one finishes it."""

    def __init__(self, ctx: Context, request: Request) -> None:
        self._ctx = ctx
        self.rules = load_rules(ctx.workspace.root, ctx.settings)

    def close(self, *, kill: bool = False) -> None:
        """There are no workers."""

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Raises RefusedError (left already), MirrorError, EngineError naming the file at which it stopped."""
        left = left_note(run.connection)
        if left is not None:
            raise RefusedError(
                f"this workspace was left already, by {left['by']} at {left['at']}", untouched="everything"
            )
        run.phase("leave")
        told = [f"{run.ctx.settings.state_file} is as it was"]
        if write_mirror(self._ctx, run.connection, run.seq):
            told = [f"{run.ctx.settings.state_file} has every published file"]
        for step in leave_steps(self._ctx):
            if step.kind == "keep":
                continue
            try:
                perform(self._ctx, step)
            except OSError as error:
                raise EngineError(
                    f"leaving stopped here: {error.strerror or error}",
                    file=step.path,
                    untouched="all data, the state file and the ledger",
                    next_step="put that right and type `opsconsole leave` again; it does what is left to do",
                ) from error
            run.log.add("INFO", "Leaving", detail=str(step))
            told.append(str(step))
            self._ctx.env.failpoints.reach("leave.put-back")
        cannot = unsaid(run.connection)
        who = self._ctx.env.who
        note = {"run": run.id, "at": timestamp(self._ctx.env.now()), "by": who.login or who.user}
        with transaction(run.connection) as connection:
            connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [LEFT, json.dumps(note)],
            )
        release_reserve(self._ctx)
        for line in cannot:
            run.log.add("INFO", "The state file cannot say", detail=line)
        said = f"; the state file cannot say: {'; '.join(cannot)}" if cannot else ""
        return RunStatus.DONE, 0, f"left ({plural(len(told), 'step')}: {'; '.join(told)}){said}"
