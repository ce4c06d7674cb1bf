"""A report's Markdown as plain lines with tones: headings, tables in columns, code without its ticks.

Only what our own reports use. A Markdown widget would follow links and draw images that come from data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from widgets.look import fit, width_of

CELL_MOST = 60  # cells of one column; longer ones go on, the next column moves


def plain(text: str) -> list[tuple[str, str]]:
    """Lines as (text, tone) for a Pager."""
    out: list[tuple[str, str]] = []
    table: list[list[str]] = []
    for line in text.split("\n"):
        if line.startswith("|") and line.rstrip().endswith("|"):
            table.append([cell.strip() for cell in _cells(line)])
            continue
        out += _table(table)
        table = []
        if line.startswith("#"):
            out.append((_code(line.lstrip("#").strip()), "accent" if line.startswith("# ") else "strong"))
        else:
            out.append((_code(line), ""))
    return out + _table(table)


def _cells(line: str) -> list[str]:
    """The cells of a table's row; `\\|` is a bar inside one."""
    cells, cell, at = [], "", 1
    body = line.rstrip()
    while at < len(body):
        if body[at] == "\\" and at + 1 < len(body):
            cell += body[at + 1]
            at += 1
        elif body[at] == "|":
            cells.append(cell)
            cell = ""
        else:
            cell += body[at]
        at += 1
    return cells


def _code(text: str) -> str:
    """Text without the ticks around code."""
    return text.replace("`", "")


def _table(rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    kept = [[_code(cell) for cell in row] for row in rows if not _is_rule(row)]
    if not kept:
        return []
    widths = [
        min(CELL_MOST, max(width_of(row[at]) if at < len(row) else 0 for row in kept)) for at in range(len(kept[0]))
    ]
    has_head = any(kept[0]) and len(rows) > 1 and _is_rule(rows[1])
    lines = []
    for number, row in enumerate(kept):
        if not any(row):
            continue
        cells = [fit(cell, max(width_of(cell), width)) for cell, width in zip(row, widths, strict=False)]
        lines.append(("  ".join(cells).rstrip(), "dim" if has_head and not number else ""))
    return lines


def _is_rule(row: Iterable[str]) -> bool:
    return all(cell and not cell.strip("-: ") for cell in row)
