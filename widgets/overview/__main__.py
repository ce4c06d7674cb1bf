"""Demo: `python -m widgets.overview`."""

from textual.app import ComposeResult

from console.engine.observe.overview import Overview
from widgets.demo import DemoApp, show
from widgets.overview import OverviewPane
from widgets.samples import sample_plan, sample_run, sample_trends


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        pane = OverviewPane()
        runs = tuple(sample_run(seq) for seq in range(9, 0, -1))
        pane.overview = Overview("PROD", "db7", "/srv/pdoom-data", True, runs[0], None, runs, ())
        pane.waiting = sample_plan()
        pane.trends = sample_trends()
        yield pane


if __name__ == "__main__":
    show(Demo())
