"""An audit as Markdown, CSV or JSON. Nothing in it acts: no markup, no formula, no control character."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from console.engine.observe.audit import Audit, Entry, Section
from console.engine.observe.files_export import csv_row
from console.engine.observe.report import code

_COLUMNS = ("at", "who", "what", "number", "run", "note")
_TITLES = {"at": "When (UTC)", "who": "Who", "what": "What", "number": "Number", "run": "Run", "note": "Note"}


def markdown(audit: Audit) -> Iterator[str]:
    """Lines of Markdown (CommonMark with tables) that read well as plain text too."""
    yield f"# What happened in {code(audit.workspace)}"
    yield ""
    yield f"From {_minute(audit.since)} to {_minute(audit.until)} UTC, root {code(audit.root)}."
    yield f"Made for {code(audit.made_by)}. Every number is the ledger's."
    if not audit.sections:
        yield ""
        yield "There is no ledger yet: opsconsole has not worked here."
    for section in audit.sections:
        yield ""
        yield f"## {section.title}"
        yield ""
        yield from _table(section)


def _table(section: Section) -> Iterator[str]:
    if not section.entries:
        yield section.empty
        return
    columns = [name for name in _COLUMNS if any(getattr(entry, name) not in ("", None) for entry in section.entries)]
    yield "| " + " | ".join(_TITLES[name] for name in columns) + " |"
    yield "|" + "|".join(" ---: " if name == "number" else " --- " for name in columns) + "|"
    for entry in section.entries:
        yield "| " + " | ".join(_cell(entry, name) for name in columns) + " |"


def _cell(entry: Entry, name: str) -> str:
    if name == "number":
        return "" if entry.number is None else f"{entry.number:,.0f}"
    value = str(getattr(entry, name))
    return _minute(value) if name == "at" else code(value, table=True)


def _minute(at: str) -> str:
    """`2026-03-04 05:06`, of a time that we wrote; anything else as a code span."""
    whole = len(at) >= 16 and at[:10].replace("-", "").isdigit() and at[11:16].replace(":", "").isdigit()
    return f"{at[:10]} {at[11:16]}" if whole else code(at, table=True)


def csv_lines(audit: Audit) -> Iterator[str]:
    """RFC 4180 lines without their newline; the first names the columns. A cell is never a formula."""
    yield csv_row(("section", *_COLUMNS))
    for section in audit.sections:
        for entry in section.entries:
            values = [getattr(entry, name) for name in _COLUMNS]
            yield csv_row((section.name, *("" if value is None else _whole(value) for value in values)))


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def document(audit: Audit) -> dict[str, Any]:
    """As plain data: sections by their name."""
    head = {name: getattr(audit, name) for name in ("workspace", "root", "since", "until", "made_by")}
    sections = {section.name: [asdict(entry) for entry in section.entries] for section in audit.sections}
    return {"event": "report", **head, "sections": sections}
