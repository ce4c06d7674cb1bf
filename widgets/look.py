"""How state looks on every pane: a sign and a word first, then a tone; bars, short local times.

Tones are names, not colours: `tone_style` turns them into theme variables, so that light, dark, 16 colours and
NO_COLOR all come from the theme. Signs are Unicode here; where a terminal cannot show them the console replaces
them on the way out (console.tui.glyphs), so widgets need not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from console.engine.model import Check, RunStatus
from console.engine.text import visible

Cell = str | tuple[str, str]  # text, or text with the name of its tone

TONES = {
    "": "",
    "good": "$text-success",
    "warn": "$text-warning",
    "bad": "$text-error bold",
    "dim": "$text-muted",
    "strong": "bold",
    "accent": "$text-primary bold",
    "running": "$text-primary bold",
}

RUN_SIGNS: dict[RunStatus, tuple[str, str]] = {
    RunStatus.RUNNING: ("▶", "running"),
    RunStatus.DONE: ("✓", "good"),
    RunStatus.PARTIAL: ("!", "warn"),
    RunStatus.FAILED: ("✗", "bad"),
    RunStatus.CANCELLED: ("●", "warn"),
    RunStatus.REFUSED: ("✗", "bad"),
    RunStatus.INTERRUPTED: ("!", "bad"),
}

CHECK_SIGNS: dict[Check, tuple[str, str, str]] = {
    Check.PASS: ("✓", "ok", "good"),
    Check.WARN: ("!", "warning", "warn"),
    Check.FAIL: ("✗", "fails", "bad"),
    Check.UNKNOWN: ("?", "unknown", "warn"),
}


def tone_style(tone: str) -> str:
    """The content style of a tone, in theme variables."""
    return TONES[tone]


def paint(*parts: Cell) -> Content:
    """One line from texts and (text, tone) pairs; every text is made visible, none is read as markup."""
    pieces: list[Content | tuple[str, str]] = []
    for part in parts:
        text, tone = (part, "") if isinstance(part, str) else part
        pieces.append((visible(text), tone_style(tone)))
    return Content.assemble(*pieces)


def marked(text: str, tone: str = "") -> list[Cell]:
    """Text in which `commands` between ticks stand out instead."""
    return [(part, "accent" if number % 2 else tone) for number, part in enumerate(text.split("`")) if part]


def lines(parts: Iterable[Content]) -> Content:
    """Several contents, one under the other."""
    return Content("\n").join(list(parts))


def width_of(text: str) -> int:
    """Cells that `text` takes on a terminal."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int, *, cut: str = "end", align: str = "left") -> str:
    """`text` in exactly `width` cells: cut at its end or in its middle with `…`, filled with blanks."""
    if width <= 0:
        return ""
    size = width_of(text)
    if size > width:
        if width == 1:
            return "…"
        if cut == "middle":
            tail = (width - 1) * 2 // 3
            text = set_cell_size(text, width - 1 - tail) + "…" + _last_cells(text, tail)
        else:
            text = set_cell_size(text, width - 1) + "…"
        size = width_of(text)
    blank = " " * (width - size)
    return blank + text if align == "right" else text + blank


def _last_cells(text: str, width: int) -> str:
    """The end of `text`, in exactly `width` cells."""
    if len(text) == width_of(text):
        return text[len(text) - width :] if width else ""
    taken = ""
    for character in reversed(text):
        if cell_len(character + taken) > width:
            break
        taken = character + taken
    return " " * (width - cell_len(taken)) + taken


def bar(fraction: float, width: int) -> tuple[str, str]:
    """A determinate bar as its filled and its empty part, `width` cells together."""
    filled = min(width, max(0, round(fraction * width)))
    return "█" * filled, "░" * (width - filled)


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """`text` (one line) in lines of at most `width` cells, broken at blanks where there are any."""
    width = max(8, width)
    most = 4 * width  # characters of a word that are measured at once: a word of thousands must not cost its square
    bare = text.lstrip(" ")
    start = " " * min(len(text) - len(bare), width // 2)
    out: list[str] = []
    line = start
    for word in bare.split(" "):
        room = width - len(indent)
        while len(word) > most or width_of(word) > room:
            if line.strip(" "):
                out.append(line)
                line = indent
            piece = word[:most]
            if width_of(piece) > width - len(line):
                piece = set_cell_size(piece, width - len(line)).rstrip(" ")
            out.append(line + piece)
            word, line = word[len(piece) :], indent
        between = " " if line.strip(" ") else ""
        if width_of(line + between + word) > width:
            out.append(line)
            line = indent + word
        else:
            line += between + word
    return [*out, line] if line.strip(" ") or not out else out


def parse_time(text: str | None) -> datetime | None:
    """The ledger's UTC time text as an aware datetime; None where there is none or it is not one."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def short_time(text: str | None, zone: tzinfo | None, now: datetime) -> str:
    """`14:02` today, `Fri 14:02` within a week, `10-30 14:02` within the year, else `2024-10-30`."""
    moment = parse_time(text)
    if moment is None:
        return "–"
    moment, now = moment.astimezone(zone), now.astimezone(zone)
    days = (now.date() - moment.date()).days
    if days == 0:
        return moment.strftime("%H:%M")
    if 0 < days < 7:
        return moment.strftime("%a %H:%M")
    return moment.strftime("%m-%d %H:%M") if -300 < days < 300 else moment.strftime("%Y-%m-%d")


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one time text to another; None where either is missing."""
    first, last = parse_time(start), parse_time(end)
    return None if first is None or last is None else max(0.0, (last - first).total_seconds())


def joined(parts: Sequence[str], between: str = " · ") -> str:
    """The parts that say something, with a dot between them."""
    return between.join(part for part in parts if part)
