"""Demo: `python -m widgets.runs`."""

from textual.app import ComposeResult

from console.engine.observe.runs_undo import UndoWords
from widgets.demo import DemoApp, show
from widgets.runs import RunDetail, RunsPane
from widgets.runs.compare import RunComparison
from widgets.samples import sample_changes, sample_comparison, sample_outcome, sample_run


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield RunsPane()

    @property
    def pane(self) -> RunsPane:
        return self.query_one(RunsPane)

    def on_mount(self) -> None:
        self.pane.runs = [sample_run(seq) for seq in range(500, 0, -1)]

    def on_run_detail_outcomes_wanted(self, message: RunDetail.OutcomesWanted) -> None:
        page = [sample_outcome(message.after_id + number) for number in range(1, 201)]
        self.pane.detail.add_outcomes(message.run.seq, message.after_id, message.outcome, page, 200)

    def on_run_detail_undo_wanted(self, message: RunDetail.UndoWanted) -> None:
        self.pane.detail.show_undo(message.run, UndoWords(True, "b: plan the rollback of 57 changes"))

    def on_runs_pane_more_wanted(self, message: RunsPane.MoreWanted) -> None:
        self.pane.add_older(message.before_seq, message.filter, [], 500, 500)

    def on_runs_pane_compare_wanted(self, message: RunsPane.CompareWanted) -> None:
        found = sample_comparison()
        found.before, found.after = sorted((message.before, message.after), key=lambda run: run.seq)
        self.pane.show_comparison(found)

    def on_run_comparison_files_wanted(self, message: RunComparison.FilesWanted) -> None:
        number = min(200, message.found.files[message.change] - message.start)
        page = sample_changes(message.change, message.start, number)
        self.pane.comparison.add_files(message.found, message.change, message.start, page)


if __name__ == "__main__":
    show(Demo())
