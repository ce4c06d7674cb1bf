"""Demo: `python -m widgets.pager`."""

from textual.app import App, ComposeResult

from widgets.pager import Pager


class Demo(App[None]):
    def compose(self) -> ComposeResult:
        yield Pager("# A report\n\n" + "\n".join(f"{n} [b]words[/b] \x1b[31m and more" * 4 for n in range(500)))


if __name__ == "__main__":
    Demo().run()
