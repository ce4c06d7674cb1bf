"""The plan of an action that is made of changes, by the name of the action: for the fronts, which know only that."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from console.engine.errors import UsageError

if TYPE_CHECKING:
    from console.engine.actions.change.model import ChangePlan
    from console.engine.context import Context
    from console.engine.model import ActionParams

# Where each action's plan is made; imported when it is asked for.
_PLANS = {
    "archive": ("console.engine.actions.archive.plan", "plan_archive"),
    "archive restore": ("console.engine.actions.archive.restore", "plan_restore"),
    "permissions repair": ("console.engine.actions.permissions.plan", "plan_permissions"),
    "logs trim": ("console.engine.actions.logs.plan", "plan_trim"),
    "logs archive": ("console.engine.actions.logs.plan", "plan_archive"),
    "schema restore": ("console.engine.actions.schema.plan", "plan_schema_restore"),
    "rollback": ("console.engine.actions.rollback.plan", "plan_rollback"),
    "verify": ("console.engine.actions.verify.plan", "plan_verify"),
    "repair": ("console.engine.actions.repair.plan", "plan_repair"),
    "state clear": ("console.engine.actions.state.clear", "plan_clear"),
    "state restore": ("console.engine.actions.state.restore", "plan_restore"),
    "state rebuild": ("console.engine.actions.state.rebuild", "plan_rebuild"),
    "backups prune": ("console.engine.actions.prune.plan", "plan_prune"),
}


def plan_action(
    ctx: Context,
    action: str,
    params: ActionParams,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan; progress(files done, files in all or 0); cancelled() ends it with what it has.

    Raises UsageError; what refuses the run is in the plan's gate.
    """
    if action not in _PLANS:
        raise UsageError(f"there is no plan of {action!r} in this version", untouched="everything")
    module, name = _PLANS[action]
    plan: ChangePlan = getattr(import_module(module), name)(ctx, params, progress=progress, cancelled=cancelled)
    return plan
