"""Demo: `python -m widgets.logs FILE...`."""

import os
import sys

from textual.app import ComposeResult

from console.engine.observe.logs import LogFile
from widgets.demo import DemoApp, show
from widgets.logs import LogPane


def files() -> list[LogFile]:
    """The files that are named, and what is known of them now."""
    found = [(path, os.stat(path) if os.path.exists(path) else None) for path in map(os.path.abspath, sys.argv[1:])]
    facts = ((path, (stat.st_size, stat.st_mtime) if stat else (0, 0.0)) for path, stat in found)
    return [LogFile(path, os.path.basename(path), "other", size=size, mtime=written) for path, (size, written) in facts]


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield LogPane(files)

    def on_mount(self) -> None:
        self.query_one(LogPane).focus()


if __name__ == "__main__":
    show(Demo())
