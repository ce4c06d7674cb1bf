"""Demo: `python -m widgets.runs`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.runs import RunDetail, RunsPane
from widgets.samples import sample_outcome, sample_run


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield RunsPane()

    def on_mount(self) -> None:
        self.query_one(RunsPane).runs = [sample_run(seq) for seq in range(500, 0, -1)]

    def on_run_detail_outcomes_wanted(self, message: RunDetail.OutcomesWanted) -> None:
        page = [sample_outcome(message.after_id + number) for number in range(1, 201)]
        detail = self.query_one(RunsPane).detail
        detail.add_outcomes(message.run.seq, message.after_id, message.outcome, page, 200)


if __name__ == "__main__":
    show(Demo())
