"""Runs: the list, one run in detail with its files, and the run in progress."""

from widgets.runs.detail import RunDetail
from widgets.runs.pane import RunsPane

__all__ = ["RunDetail", "RunsPane"]
