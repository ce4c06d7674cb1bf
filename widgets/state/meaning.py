"""Meaning: what the State pane holds, and which files an action that is asked for there is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from textual.containers import Vertical

from console.engine.model import FileStatus
from console.engine.observe.files_causes import CauseGroup, SourceGroup
from console.engine.observe.files_list import FileRow
from console.engine.observe.files_waiting import OnDisk
from widgets.state.choices import Choice
from widgets.state.file import FileView
from widgets.state.files import FileList
from widgets.state.foot import count_words, groups_words
from widgets.state.messages import (
    AcceptWanted,
    CopyWanted,
    ExportWanted,
    LogWanted,
    ProcedureWanted,
    ReprocessWanted,
    RunWanted,
)
from widgets.state.scope import CAUSES, FILES, SOURCES, Scope
from widgets.table import VirtualTable

TABLES = {FILES: "state-files", CAUSES: "state-causes", SOURCES: "state-sources"}


class Meaning(Vertical):
    """The part of StatePane that says what is meant, and posts it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.prefix = ""
        self.unreadable = ""  # why nothing is known of files
        self.read_only = False
        self._disk = OnDisk()
        self._scope = Scope()
        self._behind: list[Scope] = []  # where Esc leads
        self._front = FILES  # a view, `choices` or `file`
        self._causes: Sequence[CauseGroup] = ()
        self._sources: Sequence[SourceGroup] = ()
        self._read: set[str] = set()  # groups that have come at least once
        self._choices: Sequence[Choice] = ()
        self._choosing = ""
        self._counts: Mapping[FileStatus, int] | None = None

    @property
    def table(self) -> FileList:
        """The files."""
        return self.query_one(FileList)

    @property
    def file(self) -> FileView:
        """The one file."""
        view = self.query_one(FileView)
        view.zone, view.prefix = self.zone, self.prefix
        return view

    def _count_words(self) -> str:
        """How much is listed."""
        scope = self._scope
        if scope.view == CAUSES:
            return groups_words(self._causes, "cause", CAUSES in self._read)
        if scope.view == SOURCES:
            return groups_words(self._sources, "source", SOURCES in self._read)
        complete = self.table.complete or bool(self.unreadable)  # nobody goes on counting
        return count_words(scope, self.table.length, complete, self._disk)

    def selection(self) -> tuple[Scope, str, int]:
        """What an action is to be about: the scope, the one file ('' for all of the scope), how many files."""
        scope = self._scope
        if self._front == "file":
            return scope, self.file.wanted, 1
        if scope.view == CAUSES and self._causes:
            group = self._causes[self.query_one("#state-causes", VirtualTable).cursor]
            return Scope(cause=group.key), "", group.files
        if scope.view == SOURCES and self._sources:
            source = self._sources[self.query_one("#state-sources", VirtualTable).cursor]
            return Scope(source=source.source, status=FileStatus.FAILED.value), "", source.failing
        return scope, "", self.table.length

    def action_reprocess(self) -> None:
        self.post_message(ReprocessWanted(*self.selection()).set_sender(self))

    def action_accept(self) -> None:
        self.post_message(AcceptWanted(*self.selection()).set_sender(self))

    def action_export(self) -> None:
        self.post_message(ExportWanted(*self.selection()).set_sender(self))

    def action_log(self) -> None:
        row = self._meant()
        if row is not None:
            self.post_message(LogWanted(row).set_sender(self))

    def action_run(self) -> None:
        row = self._meant()
        if row is not None:
            self.post_message(RunWanted(row).set_sender(self))

    def action_procedure(self) -> None:
        row = self._meant()
        if row is not None:
            self.post_message(ProcedureWanted(row).set_sender(self))

    def action_copy(self) -> None:
        row = self._meant()
        if row is not None:
            self.post_message(CopyWanted(row.path, "the path").set_sender(self))

    def _meant(self) -> FileRow | None:
        """The file that is shown, or under the cursor."""
        if self._front == "file":
            look = self.file.look
            detail = look.detail if look is not None and look.path == self.file.wanted else None
            return detail.row if detail is not None else None
        return self.table.row() if self._front == FILES else None
