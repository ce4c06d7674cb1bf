"""Everything that the command line prints: lines, tables, JSON, the progress line. Nothing else writes.

Text from outside passes `console.engine.text.visible` here, once, on its way out; colours are added after, so
no file name can bring its own. JSON is ASCII, so that it round-trips whatever the names are.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from console.engine.text import shorten_middle, visible

Part = str | tuple[str, str]  # text, or (style, text)

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "accent": "36"}
_ASCII = {ord("·"): "-", ord("–"): "-", ord("…"): "~", ord("×"): "x", ord("█"): "#", ord("░"): "."}


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int) -> str:
    """`text` cut in the middle until it takes at most `width` columns."""
    if cells(text) <= width:
        return text
    keep = width
    while keep > 0 and cells(shorten_middle(text, keep)) > width:
        keep -= 1
    return shorten_middle(text, keep)


def clip(text: str, width: int) -> str:
    """`text` cut at its end until it takes at most `width` columns."""
    if cells(text) <= width:
        return text
    while text and cells(text) >= width:
        text = text[:-1]
    return text + "…" if width > 0 else ""


def _terminal_charset() -> str:
    """The character set that the locale names; C and POSIX give ASCII."""
    try:
        import _locale

        return str(_locale.nl_langinfo(_locale.CODESET))
    except (ImportError, AttributeError):
        return "utf-8"


class OutputError(Exception):
    """What was printed could not be written, to a full disk for example."""


class Stream:
    """Standard output or error: visible text, colours only where wanted, quiet when nobody listens."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.gone = False  # the reader went away (`| head`): go on without a word
        self.terminal = stream.isatty()
        self.smart = self.terminal and os.environ.get("TERM", "dumb") not in ("", "dumb")
        self.colours = self.smart and not os.environ.get("NO_COLOR")
        charset = _terminal_charset().lower().replace("-", "")
        self.ascii = self.terminal and charset not in ("utf8", "utf8mb4")
        if hasattr(stream, "reconfigure"):
            # no name may make printing fail: what the character set lacks is written as an escape
            stream.reconfigure(errors="backslashreplace", **({"encoding": "ascii"} if self.ascii else {}))

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 where it does not say."""
        try:
            columns = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return columns or 80

    def write(self, text: str) -> None:
        """Raw text, already made visible."""
        if self.gone:
            return
        try:
            self.stream.write(text)
        except OSError as error:
            self._lost(error)

    def flush(self) -> None:
        if self.gone:
            return
        try:
            self.stream.flush()
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        """Reader or terminal gone: quiet from here on. Anything else (a full disk) is said."""
        if error.errno not in (errno.EPIPE, errno.EIO):
            self.leave()
            raise OutputError(str(error)) from error
        self.leave()

    def leave(self) -> None:
        """Nobody reads any more: what Python would still flush goes nowhere."""
        self.gone = True
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, self.stream.fileno())
        finally:
            os.close(null)

    def paint(self, part: Part) -> str:
        """One part of a line, made visible and then coloured."""
        style, text = ("", part) if isinstance(part, str) else part
        text = visible(text)
        if self.ascii:
            text = text.translate(_ASCII)
        codes = ";".join(_STYLES[name] for name in style.split()) if style and self.colours else ""
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text

    def line(self, *parts: Part) -> None:
        """One line made of parts."""
        self.write("".join(self.paint(part) for part in parts) + "\n")

    def lines(self, text: str) -> None:
        """A text of several lines, each made visible."""
        for line in text.splitlines() or [""]:
            self.line(line)

    def json(self, document: Any) -> None:
        """One JSON object on one line."""
        self.write(json.dumps(document, separators=(", ", ": "), default=_plain) + "\n")

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[Part]],
        *,
        right: Iterable[int] = (),
        cut: Sequence[int] = (),
        paths: Iterable[int] = (),
        aligned: bool = False,
    ) -> int:
        """Columns on a terminal; elsewhere values separated by tabs, without heads. How many rows there were.

        right: columns that are numbers. cut: columns that give way where a line is too long, the widest first;
        of those in `paths` the middle goes, of others the end. aligned: part of a text for people, so columns
        in any case.
        """
        if not self.terminal and not aligned:
            number = 0
            for row in rows:
                self.write("\t".join(visible(_text(cell)) for cell in row) + "\n")
                number += 1
                if self.gone:
                    break
            return number
        painted = [[(_style(cell), visible(_text(cell))) for cell in row] for row in rows]
        if not painted:
            return 0
        widths = [max(cells(head), *(cells(row[i][1]) for row in painted)) for i, head in enumerate(heads)]
        if self.terminal:
            self._shrink(widths, cut)
        numbers, middles = set(right), set(paths)
        self._row([("dim", head) for head in heads], widths, numbers, middles)
        for row in painted:
            self._row(row, widths, numbers, middles)
        return len(painted)

    def _shrink(self, widths: list[int], cut: Sequence[int]) -> None:
        """Take the columns that are too many from the widest of `cut`, none below 12."""
        excess = sum(widths) + 2 * (len(widths) - 1) - (self.width - 1)
        while excess > 0 and cut:
            widest = max(cut, key=lambda column: widths[column])
            if widths[widest] <= 12:
                break
            widths[widest] -= 1
            excess -= 1

    def _row(self, row: Sequence[tuple[str, str]], widths: Sequence[int], right: set[int], middles: set[int]) -> None:
        parts: list[str] = []
        for index, (style, text) in enumerate(row):
            text = fit(text, widths[index]) if index in middles else clip(text, widths[index])
            gap = " " * (widths[index] - cells(text))
            last = index == len(row) - 1
            cell = self.paint((style, text))
            parts.append(gap + cell if index in right else cell if last else cell + gap)
        self.write("  ".join(parts).rstrip(" ") + "\n")


def _text(cell: Part) -> str:
    return cell if isinstance(cell, str) else cell[1]


def _style(cell: Part) -> str:
    return "" if isinstance(cell, str) else cell[0]


def _plain(value: Any) -> Any:
    """What json does not know: dataclasses and the engine's own objects as plain data."""
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


_streams: dict[int, Stream] = {}


def out() -> Stream:
    """Standard output, for results."""
    return _stream(sys.stdout)


def note() -> Stream:
    """Standard error, for diagnostics, questions and progress."""
    return _stream(sys.stderr)


def _stream(stream: TextIO) -> Stream:
    known = _streams.get(id(stream))
    if known is None or known.stream is not stream:
        known = _streams[id(stream)] = Stream(stream)
    return known


class ProgressLine:
    """One line that is redrawn in place on a terminal; nothing at all elsewhere."""

    def __init__(self, stream: Stream, wanted: bool = True) -> None:
        self._stream = stream
        self._shown = ""
        self._at = 0.0
        self.on = wanted and stream.smart

    def show(self, text: str) -> None:
        """Redraw, when something changed and not ten times a second: a slow line is not fed for nothing."""
        now = time.monotonic()
        if not self.on or (self._shown and now - self._at < 0.1):
            return
        self._at = now
        text = clip(self._stream.paint(text), self._stream.width - 1)
        if text != self._shown:
            self._stream.write(f"\r{text}\x1b[K")
            self._stream.flush()
            self._shown = text

    def clear(self) -> None:
        """Take the line away, so that what follows stands alone."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = ""


def bar(part: float, width: int) -> str:
    """A bar of `width` cells, `part` of it (0 to 1) filled."""
    filled = round(max(0.0, min(1.0, part)) * width)
    return "█" * filled + "░" * (width - filled)
