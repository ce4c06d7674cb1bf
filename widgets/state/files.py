"""FileList: the table of files. Its rows come block by block as they are looked at, from a list of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from console.engine.model import FileStatus
from console.engine.observe.files_list import FileRow
from console.engine.observe.files_waiting import OnDisk
from widgets.look import Cell
from widgets.state.messages import Listed, RowsWanted
from widgets.state.patient import PatientTable
from widgets.state.rows import BLOCK, LazyRows
from widgets.state.scope import Scope
from widgets.state.words import FILE_COLUMNS, file_cells


class FileList(PatientTable):
    """Attributes in: prefix (what every path begins with), overlay (status by path, as the disk has it).

    Methods in: show_listing, show_rows, show_disk. Message out: RowsWanted.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(FILE_COLUMNS, id=id, empty="looking…")
        self.prefix = ""
        self.overlay: Mapping[str, FileStatus] = {}
        self._lazy = LazyRows(self._cells, self._want)
        self._listing: Listed | None = None
        self._listed: Scope | None = None  # what the rows are of
        self._now = datetime.now(UTC)
        self._stand_at = 0  # where the cursor was when one went deeper
        self._stand_on = ""  # the file it is to stand on again

    @property
    def length(self) -> int:
        """How many files are known to be listed."""
        return len(self._lazy)

    @property
    def complete(self) -> bool:
        """Whether there are no more, of what was asked for last."""
        return not self.expecting and (self._listing is None or self._listing.complete)

    def row(self, index: int | None = None) -> FileRow | None:
        """The file at this position, by default under the cursor; None where it is not here yet."""
        at = self.cursor if index is None else index
        return self._lazy.row(at) if 0 <= at < len(self._lazy) else None

    def has_row(self) -> bool:
        return self.row() is not None

    def keep(self) -> None:
        """The list is read again: the cursor stays on its file."""
        row = self.row()
        self._stand_on = row.path if row is not None else ""

    def _cells(self, row: FileRow) -> tuple[Cell, ...]:
        return file_cells(row, self.prefix, self._now, self.overlay.get(row.path))

    def _want(self, start: int) -> None:
        if self._listing is not None:
            self.post_message(RowsWanted(self._listing, start, BLOCK).set_sender(self))

    def show_listing(self, scope: Scope, listing: Listed) -> None:
        """A list, as far as it is known by now."""
        if listing is not self._listing:
            self._listing = listing
            self._begin(scope, listing.first)
        elif not self._lazy.length and listing.first:
            self._lazy.put(0, listing.first)
        self._lazy.length = max(listing.count, 0 if listing.complete else self._lazy.length)
        self.recount()
        if listing.complete:
            self._stand()
            self.expecting = False
        self.arrived()

    def show_disk(self, scope: Scope, disk: OnDisk) -> None:
        """Files that only the disk knows."""
        text = scope.filter.lower()
        found = [row for row in disk.rows if row.status == scope.disk and text in row.path.lower()]
        self._listing = None
        self._begin(scope, ())
        self._lazy.keep_all = True
        for start in range(0, len(found), BLOCK):
            self._lazy.put(start, found[start : start + BLOCK])
        self._lazy.length = len(found)
        self.recount()
        self.expecting = False

    def _begin(self, scope: Scope, first: Sequence[FileRow]) -> None:
        again = self._listed is not None and replace(self._listed, cursor=0) == replace(scope, cursor=0)
        cursor = self.cursor if again else 0
        self._stand_at = 0 if again else scope.cursor
        self._stand_on = self._stand_on if again else ""
        self._listed, self._now = scope, datetime.now(UTC)
        self._lazy = LazyRows(self._cells, self._want)
        if first:
            self._lazy.put(0, first)
        self._lazy.length = max(len(first), cursor + 1 if cursor else 0)  # no jump while it is counted
        self.rows = self._lazy
        self.cursor = cursor

    def _stand(self) -> None:
        """The cursor, where it was before one went deeper or before it was read again."""
        if self._stand_at:
            self.cursor = self._stand_at
        elif self._stand_on:
            at = self._lazy.find(self._stand_on)
            self.cursor = self.cursor if at is None else at
        self._stand_at, self._stand_on = 0, ""

    def show_rows(self, listing: Listed, start: int, rows: Sequence[FileRow] | None) -> bool:
        """Rows that were asked for; None where they could not be read. False where another list is shown by now."""
        if listing is not self._listing:
            return False
        if rows is None:
            self._lazy.forget(start)
        else:
            self._lazy.put(start, rows)
            self.refresh()
            self.arrived()
        return True
