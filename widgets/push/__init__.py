"""A button of one line, and a row of them."""

from widgets.push.push import Push
from widgets.push.row import PushRow

__all__ = ["Push", "PushRow"]
