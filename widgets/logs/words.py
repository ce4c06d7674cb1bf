"""The words of the log pane: levels, an empty page, the list of logs."""

from __future__ import annotations

from datetime import datetime, tzinfo

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_conditions import Condition, Narrowing
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_record import describe_record
from console.engine.observe.logs_view import Row
from console.engine.text import size as size_text
from console.engine.text import visible
from widgets.logs.page import Page
from widgets.look import Cell, fit, width_of

LEVELS = (Level.NONE, Level.INFO, Level.WARNING, Level.ERROR)  # what the filter goes through
_KINDS = {
    "merged": "each line marked",
    "text": "for people",
    "structured": "one JSON a line",
    "stderr": "error output",
    "other": "other",
}


def level_text(level: Level) -> str:
    """The filter's word for showing `level` and above."""
    return level.word or "all"


def empty_text(page: Page) -> str:
    """What a page without rows says: what would fill it."""
    if page.file is None:
        return ""
    if page.busy:
        return f"{page.busy} …"
    if page.narrowing.conditions and page.size:
        return "no line is left by these filters; L: all lines, Backspace: without the newest filter"
    if page.least is not Level.NONE and page.size:
        return f"no record of level {level_text(page.least)} or above; L: all lines"
    return "nothing has been logged here yet"


def filter_words(narrowing: Narrowing, width: int) -> str:
    """The filters in force in at most `width` cells: `error+ · "sff" · not /a.*b/ · run 7f3a`. Sanitised."""
    words = [f"{level_text(narrowing.least)}+"] if narrowing.least is not Level.NONE else []
    words += [condition_text(each) for each in narrowing.conditions]
    room = max(6, (width - 3 * (len(words) - 1)) // max(1, len(words)))
    if width_of(" · ".join(words)) > width:
        words = [fit(word, room, cut="middle") if width_of(word) > room else word for word in words]
    text = " · ".join(words)
    return text if width_of(text) <= width else fit(text, width)


def condition_text(condition: Condition) -> str:
    """One of them, as the bar names it. Sanitised."""
    text = visible(condition.search.text)
    if condition.kind == "run":
        text = f"run {text[-4:]}"
    elif condition.kind == "file":
        text = f"file {text.rsplit('/', 1)[-1] if text.count('/') < 2 else '/'.join(text.split('/')[-2:])}"
    else:
        text = f"/{text}/" if condition.search.regex else f'"{text}"'
    return f"not {text}" if condition.invert else text


def file_rows(files: list[LogFile], zone: tzinfo) -> list[list[Cell]]:
    """The list of logs as table rows: label, what it is, size, when written."""
    rows: list[list[Cell]] = []
    for file in files:
        kind = _KINDS.get(file.kind, file.kind)
        if file.rotation:
            kind = f"rotated {file.rotation} ×"
        if file.kind == "merged":
            rows.append([(file.label, "accent"), kind, size_text(sum(each.size for each in files)), ""])
            continue
        moment = datetime.fromtimestamp(file.mtime, zone)
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
