"""A screen as SVG, cell by cell: every glyph stands on its grid, lines and blocks join.

Rich's own export spaces letters to an assumed width, which tears boxes apart in another font. Here the cell is that of
DejaVu Sans Mono: advance 0.602 em, ascent 0.928 em, descent 0.236 em (its OS/2 and hhea tables).
"""

from __future__ import annotations

from html import escape

from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.strip import Strip

SIZE = 20.0  # px an em
ADVANCE, ASCENT, DESCENT = 0.60205 * SIZE, 0.928 * SIZE, 0.236 * SIZE
HEIGHT = ASCENT + DESCENT
FONTS = "DejaVu Sans Mono, Menlo, Consolas, monospace"
MARGIN = 8.0


# The user's palette of sixteen in a picture: black red green yellow blue magenta cyan white, then the bright ones.
def _palette(back: str, front: str, normal: str, bright: str) -> TerminalTheme:
    def colours(text: str) -> list[tuple[int, int, int]]:
        return [(int(each[:2], 16), int(each[2:4], 16), int(each[4:], 16)) for each in text.split()]

    return TerminalTheme(colours(back)[0], colours(front)[0], colours(normal), colours(bright))


DARK = _palette(
    "12161c",
    "d5dbe3",
    "1e222a cd4646 5aaa5a c8a03c 508cdc b46ebe 50b4be c8cdd4",
    "6e7884 f06e6e 82d282 f0c864 78b4fa dc96e6 78dce6 ffffff",
)
LIGHT = _palette(
    "fcfcfa",
    "1f252c",
    "1f252c aa1e1e 146e28 825a00 0a50aa 82288c 006e78 969ea6",
    "6e767e c83228 288c3c a06e00 1e64c8 963ca0 008290 ffffff",
)


def _hex(color: Color, theme: TerminalTheme, foreground: bool) -> str:
    if color.type == ColorType.DEFAULT:
        triplet = theme.foreground_color if foreground else theme.background_color
    else:
        triplet = color.get_truecolor(theme, foreground)
    return triplet.hex


def _colours(style: Style, theme: TerminalTheme) -> tuple[str, str]:
    """Foreground and background as #rrggbb, reverse and dim applied."""
    front = _hex(style.color, theme, True) if style.color else theme.foreground_color.hex
    back = _hex(style.bgcolor, theme, False) if style.bgcolor else theme.background_color.hex
    if style.reverse:
        front, back = back, front
    if style.dim:
        mixed = [(int(front[at : at + 2], 16) * 3 + int(back[at : at + 2], 16) * 2) // 5 for at in (1, 3, 5)]
        front = "#" + "".join(f"{part:02x}" for part in mixed)
    return front, back


def _segment(segment: Segment, column: int, row: int, theme: TerminalTheme) -> str:
    style = segment.style or Style()
    front, back = _colours(style, theme)
    x, y = MARGIN + column * ADVANCE, MARGIN + row * HEIGHT
    width = segment.cell_length * ADVANCE
    out = f'<rect x="{x:.2f}" y="{y:.2f}" width="{width + 0.3:.2f}" height="{HEIGHT + 0.3:.2f}" fill="{back}"/>'
    if not segment.text.strip():
        return out
    weight = ' font-weight="bold"' if style.bold else ""
    lines = ' text-decoration="underline"' if style.underline else ""
    text = escape(segment.text).replace(" ", "&#160;")
    return out + (
        f'<text x="{x:.2f}" y="{y + ASCENT:.2f}" fill="{front}"{weight}{lines} textLength="{width:.2f}">{text}</text>'
    )


def screen_svg(strips: list[Strip], width: int, theme: TerminalTheme) -> str:
    """The lines of a screen `width` cells wide."""
    full = width * ADVANCE + 2 * MARGIN
    high = len(strips) * HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full:.0f} {high:.0f}"'
        f' width="{full:.0f}" height="{high:.0f}" font-family="{FONTS}" font-size="{SIZE:.0f}px">',
        f'<rect width="100%" height="100%" rx="8" fill="{theme.background_color.hex}"/>',
    ]
    for row, strip in enumerate(strips):
        column = 0
        for segment in strip:
            if segment.control:
                continue
            parts.append(_segment(segment, column, row, theme))
            column += segment.cell_length
    return "\n".join([*parts, "</svg>"])
