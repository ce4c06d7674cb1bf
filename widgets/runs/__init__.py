"""Runs: the list, one run in detail with its files, the run in progress, and two runs compared."""

from widgets.runs.detail import RunDetail
from widgets.runs.pane import RunsPane

__all__ = ["RunDetail", "RunsPane"]
