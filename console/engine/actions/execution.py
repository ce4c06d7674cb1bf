"""What a run process does, by the name of its action: the one place that knows every action's execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from console.engine.errors import UsageError

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import RunStatus
    from console.engine.records.rules import RuleSet
    from console.engine.runs.active import ActiveRun
    from console.engine.runs.request import Request


class Execution(Protocol):
    """One execution of an action. Made before the lock is taken, so that its workers cannot inherit it."""

    rules: RuleSet

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Under the lock. Returns status, exit status and one sentence. Raises EngineError."""

    def close(self, *, kill: bool = False) -> None:
        """End its workers; may be called twice."""


def execution(ctx: Context, request: Request) -> Execution:
    """The execution that `request` asks for. Raises UsageError and ConfigurationError, before there is a run."""
    if request.action == "migrate":
        from console.engine.actions.migrate.execute import Migrate

        return Migrate(ctx, request)
    if request.action == "reprocess":
        from console.engine.actions.migrate.execute import Reprocess

        return Reprocess(ctx, request)
    if request.action == "adopt":
        from console.engine.actions.adopt.execute import Adopt

        return Adopt(ctx, request)
    if request.action == "leave":
        from console.engine.actions.leave.execute import Leave

        return Leave(ctx, request)
    raise UsageError(f"there is no action {request.action!r} in this version", untouched="everything")
