"""A list of files as lines of CSV, read by pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from console.engine.context import Context
from console.engine.observe.failures import csv_cell
from console.engine.observe.files_list import FileRow
from console.engine.observe.files_page import Cancelled, FileQuery, Listing
from console.engine.records.words import cause_in_words

COLUMNS = ("file", "status", "source", "records", "failing", "errors", "cause", "size", "judged", "run")
_PAGE = 2000


def export_files(ctx: Context, query: FileQuery, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """The files of a list as RFC 4180 lines without their newline, a header row first.

    Control characters are made visible, and a cell that a spreadsheet would take for a formula begins with an
    apostrophe. Raises Cancelled when cancelled() became true, LedgerError.
    """
    listing = Listing(ctx, query)
    listing.survey()
    yield csv_row(COLUMNS)
    for start in range(0, listing.count, _PAGE):
        if cancelled():
            raise Cancelled
        for row in listing.rows(start, _PAGE):
            yield file_line(row)


def file_line(row: FileRow) -> str:
    """One file as a line of COLUMNS."""
    cause = cause_in_words(row.cause) if row.cause else row.reason
    numbers = (row.records, row.failed_records, row.errors)
    return csv_row((row.path, row.status.value, row.source, *numbers, cause, row.size, row.at, row.run))


def csv_row(cells: Sequence[object]) -> str:
    """Cells as one line of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([csv_cell(cell) for cell in cells])
    return out.getvalue()
