"""Demo: `python -m widgets.state`."""

from textual.app import ComposeResult

from console.engine.model import FileStatus
from console.engine.observe.files_explain import Explanation, Step
from console.engine.observe.files_list import FileRow
from widgets.demo import DemoApp, show
from widgets.samples import sample_causes, sample_file
from widgets.state import FileLook, StatePane, messages


class Million:
    """A list of a million files, every seventh of which fails."""

    count, complete = 1_000_000, True

    def __init__(self) -> None:
        self.first = tuple(self.rows(0, 200))

    def rows(self, start: int, number: int) -> list[FileRow]:
        kinds = (FileStatus.FAILED, *[FileStatus.PROCESSED] * 6)
        return [sample_file(at, kinds[at % 7]) for at in range(start, min(start + number, self.count))]


class Demo(DemoApp):
    def compose(self) -> ComposeResult:
        yield StatePane()

    def on_state_pane_listing_wanted(self, message: messages.ListingWanted) -> None:
        self.query_one(StatePane).show_listing(message.scope, Million())

    def on_state_pane_rows_wanted(self, message: messages.RowsWanted) -> None:
        rows = message.listing.rows(message.start, message.number)
        self.query_one(StatePane).show_rows(message.listing, message.start, rows)

    def on_state_pane_groups_wanted(self, message: messages.GroupsWanted) -> None:
        self.query_one(StatePane).show_groups(message.view, sample_causes() if message.view == "causes" else [])

    def on_state_pane_look_wanted(self, message: messages.LookWanted) -> None:
        trace = (Step("Is it there?", "yes, 3.8 KB"), Step("Did it pass?", "no: date is missing"))
        told = Explanation(message.path, FileStatus.FAILED, True, trace, "correct it at its source")
        self.query_one(StatePane).show_look(FileLook(message.path, told))


if __name__ == "__main__":
    show(Demo())
