"""Every alert in full, one to be chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from console.engine.observe.alerts import Alert
from console.tui.screens.dialog import Dialog
from widgets.look import paint
from widgets.overview.notices import NoticeLine, NoticeList
from widgets.overview.words import alert_notices
from widgets.push import Push

_LINES = 12  # of one alert


class AlertsScreen(Dialog[Alert]):
    """Dismisses with the alert that was chosen, None on Esc. answer_for: asks for the note that acknowledges one;
    procedure_for: starts the procedure that one leads to."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,exclamation_mark", "leave", "Close", show=False)]

    def __init__(
        self,
        alerts: Sequence[Alert],
        zone: tzinfo | None,
        answer_for: Callable[[Alert], None] = lambda alert: None,
        procedure_for: Callable[[Alert], None] = lambda alert: None,
    ) -> None:
        super().__init__()
        self._alerts, self._zone, self._answer_for, self._procedure_for = alerts, zone, answer_for, procedure_for

    def title_text(self) -> str:
        return "Alerts"

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            if self._alerts:
                yield NoticeList(alert_notices(self._alerts, self._zone, datetime.now(UTC), most=_LINES))
                yield Static(
                    paint(("Enter: what helps    p: its procedure    n: acknowledge with a note", "dim")), markup=False
                )
            else:
                yield Static(paint(("✓ no alert", "good")), markup=False)

    def focus_first(self) -> None:
        """The first alert, at once: an Enter that was typed ahead is meant for it."""
        first = next(iter(self.query(NoticeLine)), None)
        if first is None:
            self.focus_harmless()
        else:
            self.set_focus(first)

    def on_notice_line_chosen(self, message: NoticeLine.Chosen) -> None:
        message.stop()
        about = message.notice.about
        self.dismiss(about if isinstance(about, Alert) else None)

    def on_notice_line_noted(self, message: NoticeLine.Noted) -> None:
        message.stop()
        self._leave_for(self._answer_for, message.notice.about)

    def on_notice_line_guided(self, message: NoticeLine.Guided) -> None:
        message.stop()
        self._leave_for(self._procedure_for, message.notice.about)

    def _leave_for(self, go: Callable[[Alert], None], about: object) -> None:
        if isinstance(about, Alert):
            self.dismiss(None)
            self.app.call_later(go, about)

    def on_notice_list_past(self, message: NoticeList.Past) -> None:
        message.stop()
        if message.step > 0:
            self.focus_harmless()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        self.leave()
