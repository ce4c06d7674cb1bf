"""Demo: `python -m widgets.logs FILE...`."""

import os
import sys

from textual.app import ComposeResult

from console.engine.observe.logs import LogFile
from widgets.demo import DemoApp, show
from widgets.logs import LogPane


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        paths = [os.path.abspath(path) for path in sys.argv[1:]]
        yield LogPane(lambda: [LogFile(path, os.path.basename(path), "other") for path in paths])

    def on_mount(self) -> None:
        self.query_one(LogPane).focus()


if __name__ == "__main__":
    show(Demo())
