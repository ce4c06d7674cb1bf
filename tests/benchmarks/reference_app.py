"""A Textual app of stock widgets with as much on its first screen as the console: the measure of a first frame."""

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, DataTable, Footer, RichLog, Static, TabbedContent, TabPane


class Reference(App[None]):
    """Status line, tabs, an overview of facts and a table, a log, a list of runs, four buttons, a footer."""

    CSS = "#facts { height: auto } #buttons { height: 3; dock: bottom } DataTable { height: 1fr }"
    BINDINGS = [("q", "quit", "Quit"), ("1", "none", "Overview"), ("2", "none", "Logs")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Static("workspace host:/srv/data    idle    38 % used    ann    03:12 UTC")
        with TabbedContent():
            with TabPane("Overview"):
                with Vertical(id="facts"):
                    for name in ("Waiting", "Last run", "Alerts", "Disk", "Failing"):
                        yield Static(f"{name}     12 new   3 changed   1 missing   41 failing")
                yield DataTable(id="recent")
            with TabPane("Logs"):
                yield RichLog()
            with TabPane("Runs"):
                yield DataTable(id="runs")
        with Horizontal(id="buttons"):
            for name in ("Migrate", "Reprocess", "Archive", "Rollback"):
                yield Button(name)
        yield Footer()

    def on_mount(self) -> None:
        for table in self.query(DataTable):
            table.add_columns("time", "action", "status", "files", "seconds", "who")
            table.add_rows([("14:02", "migrate", "partial", "40", "4.1", "ann")] * 8)


if __name__ == "__main__":
    Reference().run()
