"""Migrate: publish new and changed raw files that pass validation into the validated zone."""

from console.engine.actions.migrate.plan import command_line, plan_migrate

__all__ = ["command_line", "plan_migrate"]
