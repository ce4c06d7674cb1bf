"""LogsFeed: where the Logs pane leads to, and what is taken out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.engine.text import size, visible
from console.tui.work import WorkingApp

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import RunRow
    from console.tui.feed import FedApp
    from widgets.logs import messages


class LogsFeed(WorkingApp):
    """The part of FedApp that answers the Logs pane."""

    ctx: Context

    @property
    def _host(self) -> FedApp:
        return self  # type: ignore[return-value]

    def on_log_pane_problem(self, message: messages.Problem) -> None:
        self.notify(message.text, severity="warning", markup=False, timeout=6)

    async def on_log_pane_file_wanted(self, message: messages.FileWanted) -> None:
        await self._host.show_file(message.path)

    def on_log_pane_run_wanted(self, message: messages.RunWanted) -> None:
        from console.engine.runs.query import told_run

        run = message.run

        async def found(row: RunRow | None) -> None:
            if row is not None:
                await self._host.show_run(row)
            else:
                self.notify(f"The ledger knows no run {visible(run)}.", markup=False, timeout=5)

        self.fetch("run", lambda: told_run(self.ctx, run), lambda row: self.call_later(found, row))

    def on_log_pane_copy_wanted(self, message: messages.CopyWanted) -> None:
        self._host.copy(message.text, message.what)

    def on_log_pane_save_wanted(self, message: messages.SaveWanted) -> None:
        from console.engine.observe.logs_save import save_new

        def done(saved: tuple[str, int]) -> None:
            text = f"{size(saved[1])} in {visible(saved[0])}"
            self.notify(text, title="Saved", markup=False, timeout=10)

        self.fetch("save", lambda: save_new(self.ctx, message.path, message.pieces), done)
