"""What is highlighted in a page."""

from __future__ import annotations

from console.engine.observe.logs_search import Search
from console.engine.text import visible
from widgets.logs.page import Page

Marks = dict[int, tuple[tuple[int, int], ...]]  # columns of the text, by row
PER_ROW = 100


def marks_of(page: Page, search: Search | None, short: bool = False) -> Marks:
    """Every occurrence of a text; of an expression, the matches in the line that was found.

    An expression is not run here, where keys are answered: it could take for ever.
    """
    if search is None:
        return {}
    if search.regex:
        found = page.found
        if found is None:
            return {}
        place = (found.segment, found.line.start)
        columns = found.columns()
        if short:
            # what matched, wherever the short form has it
            parts = {found.line.text[start:end] for start, end in columns}
            return {
                number: tuple(span for part in parts for span in _occurrences(row.brief, Search(part)))
                for number, row in enumerate(page.rows)
                if row.position == place
            }
        return {number: columns for number, row in enumerate(page.rows) if row.position == place}
    return {
        number: spans
        for number, row in enumerate(page.rows)
        if row.line is not None and (spans := _occurrences(row.brief if short else row.text, search))
    }


def _occurrences(text: str, search: Search) -> tuple[tuple[int, int], ...]:
    sought = visible(search.text)
    if search.ignore_case:
        text, sought = text.lower(), sought.lower()
    found: list[tuple[int, int]] = []
    at = text.find(sought) if sought else -1
    while at >= 0 and len(found) < PER_ROW:
        found.append((at, at + len(sought)))
        at = text.find(sought, at + len(sought))
    return tuple(found)
