"""Migrate: publish new and changed raw files that pass validation into the validated zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.engine.actions.migrate.plan import command_line, plan_migrate

__all__ = ["command_line", "plan_migrate"]


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: whoever wants one small part need not load the validators."""
    if name in __all__:
        from console.engine.actions.migrate import plan

        return getattr(plan, name)
    raise AttributeError(name)
