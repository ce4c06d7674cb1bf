"""The line of panes."""

from widgets.tabs.tabs import TabLine

__all__ = ["TabLine"]
