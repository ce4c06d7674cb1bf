"""Which dialog each action opens. A later action is one more line; imports wait until they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import ActionParams
    from console.tui.screens.action import ActionDialog


def _migrate(ctx: Context) -> ActionDialog:
    from console.tui.screens.migrate import MigrateScreen

    return MigrateScreen(ctx)


def _adopt(ctx: Context) -> ActionDialog:
    from console.tui.screens.handover import AdoptScreen

    return AdoptScreen(ctx)


def _leave(ctx: Context) -> ActionDialog:
    from console.tui.screens.handover import LeaveScreen

    return LeaveScreen(ctx)


def _reprocess(ctx: Context) -> ActionDialog:
    from console.tui.screens.reprocess import ReprocessScreen

    return ReprocessScreen(ctx)


def _rollback(ctx: Context) -> ActionDialog:
    from console.tui.screens.rollback import RollbackScreen

    return RollbackScreen(ctx)


def _of_changes(name: str) -> Callable[[Context], ActionDialog]:
    def make(ctx: Context) -> ActionDialog:
        from console.tui.forms import FORMS
        from console.tui.screens.change import ChangeScreen

        return ChangeScreen(ctx, FORMS[name])

    return make


DIALOGS: dict[str, Callable[[Context], ActionDialog]] = {
    "migrate": _migrate,
    "reprocess": _reprocess,
    "rollback": _rollback,
    "adopt": _adopt,
    "leave": _leave,
    # those that `forms.py` describes; named here, so that a console loads them only when one is opened
    **{
        name: _of_changes(name)
        for name in (
            "archive",
            "archive restore",
            "verify",
            "repair",
            "backups prune",
            "state clear",
            "state restore",
            "state rebuild",
            "logs trim",
            "logs archive",
            "permissions repair",
            "schema restore",
        )
    },
}


def filled(ctx: Context, action: str, params: ActionParams) -> ActionDialog:
    """The dialog of an action, filled in with these parameters; it shows the plan and asks, as always."""
    from console.engine.actions.rollback.model import RollbackParams
    from console.engine.model import MigrateParams, ReprocessParams

    if isinstance(params, ReprocessParams):
        from console.tui.screens.reprocess import ReprocessScreen

        return ReprocessScreen(ctx, params)
    if isinstance(params, MigrateParams):
        from console.tui.screens.migrate import MigrateScreen

        return MigrateScreen(ctx, params)
    if isinstance(params, RollbackParams):
        from console.tui.screens.rollback import RollbackScreen

        return RollbackScreen(ctx, params.run, all_or_nothing=params.all_or_nothing)
    from console.tui.forms import FORMS

    if action not in FORMS:
        return DIALOGS[action](ctx)
    from console.tui.screens.change import ChangeScreen

    return ChangeScreen(ctx, FORMS[action], given=params)
