"""The parameters of an action from plain values, as a procedure names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from console.engine.actions.registry import find_action
from console.engine.errors import UsageError
from console.engine.model import ActionParams

if TYPE_CHECKING:
    from console.engine.context import Context

# Where the parameters of each action are; those that are not named here have none. Imported when they are asked for.
_PARAMETERS = {
    "migrate": ("console.engine.model", "MigrateParams"),
    "reprocess": ("console.engine.model", "ReprocessParams"),
    "archive": ("console.engine.actions.archive.model", "ArchiveParams"),
    "archive restore": ("console.engine.actions.archive.model", "RestoreParams"),
    "rollback": ("console.engine.actions.rollback.model", "RollbackParams"),
    "verify": ("console.engine.actions.verify.model", "VerifyParams"),
    "repair": ("console.engine.actions.repair.model", "RepairParams"),
    "backups prune": ("console.engine.actions.prune.model", "PruneParams"),
    "state clear": ("console.engine.actions.state.model", "ClearParams"),
    "state restore": ("console.engine.actions.state.model", "RestoreParams"),
    "logs trim": ("console.engine.actions.logs.model", "LogsTrimParams"),
    "logs archive": ("console.engine.actions.logs.model", "LogsArchiveParams"),
    "schema restore": ("console.engine.actions.schema.model", "SchemaRestoreParams"),
}


def parameters_of(action: str) -> dict[str, type]:
    """The names of an action's parameters with the type of each: str, int, bool, or tuple (of texts).

    Raises UsageError for an action that there is not.
    """
    find_action(action)
    kind = _class_of(action)
    return {field.name: _type(getattr(kind(), field.name)) for field in fields(kind)}


def make_params(ctx: Context, action: str, given: Mapping[str, str | int | bool]) -> ActionParams:
    """The parameters; the run of a rollback is found by its last digits, '' is the newest that can be taken back.

    Raises UsageError: an action, a parameter or a run that there is not, a value of another type.
    """
    known = parameters_of(action)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{action} has no parameter {name!r}", next_step="it has: " + (", ".join(known) or "none"))
        values[name] = _as(known[name], value, action, name)
    if action == "rollback":
        values["run"] = _run(ctx, values.get("run", ""))
    if action == "logs archive" and values.get("to"):
        values["to"] = os.path.join(ctx.workspace.root, values["to"])
    return _class_of(action)(**values)


def _class_of(action: str) -> type[ActionParams]:
    if action not in _PARAMETERS:
        return ActionParams
    module, name = _PARAMETERS[action]
    found: type[ActionParams] = getattr(import_module(module), name)
    return found


def _type(value: object) -> type:
    return bool if isinstance(value, bool) else type(value)


def _as(kind: type, value: str | int | bool, action: str, name: str) -> Any:
    if kind is tuple and isinstance(value, str):
        return (value,) if value else ()
    if kind is int and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if kind is not _type(value):
        words = {int: "a whole number", bool: "true or false"}.get(kind, "a text")
        raise UsageError(f"{name} of {action} must be {words}, not {value!r}", untouched="everything")
    return value


def _run(ctx: Context, run: str) -> str:
    """The whole id of a run."""
    from console.engine.actions.rollback.plan import last_run
    from console.engine.runs.query import find_run

    return find_run(ctx, run).id if run else last_run(ctx).id
