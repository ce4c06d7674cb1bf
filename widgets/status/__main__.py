"""Demo: `python -m widgets.status`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.status import RunState, StatusLine


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        line = StatusLine()
        line.workspace, line.where, line.disk = "PROD", "db7:/srv/pdoom-data", ("212 GB free", "")
        line.running = RunState("migrate", "7f3a", 812, 1304, 3.0)
        yield line


if __name__ == "__main__":
    show(Demo())
