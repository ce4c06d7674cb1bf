"""Demo: `python -m widgets.disk`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.disk import DiskPane
from widgets.samples import sample_plan, sample_tree, sample_usage


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield DiskPane()

    def on_mount(self) -> None:
        pane = self.query_one(DiskPane)
        pane.usage, pane.waiting = sample_usage(), sample_plan()
        pane.show_tree(sample_tree(), scanning=False)
        pane.table.focus()


if __name__ == "__main__":
    show(Demo())
