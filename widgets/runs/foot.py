"""The line above the list of runs: what came of a key, what is marked and filtered, which keys help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from console.engine.model import RunRow, RunStatus
from console.engine.text import count
from widgets.look import Cell, short_time, width_of


def list_words(
    runs: Sequence[RunRow], marked: RunRow | None, filter: str, total: int, of: int, zone: tzinfo | None, told: str
) -> list[Cell]:
    """The parts, what matters most first. total: how many match, of so many in all; -1: not counted yet."""
    parts: list[Cell] = [(told, "warn")] if told else []
    if filter:
        known = f"{count(total)} of {count(of)} runs" if total >= 0 else "looking…"
        parts += [(known if runs else "no run", "strong"), filter]
    if marked is not None:
        at = short_time(marked.started_at, zone, datetime.now(UTC))
        parts += [(f"● {marked.action} {marked.short} of {at}", "accent"), "c: compare with it", "m: unmark"]
    elif filter:
        parts += ["Esc: all"]
    if any(row.status == RunStatus.RUNNING for row in runs):
        parts += [("▶ one in progress, t: attach", "running")]
    if marked is None and not filter and runs:
        parts += ["Enter: into it", "m: mark", "c: compare", "/: filter"]
    return parts


def as_many(parts: Iterable[Cell], room: int) -> list[Cell]:
    """As many of the parts as have room in a line of so many cells, the first in any case."""
    line: list[Cell] = []
    for part in parts:
        text, tone = (part, "dim") if isinstance(part, str) else part
        room -= width_of(text) + (3 if line else 0)
        if room < 0 and line:
            break
        line += ["   " if line else "", (text, tone)]
    return line
