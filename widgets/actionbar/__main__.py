"""Demo: `python -m widgets.actionbar`."""

from textual.app import ComposeResult

from widgets.actionbar import ActionBar
from widgets.demo import DemoApp, show


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield ActionBar()

    def on_action_bar_wanted(self, message: ActionBar.Wanted) -> None:
        self.notify(message.action.summary, markup=False)


if __name__ == "__main__":
    show(Demo())
