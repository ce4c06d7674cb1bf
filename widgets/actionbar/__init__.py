"""The action buttons, always in reach."""

from widgets.actionbar.actionbar import ActionBar

__all__ = ["ActionBar"]
