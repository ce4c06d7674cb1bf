"""The log pane as the console mounts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from console.tui.zone import time_zone

if TYPE_CHECKING:
    from console.engine.context import Context


def log_pane(ctx: Context) -> Widget:
    """Pane 2 on the logs of this workspace, the migration log first."""
    from console.engine.observe.logs import workspace_logs
    from console.engine.observe.logs_about import find_run_span
    from widgets.logs import LogPane

    return LogPane(
        lambda: workspace_logs(ctx.workspace, ctx.settings),
        find_run=lambda run, moment: find_run_span(ctx, run, moment),
        zone=time_zone(ctx.settings.time_zone),
        now=ctx.env.now,
        id="pane-logs",
    )
