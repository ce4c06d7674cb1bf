"""LogPane: read, follow, filter and search the logs of a workspace."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import BindingType

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_conditions import Narrowing
from console.engine.observe.logs_search import Search
from console.engine.text import visible
from widgets.logs.chooser import LogChooser
from widgets.logs.keys import HELP, KEYS
from widgets.logs.messages import CopyWanted, FileShown, FileWanted, FollowChanged, Problem, RunWanted, SaveWanted
from widgets.logs.taking import TakingPane


class LogPane(TakingPane):
    """One log at a time, or all merged by time, opened at the end. Arguments: see BasePane.

    Methods for others: `open_log`, `show_run`, `find`, `show_only`. Says FileShown, FollowChanged and Problem; asks for
    what it does not do itself by FileWanted, RunWanted, CopyWanted and SaveWanted.
    """

    BINDINGS: ClassVar[list[BindingType]] = KEYS
    HELP = HELP

    FileShown = FileShown
    FollowChanged = FollowChanged
    Problem = Problem
    FileWanted = FileWanted
    RunWanted = RunWanted
    CopyWanted = CopyWanted
    SaveWanted = SaveWanted

    # -- for others ------------------------------------------------------------------------------------------

    def open_log(self, file: LogFile) -> None:
        """Show this log at its end."""
        self._opened = True
        if not self._ready:
            self._waiting.append(lambda: self.open_log(file))
            return
        self._set_mode("lines")
        self._ask("")
        self._open(file)

    def _open(self, file: LogFile) -> None:
        """Whatever is in front stays there: somebody may be typing already."""
        self._opened = True
        self._cursor, self._left, self._mark = None, 0, None
        self._feed.open(file)
        self.post_message(self.FileShown(self, file))

    def show_run(self, run_id: str) -> None:
        """Show what the structured log says of a run, from its last line on; its error output where that is
        all.
        """
        if self._ready:
            self.query_one(LogChooser).ask("run", run_id)
        else:
            self._waiting.append(lambda: self.show_run(run_id))

    def find(self, text: str) -> None:
        """Look for `text`, upwards from the end."""
        self._search = Search(text)
        if self._narrowing:
            self.show_only(Narrowing())
        self._feed.view(lambda view: view.end())
        self._feed.find(self._search, None, backward=True)

    # -- other logs ------------------------------------------------------------------------------------------

    def action_files(self) -> None:
        self.query_one(LogChooser).ask("choose")

    @on(LogChooser.Listed)
    def _listed(self, message: LogChooser.Listed) -> None:
        message.stop()
        if message.purpose == "choose":
            shown = self._page.file.path if self._page.file is not None else ""
            self.query_one(LogChooser).offer(message.files, shown)
            self._set_mode("files")
            self._ask("choose a log")
        elif message.purpose == "run":
            file = message.for_run()
            if file is None:
                self.post_message(self.Problem(self, f"no log names run {visible(message.run)}"))
                return
            self.open_log(file)
            if file.run != message.run:
                self.find(message.run)
        elif message.files and not self._opened:
            self._open(message.files[0])

    @on(LogChooser.Picked)
    def _picked(self, message: LogChooser.Picked) -> None:
        message.stop()
        self.open_log(message.file)

    def action_back(self) -> None:
        """Close what is in front; then drop a search under way, its highlights, the mark."""
        if self._mode != "lines":
            self._set_mode("lines")
            self._ask("")
        elif self._page.busy:
            self._feed.drop_search()
        elif self._search is not None:
            self._search = None
            self._feed.forget_mark()
        else:
            self._mark = None
        self._draw()
