"""Demo: `python -m widgets.push`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.push import Push


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield Push("Cancel")
        yield Push("Migrate", classes="-main")
        yield Push("Archive", disabled=True)

    def on_push_pressed(self, message: Push.Pressed) -> None:
        self.notify(message.push.label, markup=False)


if __name__ == "__main__":
    show(Demo())
