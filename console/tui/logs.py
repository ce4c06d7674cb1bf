"""The log pane as the console mounts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

if TYPE_CHECKING:
    from console.engine.context import Context


def log_pane(ctx: Context) -> Widget:
    """Pane 2 on the logs of this workspace, the migration log first."""
    from console.engine.observe.logs import workspace_logs
    from widgets.logs import LogPane

    return LogPane(lambda: workspace_logs(ctx.workspace, ctx.settings), id="pane-logs")
