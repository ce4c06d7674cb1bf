"""The log pane as the console mounts it."""

from __future__ import annotations

from textual.widget import Widget
from textual.widgets import Static

from console.engine.context import Context


def log_pane(ctx: Context) -> Widget:
    """Pane 2 on this workspace's migration log."""
    return Static("the log pane is not here yet", id="pane-logs", markup=False)
