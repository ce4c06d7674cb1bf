"""The words of the log pane: levels, an empty page, the list of logs."""

from __future__ import annotations

from datetime import datetime

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_levels import Level
from console.engine.text import size as size_text
from widgets.logs.feed import Page
from widgets.look import Cell

LEVELS = (Level.NONE, Level.INFO, Level.WARNING, Level.ERROR)  # what the filter goes through
_KINDS = {"text": "for people", "structured": "one JSON a line", "stderr": "error output", "other": "other"}

HELP = """\
# Logs
One log at a time, opened at its end. A full page moves up by a third at
once, so that what you read stands still.

up down j k      the line under the cursor; moving up pauses
PageUp PageDown  a page; arriving at the end follows again
g G Home End     beginning; end, and follow
f                follow or pause; paused, new lines are counted
l L              info, warning, error and above; all again
e E              next and previous error
/                find a text; Ctrl+R: a regular expression;
                 capitals count as soon as you type one
n N              next and previous match among what the level shows
s                short lines: time, level, what, file, why
left right w     sideways in long lines; wrap them
Enter            the whole record, laid out; Esc: back
o                other logs: structured, rotated, errors of runs

✗ error or worse   ! warning   · debug
▸ what happened to the file: rotated, truncated, replaced, gone
Controls and bytes that are no text are shown as ␛, \\x9b, \\xff;
nothing in a log is ever carried out.
"""


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
