"""OthersFeed: whose consoles are open on this workspace besides this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.tui.messages import OthersRead
from console.tui.work import WorkingApp

if TYPE_CHECKING:
    from console.engine.observe.here import Here
    from console.tui.feed import FedApp


class OthersFeed(WorkingApp):
    """The part of FedApp that tells of them."""

    others: tuple[Here, ...] = ()

    def on_others_read(self, message: OthersRead) -> None:
        host: FedApp = self  # type: ignore[assignment]
        self.others = message.others
        host.fill_status()

    def show_others(self) -> None:
        """Who, from where and since when, in a dialog."""
        from console.tui.screens.dialog import TextScreen

        lines = [(f"{each.who}  {each.terminal}  {each.host}  since {each.since[:16]}Z", "") for each in self.others]
        self.push_screen(TextScreen("Who else is here", lines_=lines or [("nobody else has a console open", "dim")]))
