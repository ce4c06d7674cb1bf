"""Stand-ins for signs that a terminal cannot show: one filter over every line on its way out.

Widgets draw `✓ ! ✗ ▶ ●`, bars and boxes as Unicode. Where the locale is not UTF-8 everything becomes ASCII; on the
Linux console, whose fonts hold the old code page 437, only what that page lacks. Data is replaced by the same table,
cell for cell, so that nothing moves.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {"✓": "+", "✗": "x", "▶": ">", "▸": ">", "●": "*", "…": "~", "–": "-", "·": ".", "×": "x", "←": "<", "→": ">"}
_DRAWN = {
    **dict.fromkeys("─━═╌┄▔", "-"),
    **dict.fromkeys("│┃║▏▎▍▕▐▌", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛╭╮╰╯╔╗╚╝", "+"),
    **dict.fromkeys("█▉▊▋▀▓▒", "#"),
    **dict(zip("▁▂▃▄▅▆▇", "_-=+*%@", strict=True)),  # steps of a sparkline: lighter to darker
    "░": ".",
    "▼": "v",
    "▲": "^",
    "◄": "<",
    "►": ">",
}
_CP437 = frozenset(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
    "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■▲▼►◄"
)
_CONTROL_PICTURES = {chr(0x2400 + code): "^" for code in range(0x20)} | {"\u2421": "^"}
ASCII: Mapping[str, str] = {**_SIGNS, **_DRAWN, **_CONTROL_PICTURES}
LINUX: Mapping[str, str] = {
    **{sign: stand_in for sign, stand_in in ASCII.items() if sign not in _CP437},
    **dict(zip("▁▂▃▅▆▇", "__▄▄██", strict=True)),  # the three heights that it has
}


def stand_ins(environ: Mapping[str, str], encoding: str) -> str:
    """Which table this terminal needs: '' | ascii | linux. encoding: of the locale, as Python names it."""
    if environ.get("OPSCONSOLE_ASCII") == "1" or encoding.lower().replace("-", "") != "utf8":
        return "ascii"
    return "linux" if environ.get("TERM", "") == "linux" else ""


class StandIns(LineFilter):
    """Replaces what the terminal cannot show; `kind` as `stand_ins` says."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._table = ASCII if kind == "ascii" else LINUX
        self._kept = frozenset() if kind == "ascii" else _CP437

    def _character(self, character: str) -> str:
        if character.isascii() or character in self._kept:
            return character
        stand_in = self._table.get(character)
        return stand_in if stand_in is not None else "?" * cell_len(character)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment("".join(map(self._character, segment.text)), segment.style, segment.control)
            for segment in segments
        ]
