"""Runs: the list, one run in detail with its files, the run in progress, and two runs compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from widgets.runs.detail import RunDetail
    from widgets.runs.pane import RunsPane

__all__ = ["RunDetail", "RunsPane"]


def __getattr__(name: str) -> Any:
    """Imported when first asked for (PEP 562): the first frame of a console needs only the words."""
    if name == "RunsPane":
        from widgets.runs.pane import RunsPane

        return RunsPane
    if name == "RunDetail":
        from widgets.runs.detail import RunDetail

        return RunDetail
    raise AttributeError(name)
