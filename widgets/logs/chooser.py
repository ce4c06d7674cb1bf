"""LogChooser: the logs that there are, listed off the event loop, to choose one from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from textual import on, work
from textual.message import Message

from console.engine.observe.logs import LogFile
from widgets.logs.page import MERGED
from widgets.logs.words import file_rows
from widgets.table import Column, VirtualTable

_COLUMNS = [
    Column("log", cut="middle"),
    Column("what", 18),
    Column("size", 8, "right"),
    Column("written", 12),
]


class LogChooser(VirtualTable):
    """Says Listed when the list that was asked for is there, and Picked."""

    class Listed(Message):
        """The logs there are; `purpose` and `run` as they were asked with."""

        def __init__(self, files: list[LogFile], purpose: str, run: str) -> None:
            super().__init__()
            self.files, self.purpose, self.run = files, purpose, run

        def for_run(self) -> LogFile | None:
            """The log that says most about the run: the structured one, else its error output."""
            own = (file for file in self.files if file.run == self.run)
            written = (file for file in self.files if file.kind == "structured" and file.size)
            return next(written, None) or next(own, None)

    class Picked(Message):
        """This log is to be shown."""

        def __init__(self, file: LogFile) -> None:
            super().__init__()
            self.file = file

    def __init__(self, log_files: Callable[[], list[LogFile]], zone: tzinfo, *, id: str | None = None) -> None:
        """zone: of the times shown."""
        super().__init__(_COLUMNS, empty="no log has been written yet", id=id)
        self._log_files, self._zone = log_files, zone
        self._files: list[LogFile] = []

    @work(thread=True, exclusive=True, exit_on_error=False, group="logs-list")
    def ask(self, purpose: str, run: str = "") -> None:
        """List them again, then say Listed."""
        self.post_message(self.Listed(self._log_files(), purpose, run))

    def offer(self, files: list[LogFile], shown: str) -> None:
        """Put them up for choice, all of them by time first, the cursor on the one with the path `shown`."""
        self._files = files = [MERGED, *files]
        self.rows = file_rows(files, self._zone)
        self.cursor = next((number for number, file in enumerate(files) if file.path == shown), 0)

    @on(VirtualTable.Chosen)
    def _chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if message.index < len(self._files):
            self.post_message(self.Picked(self._files[message.index]))

    @on(VirtualTable.Moved)
    @on(VirtualTable.NearEnd)
    def _keep(self, message: Message) -> None:
        message.stop()  # of no interest outside
