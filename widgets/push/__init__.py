"""A button of one line."""

from widgets.push.push import Push

__all__ = ["Push"]
