"""Demo: `python -m widgets.checklists`."""

from textual.app import ComposeResult

from widgets.checklists import ChecklistsPane
from widgets.demo import DemoApp, show
from widgets.samples_checks import sample_results


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield ChecklistsPane()

    def on_mount(self) -> None:
        pane = self.query_one(ChecklistsPane)
        pane.show(sample_results(), {"backups": "block"})
        pane.table.focus()


if __name__ == "__main__":
    show(Demo())
