"""What the State pane asks for and says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from textual.message import Message

from console.engine.observe.files_list import FileRow
from widgets.state.scope import Scope


class Listed(Protocol):
    """A list of files as the pane needs it: what console.engine.observe.files_page.Listing is."""

    count: int
    complete: bool
    first: tuple[FileRow, ...]

    def rows(self, start: int, number: int) -> Sequence[FileRow]: ...


class ListingWanted(Message, namespace="state_pane"):
    """A list of what this scope says; `show_listing` takes it, again and again as it grows."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope


class RowsWanted(Message, namespace="state_pane"):
    """Rows of a list from `start` on; `show_rows` takes them."""

    def __init__(self, listing: Listed, start: int, number: int) -> None:
        super().__init__()
        self.listing, self.start, self.number = listing, start, number


class GroupsWanted(Message, namespace="state_pane"):
    """Causes or sources; `show_groups` takes them."""

    def __init__(self, view: str) -> None:
        super().__init__()
        self.view = view


class CountsWanted(Message, namespace="state_pane"):
    """How many files of each status; `show_counts` takes them."""


class LookWanted(Message, namespace="state_pane"):
    """All that is known of a file; `show_look` takes it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class _OfFile(Message):
    def __init__(self, row: FileRow) -> None:
        super().__init__()
        self.row = row


class RunWanted(_OfFile, namespace="state_pane"):
    """Show the run that judged this file last."""


class LogWanted(_OfFile, namespace="state_pane"):
    """Show what the log says of this file."""


class ProcedureWanted(_OfFile, namespace="state_pane"):
    """Start the procedure that helps with this file."""


class CopyWanted(Message, namespace="state_pane"):
    """To the clipboard."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__()
        self.text, self.what = text, what


class _OfScope(Message):
    """scope: what is listed; path: the one file that is meant, '' for all of it; files: how many."""

    def __init__(self, scope: Scope, path: str, files: int) -> None:
        super().__init__()
        self.scope, self.path, self.files = scope, path, files


class ExportWanted(_OfScope, namespace="state_pane"):
    """Somebody wants the list as a file."""


class AcceptWanted(_OfScope, namespace="state_pane"):
    """Somebody wants to answer for these failures."""


class ReprocessWanted(_OfScope, namespace="state_pane"):
    """Somebody wants to see the plan of judging these again."""
