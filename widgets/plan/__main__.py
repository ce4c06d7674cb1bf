"""Demo: `python -m widgets.plan`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.plan import PlanFiles, PlanView
from widgets.samples import sample_plan


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield PlanView()
        yield PlanFiles(sample_plan(depth="full"))

    def on_mount(self) -> None:
        self.query_one(PlanView).show(sample_plan(depth="full", refused=True))


if __name__ == "__main__":
    show(Demo())
