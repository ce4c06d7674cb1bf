"""A table that draws only the rows on the screen."""

from widgets.table.table import Column, VirtualTable

__all__ = ["Column", "VirtualTable"]
