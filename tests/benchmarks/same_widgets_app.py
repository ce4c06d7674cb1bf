"""The widgets of the console's first frame, drawn by nothing but Textual: no engine, no threads, no data."""

import os

from console.tui.start import set_knobs

set_knobs(os.environ)  # before textual is imported

from textual.app import App, ComposeResult  # noqa: E402
from textual.containers import Container  # noqa: E402
from textual.widgets import Rule  # noqa: E402

from widgets.actionbar import ActionBar  # noqa: E402
from widgets.overview import OverviewPane  # noqa: E402
from widgets.status import StatusLine  # noqa: E402
from widgets.tabs import TabLine  # noqa: E402


class SameWidgets(App[None]):
    """As the console begins, with its panes not yet filled."""

    def compose(self) -> ComposeResult:
        yield StatusLine()
        yield TabLine([("overview", "Overview", "1"), ("logs", "Logs", "2"), ("runs", "Runs", "6")])
        yield Rule()
        yield Container(OverviewPane())
        yield Rule()
        yield ActionBar()


if __name__ == "__main__":
    SameWidgets().run()
