"""The words of the log pane: levels, an empty page, the list of logs."""

from __future__ import annotations

from datetime import datetime

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_record import describe_record
from console.engine.observe.logs_view import Row
from console.engine.text import size as size_text
from widgets.logs.feed import Page
from widgets.look import Cell

LEVELS = (Level.NONE, Level.INFO, Level.WARNING, Level.ERROR)  # what the filter goes through
_KINDS = {"text": "for people", "structured": "one JSON a line", "stderr": "error output", "other": "other"}


def level_text(level: Level) -> str:
    """The filter's word for showing `level` and above."""
    return level.word or "all"


def empty_text(page: Page) -> str:
    """What a page without rows says: what would fill it."""
    if page.file is None:
        return ""
    if page.busy:
        return f"{page.busy} …"
    if page.least is not Level.NONE and page.size:
        return f"no record of level {level_text(page.least)} or above; L: all levels"
    return "nothing has been logged here yet"


def file_rows(files: list[LogFile]) -> list[list[Cell]]:
    """The list of logs as table rows: label, what it is, size, when written (this machine's time)."""
    rows: list[list[Cell]] = []
    for file in files:
        kind = _KINDS.get(file.kind, file.kind)
        if file.rotation:
            kind = f"rotated {file.rotation} ×"
        moment = datetime.fromtimestamp(file.mtime).astimezone()
        written = moment.strftime("%m-%d %H:%M") if file.mtime else "not yet"
        rows.append([file.label, kind, size_text(file.size) if file.mtime else "–", (written, "dim")])
    return rows


def record_lines(row: Row, whole: bytes) -> list[tuple[str, str]]:
    """The record as the pager shows it; arguments as of describe_record.

    Leading blanks would be lost where the pager wraps, no-break spaces are not.
    """
    return [(_keep_indent(text), tone) for text, tone in describe_record(row, whole)]


def _keep_indent(text: str) -> str:
    indent = len(text) - len(text.lstrip(" "))
    return "\u00a0" * indent + text[indent:]
