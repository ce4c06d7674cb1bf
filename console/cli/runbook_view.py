"""A runbook on a terminal, and as JSON: headings, prose, lists, code, and what each shell block does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from console.cli.output import Part, Stream, out
from console.cli.session import spoken_command
from console.engine.procedures.runbook import Block, Element, Runbook, sections_listed
from console.engine.procedures.runbook_command import runnable
from console.engine.procedures.runbook_known import safe_way
from console.engine.procedures.runbook_names import Class
from console.engine.procedures.runbook_safe import Safe
from console.engine.settings.model import Settings

_ROOM = 100  # columns: longer lines are hard to read, however wide the terminal is
_DEEPEST = 8  # levels of lists that are indented further
_STYLES = {Class.READS: "green", Class.WRITES: "yellow", Class.DELETES: "red"}


def show_book(book: Runbook, settings: Settings) -> None:
    """All of it, rendered."""
    stream = out()
    before = ""
    for element in book.elements:
        if before and not (before == element.kind == "item"):
            stream.line("")
        before = element.kind
        if element.kind == "heading":
            style = "bold accent" if element.level <= 2 else "bold"
            stream.line((style, f"{'#' * element.level} {element.text}"), ("dim", f"  ({element.section})"))
        elif element.kind == "block" and element.block is not None:
            _block(stream, element, element.block, settings)
        elif element.kind == "code":
            for line in element.text.split("\n"):
                stream.line(_indent(element.level) + "    ", ("dim", line.expandtabs(8)))
        elif element.kind == "rule":
            stream.line("-" * 20)
        elif element.kind == "item":
            _wrapped(stream, element.text, _indent(element.level - 1), element.marker + " ")
        else:
            _wrapped(stream, element.text, _indent(element.level), "")
        if stream.gone:
            return


def _indent(level: int) -> str:
    return "   " * max(0, min(level, _DEEPEST))


def _wrapped(stream: Stream, text: str, indent: str, marker: str) -> None:
    room = max(20, min(stream.width - 1, _ROOM) - len(indent) - len(marker))
    for paragraph in text.split("\n") or [""]:
        lines = textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False) or [""]
        for line in lines:
            stream.line(indent, ("bold", marker) if marker.strip() else marker, line)
            marker = " " * len(marker)


def _block(stream: Stream, element: Element, block: Block, settings: Settings) -> None:
    indent = _indent(element.level)
    number = f"[{block.number}] "
    asks = "; asks for " + ", ".join(block.placeholders) if block.placeholders else ""
    stream.line(indent, ("bold", number), *_what(block), asks)
    gap = indent + " " * len(number)
    if safe := safe_way(block, settings):
        stream.line(gap, "the safe way: ", ("bold", safe.words), " (a part of it)" if safe.left else "")
    if why := _why_not(block):
        _wrapped(stream, f"not run from here: {why}", gap, "")
    for line in block.text.split("\n"):
        stream.line(gap, "  ", line.expandtabs(8)) if line.strip() else stream.line("")


def _what(block: Block) -> list[Part]:
    if block.kind == "script":
        return [("dim", "a file to save; not run from here")]
    if block.kind == "words":
        return [("dim", "nothing to run")]
    return [(_STYLES[block.does], block.does.word)]


def _why_not(block: Block) -> str:
    return runnable(block, _no_name).why if block.kind == "commands" else ""


def _no_name(spelled: str) -> str:
    return "value"


def show_sections(book: Runbook) -> None:
    """Number, title, how many blocks, and the worst that they do."""
    stream = out()
    rows = []
    for section, blocks, worst in sections_listed(book):
        word: Part = (_STYLES[worst], worst.word) if worst is not None else ""
        title = "  " * max(0, section.level - 1) + section.title if stream.terminal else section.title
        rows.append((str(section.number), title, str(blocks) if blocks else "", word))
    stream.table(("", "section", "blocks", "at worst"), rows, right=(0, 2), cut=(1,))
    if stream.terminal and rows:
        import shlex

        line = spoken_command("runbook", shlex.quote(book.name), "--walk", "NUMBER")
        stream.line(("bold", line), " goes through one, step by step.")


def section_documents(book: Runbook) -> None:
    """The same, one JSON object a section."""
    for section, blocks, worst in sections_listed(book):
        document = {
            "section": section.number,
            "level": section.level,
            "title": section.title,
            "line": section.line,
            "blocks": blocks,
            "class": worst.word if worst is not None else None,
        }
        out().json(document)


def block_documents(book: Runbook, settings: Settings) -> None:
    """One JSON object a block."""
    for block in book.blocks:
        out().json(block_document(book, block, settings))
        if out().gone:
            return


def block_document(book: Runbook, block: Block, settings: Settings) -> dict[str, Any]:
    """A block for programs. runs: whether --walk can run it, why_not: the reason where it cannot."""
    safe = safe_way(block, settings)
    why = _why_not(block)
    return {
        "block": block.number,
        "section": block.section,
        "section_title": book.sections[block.section].title,
        "lines": list(block.lines),
        "kind": block.kind,
        "class": block.does.word if block.kind == "commands" else None,
        "placeholders": block.placeholders,
        "runs": block.kind == "commands" and not why,
        "why_not": why,
        "safe": list(_safe_documents(safe)) if safe else [],
        "left": list(safe.left) if safe else [],
        "text": block.text,
    }


def _safe_documents(safe: Safe) -> Iterator[dict[str, Any]]:
    for step in safe.steps:
        asks = [ask.value for ask in step.asks]
        yield {
            "kind": step.kind,
            "action": step.action,
            "with": dict(step.given),
            "command": step.command,
            "checks": [{"probe": probe, "parameters": dict(given)} for probe, given in step.checks],
            "asks": asks,
        }
