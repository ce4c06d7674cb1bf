"""Plans that read much, made in a helper process; each function belongs into a thread of the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.tui.helper import ask

if TYPE_CHECKING:
    from console.engine.actions.adopt.model import AdoptPlan
    from console.engine.actions.change.model import ChangePlan
    from console.engine.actions.leave.model import LeavePlan
    from console.engine.checks.alerts.model import Reading
    from console.engine.context import Context
    from console.engine.model import ActionParams, MigrateParams, Plan
    from console.engine.observe.alerts import Alert
    from console.engine.observe.state_file import StateFileLook

Cancelled = Callable[[], bool]


def judge(
    ctx: Context, params: MigrateParams, *, progress: Callable[[int, int], None], cancelled: Cancelled
) -> Plan | None:
    """The full plan; None when cancelled() became true. progress(files done, files in all) a few times a second.

    Raises EngineError as plan_migrate does, RuntimeError with the helper's traceback when that crashed; so do all.
    """
    plan: Plan | None = ask(ctx, "judge", params, progress=progress, cancelled=cancelled)
    return plan


def adoption(ctx: Context, *, progress: Callable[[AdoptPlan], None], cancelled: Cancelled) -> AdoptPlan | None:
    """The plan of an adoption; progress(the plan so far)."""
    plan: AdoptPlan | None = ask(ctx, "adopt", progress=progress, cancelled=cancelled)
    return plan


def leaving(ctx: Context, *, progress: Callable[[LeavePlan], None], cancelled: Cancelled) -> LeavePlan | None:
    """The plan of a leave; it has no progress to tell."""
    plan: LeavePlan | None = ask(ctx, "leave", progress=progress, cancelled=cancelled)
    return plan


def changes(
    ctx: Context,
    action: str,
    params: ActionParams,
    *,
    progress: Callable[[int, int], None],
    cancelled: Cancelled,
) -> ChangePlan | None:
    """The plan of an action that is made of changes; progress(files done, files in all or 0)."""
    plan: ChangePlan | None = ask(ctx, "changes", action, params, progress=progress, cancelled=cancelled)
    return plan


def by_hand(ctx: Context, *, cancelled: Cancelled) -> tuple[Alert, ...] | None:
    """Alerts of what somebody did by hand."""
    found: tuple[Alert, ...] | None = ask(ctx, "by hand", progress=lambda: None, cancelled=cancelled)
    return found


def rules(ctx: Context, *, cancelled: Cancelled) -> tuple[Reading, ...] | None:
    """What the slow rules of alerts say."""
    found: tuple[Reading, ...] | None = ask(ctx, "rules", progress=lambda: None, cancelled=cancelled)
    return found


def state_file(ctx: Context, *, cancelled: Cancelled) -> StateFileLook | None:
    """What is different in the state file."""
    look: StateFileLook | None = ask(ctx, "state file", progress=lambda: None, cancelled=cancelled)
    return look
