"""Demo: `python -m widgets.actionbar`."""

from textual.app import App, ComposeResult

from widgets.actionbar import ActionBar


class Demo(App[None]):
    def compose(self) -> ComposeResult:
        yield ActionBar()

    def on_action_bar_wanted(self, message: ActionBar.Wanted) -> None:
        self.notify(message.action.summary, markup=False)


if __name__ == "__main__":
    Demo().run()
