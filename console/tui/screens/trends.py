"""How it goes over weeks: files, failures, time a file, bytes, disk, logs and backups as plots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from console.engine.errors import EngineError
from console.tui.screens.dialog import Dialog
from widgets.look import lines, paint
from widgets.overview.plots import trend_page
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.observe.trend_series import TrendTable

# key -> what its button says, columns, days of a column
SPANS = {"d": ("28 days", 28, 1), "w": ("26 weeks", 26, 7), "y": ("Year", 52, 7)}


class TrendsScreen(Dialog[None]):
    """Read in a thread; the window's size decides how high the plots are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"span('{key}')", said, show=False) for key, (said, _, _) in SPANS.items()),
        Binding("q,t", "leave", "Close", show=False),
    ]
    DEFAULT_CSS = "TrendsScreen > .dialog { height: 100%; } TrendsScreen .dialog-body { height: 1fr; }"

    def __init__(self, ctx: Context) -> None:
        super().__init__()
        self._ctx, self._span = ctx, "d"
        self._table: TrendTable | None = None
        self._said = "reading…"

    def title_text(self) -> str:
        return "Trends"

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield Static(id="trends", markup=False)

    def buttons(self) -> Iterable[Push]:
        yield Push("Close", id="close")
        for key, (said, _, _) in SPANS.items():
            yield Push(said, hint=key, id=f"span-{key}")

    def on_mount(self) -> None:
        self._read()

    def action_span(self, key: str) -> None:
        """Another span of time."""
        self._span = key
        self._read()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        name = message.push.id or ""
        if name.startswith("span-"):
            self.action_span(name.removeprefix("span-"))
        else:
            self.leave()

    def _read(self) -> None:
        span, (said, columns, days) = self._span, SPANS[self._span]
        self.query_one(".dialog").border_title = paint(f"Trends: {said}, a column a {'day' if days == 1 else 'week'}")

        def read() -> TrendTable | None:
            from console.engine.observe.trend_series import trend_table

            return trend_table(self._ctx, columns, days)

        def found(table: TrendTable | None) -> None:
            if span == self._span:
                self._table, self._said = table, "nothing has run here yet"
                self._draw()

        def failed(error: Exception) -> None:
            self._table = None
            self._said = error.sentence() if isinstance(error, EngineError) else str(error)
            self._draw()

        self.console_app.fetch("trend table", read, found, failed)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_attached or not self.query("#trends"):
            return
        body = self.query_one(".dialog-body", VerticalScroll)
        if self._table is None:
            self.query_one("#trends", Static).update(paint((self._said, "dim")))
            return
        room = max(1, body.size.height)
        rows = trend_page(self._table, max(40, body.size.width), room)
        self.query_one("#trends", Static).update(lines([paint(*row) for row in rows]))
