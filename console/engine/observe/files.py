"""Files as the ledger and the disk know them: lists, one file with its history, why it was or was not
published.
"""

from console.engine.observe.files_detail import Acceptance, FileDetail, HistoryRow, raw_path, show_file
from console.engine.observe.files_explain import Explanation, Step, explain
from console.engine.observe.files_list import (
    LISTED,
    FilePage,
    FileRow,
    Hold,
    count_files,
    every_file,
    list_files,
)

__all__ = [
    "LISTED",
    "Acceptance",
    "Explanation",
    "FileDetail",
    "FilePage",
    "FileRow",
    "HistoryRow",
    "Hold",
    "Step",
    "count_files",
    "every_file",
    "explain",
    "list_files",
    "raw_path",
    "show_file",
]
