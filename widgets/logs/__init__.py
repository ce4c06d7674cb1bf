"""The log pane: read, follow, filter and search logs of any size."""

from widgets.logs.pane import LogPane

__all__ = ["LogPane"]
