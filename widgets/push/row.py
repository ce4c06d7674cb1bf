"""PushRow: buttons in a row, at its right end (class `-left`: its left one); what has no room goes on the next line."""

from __future__ import annotations

from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

_GAP = 1


class _Flow(Layout):
    """Lines of children of one line each, as wide as they want to be."""

    name = "flow"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        rows: list[list[tuple[Widget, int]]] = [[]]
        used = 0
        for child in children:
            width = min(child.get_content_width(size, parent.app.viewport_size), size.width)
            if rows[-1] and used + _GAP + width > size.width:
                rows.append([])
                used = 0
            used += width + (_GAP if rows[-1] else 0)
            rows[-1].append((child, width))
        placements: list[WidgetPlacement] = []
        for y, row in enumerate(rows):
            x = 0
            if not parent.has_class("-left"):
                x = size.width - sum(width for _, width in row) - _GAP * (len(row) - 1)
            for child, width in row:
                placements.append(WidgetPlacement(Region(x, y, width, 1), NULL_OFFSET, NULL_SPACING, child))
                x += width + _GAP
        return placements


class PushRow(Container):
    """Holds Push widgets and is as high as it has to be."""

    DEFAULT_CSS = "PushRow { height: auto; width: 1fr; }"
    _flow = _Flow()

    @property
    def layout(self) -> Layout:
        return self._flow
