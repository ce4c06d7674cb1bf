"""Demo: `python -m widgets.tabs`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.tabs import TabLine


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield TabLine([("overview", "Overview", 1), ("logs", "Logs", 2), ("runs", "Runs", 6)])

    def on_tab_line_picked(self, message: TabLine.Picked) -> None:
        self.query_one(TabLine).current = message.tab


if __name__ == "__main__":
    show(Demo())
