"""Demo: `python -m widgets.push`."""

from textual.app import App, ComposeResult

from widgets.push import Push


class Demo(App[None]):
    def compose(self) -> ComposeResult:
        yield Push("Cancel")
        yield Push("Migrate", classes="-main")
        yield Push("Archive", disabled=True)

    def on_push_pressed(self, message: Push.Pressed) -> None:
        self.notify(message.push.label, markup=False)


if __name__ == "__main__":
    Demo().run()
