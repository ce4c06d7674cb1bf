"""Demo: `python -m widgets.table`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.table import Column, VirtualTable


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield VirtualTable([Column("number", 9, "right"), Column("name", cut="middle")])

    def on_mount(self) -> None:
        self.query_one(VirtualTable).rows = [(f"{n:,}", f"data/raw/[b]{n}.json") for n in range(100_000)]


if __name__ == "__main__":
    show(Demo())
