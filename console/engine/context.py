"""A workspace with its settings and environment: what every part of the engine is handed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from console.engine.environment import Environment
from console.engine.ledger.looking import looked_at_only
from console.engine.settings import Settings, load_settings
from console.engine.workspace import Workspace, open_workspace


@dataclass(frozen=True, slots=True)
class Context:
    """One workspace as one session sees it."""

    workspace: Workspace
    settings: Settings
    env: Environment
    read_only: bool = False


def open_context(
    root: Path | str, config: str = "", *, read_only: bool = False, env: Environment | None = None
) -> Context:
    """Resolve `root` once and load its configuration (`config`: a path relative to the root, or '' for the default).

    Raises UsageError (no such folder) and ConfigurationError (missing or wrong configuration). Writes nothing.
    """
    workspace = open_workspace(Path(root))
    settings = load_settings(workspace.root, config)
    (looked_at_only.add if read_only else looked_at_only.discard)(str(workspace.ledger))
    return Context(workspace, settings, env or Environment(), read_only)


def for_action(ctx: Context, action: str) -> Context:
    """The context in which `action` is gated: what [gate_for] says of it goes before [gate]."""
    own = ctx.settings.gate_for.get(action)
    return replace(ctx, settings=replace(ctx.settings, gate={**ctx.settings.gate, **own})) if own else ctx


def workspace_name(ctx: Context) -> str:
    """What the status line calls the workspace, and what is typed to confirm a dangerous action."""
    return ctx.settings.name or ctx.workspace.root.name
