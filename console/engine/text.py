"""The one sanitiser: text from outside becomes text that no terminal and no markup parser can interpret.

File names, record values, log lines and error texts pass `visible` where they leave the engine's data for a
screen, a terminal or a log line. C0 controls and DEL become their picture (U+2400 block), everything else that
could steer a terminal or hide is written as an escape: C1, bidirectional and zero-width controls, line and
paragraph separators, lone surrogates (bytes of a file name that are no UTF-8), tag characters.
Markup is not this function's business: fronts hand text to widgets as `Content` or `Text`, never as markup.
"""

from __future__ import annotations

import re

_HIDDEN = (
    *range(0x80, 0xA0),  # C1: U+009B alone is a terminal's CSI
    0xAD,
    0x61C,
    *range(0x200B, 0x2010),
    0x2028,
    0x2029,
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
)


_KEPT = 0x10FF00  # where `keepable` puts a byte that is no UTF-8: the last private characters of Unicode
_TO_KEEP = re.compile("[\udc80-\udcff\U0010ff80-\U0010ffff]+")
_WAS_KEPT = re.compile("[\U0010ff80-\U0010ffff]")


class _Visible(dict[int, str]):
    """A table for str.translate: computed for ranges too large to list."""

    def __missing__(self, code: int) -> str:
        if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte of a name that is not UTF-8
            text = f"\\x{code - 0xDC00:02x}"
        elif code >= _KEPT + 0x80:
            text = f"\\x{code - _KEPT:02x}"
        elif 0xD800 <= code <= 0xDFFF or 0xE0000 <= code <= 0xE0FFF:
            text = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        else:
            text = chr(code)
            if len(self) > 20_000:  # bounded: only the common characters are kept
                return text
        self[code] = text
        return text


_TABLE = _Visible({code: chr(0x2400 + code) for code in range(0x20)})
_TABLE[0x7F] = "\u2421"
_TABLE.update({code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _HIDDEN})


def visible(text: str) -> str:
    """`text` on one line with every character that could act or hide made visible. Plain text is returned as is."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)


def recordable(path: str) -> str:
    """A path as the ledger keeps it: bytes of a name that are no UTF-8 written as `\\xff`. Others as they are."""
    if path.isascii():
        return path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def keepable(path: str) -> str:
    """A path as text that any database or JSON can hold and from which `on_disk` has the very name again.

    Bytes that are no UTF-8 become private characters; a name that holds those itself is taken for such bytes.
    """
    if path.isascii():
        return path
    return _TO_KEEP.sub(
        lambda found: "".join(chr(_KEPT + byte) for byte in found.group().encode("utf-8", "surrogateescape")), path
    )


def on_disk(kept: str) -> str:
    """The path that `keepable` was given."""
    if kept.isascii() or not _WAS_KEPT.search(kept):
        return kept
    escaped = _WAS_KEPT.sub(lambda found: chr(ord(found.group()) - _KEPT + 0xDC00), kept)
    return escaped.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def shorten_middle(text: str, width: int) -> str:
    """`text` cut in the middle to `width` characters, as paths are: the ends tell most."""
    if len(text) <= width:
        return text
    if width <= 1:
        return text[:width]
    tail = (width - 1) * 2 // 3
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def count(number: int) -> str:
    """1204 as 1,204."""
    return f"{number:,}"


def plural(number: int, word: str, many: str = "") -> str:
    """`1 file`, `1,204 files`; `many` where the plural is not word + s."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def size(number: float) -> str:
    """Bytes as a short decimal size: `184 MB`, `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if number < 999.5 or unit == "PB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def age(seconds: float) -> str:
    """How long ago, in its largest unit: `3 days`, `2 h`, `5 min`, `10 s`."""
    seconds = max(0.0, seconds)
    if seconds >= 86400:
        return plural(int(seconds // 86400), "day")
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
