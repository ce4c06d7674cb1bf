"""Every file of a plan, and everything about one of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from console.engine.model import Plan
from console.tui.screens.dialog import Dialog, TextScreen
from widgets.plan import PlanFiles
from widgets.push import Push
from widgets.table import VirtualTable


class FilesScreen(Dialog[None]):
    """The plan's files; / filters, Enter shows all of one line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "Filter", show=False)]
    DEFAULT_CSS = "FilesScreen > .dialog { height: 100%; max-width: 160; }"

    def __init__(self, plan: Plan, prefix: str = "") -> None:
        super().__init__()
        self._plan, self._prefix = plan, prefix

    def title_text(self) -> str:
        return f"{self._plan.action.capitalize()}: files of the plan"

    def body(self) -> Iterable[Widget]:
        yield PlanFiles(self._plan, prefix=self._prefix)

    def focus_first(self) -> None:
        self.query_one(VirtualTable).focus()

    def unfinished(self) -> bool:
        return False

    def action_filter(self) -> None:
        self.query_one(PlanFiles).filter()

    def action_leave(self) -> None:
        if not self.query_one(PlanFiles).back():
            self.leave()

    def on_plan_files_chosen(self, message: PlanFiles.Chosen) -> None:
        status, path, bytes_, what = (*message.texts, "", "", "")[:4]
        shown = [(path, "strong"), ("", ""), (f"status  {status}", ""), (f"size    {bytes_}" if bytes_ else "", "")]
        self.app.push_screen(TextScreen("File", lines_=[*shown, (what, "")]))

    def on_push_pressed(self, message: Push.Pressed) -> None:
        self.leave()
