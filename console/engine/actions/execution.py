"""What a run process does, by the name of its action: the one place that knows every action's execution."""

from __future__ import annotations

from importlib import import_module
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


# Where each action's execution is; imported when it is asked for.
_EXECUTIONS = {
    "migrate": ("console.engine.actions.migrate.execute", "Migrate"),
    "reprocess": ("console.engine.actions.migrate.execute", "Reprocess"),
    "adopt": ("console.engine.actions.adopt.execute", "Adopt"),
    "leave": ("console.engine.actions.leave.execute", "Leave"),
    "archive": ("console.engine.actions.archive.execute", "Archive"),
    "archive restore": ("console.engine.actions.archive.restore", "ArchiveRestore"),
    "permissions repair": ("console.engine.actions.permissions.execute", "PermissionsRepair"),
    "logs trim": ("console.engine.actions.logs.trim", "LogsTrim"),
    "logs archive": ("console.engine.actions.logs.archive", "LogsArchive"),
    "schema restore": ("console.engine.actions.schema.execute", "SchemaRestore"),
    "rollback": ("console.engine.actions.rollback.execute", "Rollback"),
    "verify": ("console.engine.actions.verify.execute", "Verify"),
    "repair": ("console.engine.actions.repair.execute", "Repair"),
    "state clear": ("console.engine.actions.state.clear", "Clear"),
    "state restore": ("console.engine.actions.state.restore", "Restore"),
    "state rebuild": ("console.engine.actions.state.rebuild", "Rebuild"),
    "backups prune": ("console.engine.actions.prune.execute", "Prune"),
}


def execution(ctx: Context, request: Request) -> Execution:
    """The execution that `request` asks for. Raises UsageError and ConfigurationError, before there is a run."""
    if request.action not in _EXECUTIONS:
        raise UsageError(f"there is no action {request.action!r} in this version", untouched="everything")
    module, name = _EXECUTIONS[request.action]
    made: Execution = getattr(import_module(module), name)(ctx, request)
    return made
