"""Demo: `python -m widgets.procedures`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.procedures import ProceduresPane
from widgets.procedures.words import Standing
from widgets.samples_procedures import BEGUN, sample_library, sample_session, sample_suggestions


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield ProceduresPane()

    def on_mount(self) -> None:
        pane = self.query_one(ProceduresPane)
        pane.show(sample_library(), [sample_session(*BEGUN)], sample_suggestions())
        pane.show_session(Standing(sample_session(*BEGUN)), keys=True)


if __name__ == "__main__":
    show(Demo())
