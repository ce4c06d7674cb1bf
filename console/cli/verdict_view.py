"""A verdict for people: what fails in which record, line and field, by which rule, with the value."""

from __future__ import annotations

from console.cli.output import Stream
from console.engine.records.model import Verdict
from console.engine.text import count, plural


def show_verdict(stream: Stream, verdict: Verdict, limit: int, indent: str = "  ") -> None:
    """Warnings, then each error of the first `limit` failing records, then how many more there are."""
    for text, records in verdict.warnings:
        stream.line(indent, ("yellow", "warning "), f"{text} ({plural(records, 'record')})")
    for note in verdict.notes:
        stream.line(f"{indent}note: {note}")
    for record in verdict.failing[:limit]:
        where = f"record {count(record.number)}" if record.number else "the file"
        if record.line:
            where += f", line {count(record.line)}"
        for error in record.errors:
            value = f": {error.value}" if error.value and error.value not in error.message else ""
            field = f"{error.field} " if error.field else ""
            stream.line(f"{indent}{where}  {field}[{error.rule}] {error.message}{value}")
        if record.excerpt:
            room = stream.width - len(indent) - 3
            cut = stream.terminal and len(record.excerpt) > room
            stream.line(indent, "  ", ("dim", record.excerpt[: room - 1] + "…" if cut else record.excerpt))
    failing = sum(1 for record in verdict.failing if record.number)
    rest = verdict.failed_records - min(failing, limit)
    if rest > 0:
        stream.line(f"{indent}and {plural(rest, 'more failing record')}")
    if not verdict.formats_asserted:
        stream.line(f"{indent}formats were not asserted: the rule says so")
