"""Demo: `python -m widgets.pager`."""

from textual.app import ComposeResult

from widgets.demo import DemoApp, show
from widgets.pager import Pager


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield Pager("# A report\n\n" + "\n".join(f"{n} [b]words[/b] \x1b[31m and more" * 4 for n in range(500)))


if __name__ == "__main__":
    show(Demo())
