"""Long text, wrapped, drawn as it comes into view."""

from widgets.pager.pager import Pager

__all__ = ["Pager"]
