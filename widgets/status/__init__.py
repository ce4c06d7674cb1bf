"""The line at the top that never leaves the screen."""

from widgets.status.status import RunState, StatusLine

__all__ = ["RunState", "StatusLine"]
