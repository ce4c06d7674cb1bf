"""What a terminal sends, cut into whole keys, reports and pastes: bytes of an unfinished sequence are never keys.

A slow line splits F5 into Esc, `[`, `1`, `5`, `~`. Textual's parser hands on as keys what does not come within its
delay, and what it does not know; `1` would change the pane. `Sequences` holds an unfinished sequence back until it is
whole, and lets go of what never ends.
Form of sequences: ECMA-48 5.4 (CSI: parameter bytes 0x30-0x3F, intermediate 0x20-0x2F, final 0x40-0x7E) and 8.3
(strings up to ST), SS3 as xterm sends it (one byte, or parameters and one byte), a mouse report of the old kind
(CSI M and three characters), and the Linux console's `CSI [ A`.
"""

from __future__ import annotations

from collections.abc import Mapping

ESC = "\x1b"
PASTE_BEGINS, PASTE_ENDS = "\x1b[200~", "\x1b[201~"
# What are you? (secondary device attributes); GNU screen's answer begins with the number of its letter, S.
WHO_ARE_YOU, GNU_SCREEN = "\x1b[>c", "\x1b[>83;"
REST_SECONDS = 4.0  # how long after Esc, and between two bytes, something may still be the rest
_STRINGS = frozenset("P]X^_")  # DCS, OSC, SOS, PM, APC
_ENDS_STRING = frozenset("\x07\x9c")


def may_be_screen(environ: Mapping[str, str]) -> bool:
    """Whether to ask the terminal what it is. GNU screen goes by any name, on the far side of ssh without a trace.

    An old Linux console would show the end of the question as text; screen in one is known by its STY.
    """
    return environ.get("TERM", "") not in ("", "dumb", "linux") or bool(environ.get("STY"))


class Sequences:
    """Fed all that was read, in order; gives it back in whole pieces.

    A piece is one key, one whole sequence, or Esc alone (`ESC`), which is the key. escape_seconds: how long Esc may
    turn out to be the beginning of a sequence. Times are monotonic seconds.

    Esc and a character that begins no sequence are two keys where they were read one after the other, and one (Alt
    with that key) where they came together, as terminals send it.
    """

    def __init__(self, escape_seconds: float) -> None:
        self._escape_seconds = escape_seconds
        self._held = ""  # the unfinished sequence
        # of what is held: '' | escape | csi | csi-first | linux | old-mouse | ss3 | string | string-escape
        self._kind = ""
        self._late = False  # Esc was given away as a key before the rest of its sequence came
        self._fresh = False  # Esc came in what is being read now
        self._due = 0.0
        self._pasting = False

    @property
    def due(self) -> float | None:
        """When `expire` has something to do; None: nothing is held."""
        return self._due if self._kind or self._late else None

    def feed(self, text: str, now: float) -> list[str]:
        """The pieces that are whole now. Whatever the clock says, text continues what is held: it may have waited."""
        self._fresh = False
        pieces: list[str] = []
        for character in text:
            pieces += self._take(character)
            self._due = now + (self._escape_seconds if self._kind == "escape" else REST_SECONDS)
        return pieces

    def expire(self, now: float) -> list[str]:
        """Nothing has come until `now`: Esc alone is a key then; the rest of a sequence is dropped."""
        if self.due is None or now < self._due:
            return []
        if self._kind == "escape":
            self._kind, self._late, self._due = "", not self._pasting, now + REST_SECONDS
            return self._out(ESC)
        self._kind, self._late = "", False
        return []

    def _out(self, piece: str) -> list[str]:
        """Inside a paste nothing is a key: of what begins with Esc only the end of the paste counts."""
        if piece == PASTE_BEGINS:
            self._pasting = True
        elif piece == PASTE_ENDS:
            self._pasting = False
        elif self._pasting and piece[0] == ESC:
            return []
        return [piece]

    def _take(self, character: str) -> list[str]:
        if self._kind.startswith("string"):
            return self._in_string(character)
        if character == ESC:
            return self._escape()
        if self._kind == "":
            return self._first(character)
        if self._kind == "escape":
            return self._second(character)
        self._held += character
        return self._rest(character)

    def _in_string(self, character: str) -> list[str]:
        """A string is nobody's key; it ends with ST or BEL, and any other sequence breaks it off."""
        if self._kind == "string-escape":
            self._kind = "escape" if character != "\\" else ""
            return self._take(character) if self._kind else []
        if character == ESC:
            self._held, self._fresh, self._kind = ESC, True, "string-escape"
        elif character in _ENDS_STRING:
            self._kind = ""
        return []

    def _escape(self) -> list[str]:
        """Esc: a sequence that was held before it stays without an end, another Esc is a key."""
        before = self._out(ESC) if self._kind == "escape" else []
        self._held, self._kind, self._fresh, self._late = ESC, "escape", True, False
        return before

    def _first(self, character: str) -> list[str]:
        if self._late and character in "[O":
            self._held = ESC
            return self._introduced(character)
        self._late = False
        return self._out(character)

    def _second(self, character: str) -> list[str]:
        """What follows Esc."""
        if character in "[O":
            return self._introduced(character)
        self._kind = ""
        if not self._fresh:
            return [*self._out(ESC), *self._out(character)]
        if character in _STRINGS:
            self._kind = "string"
            return []
        return self._out(ESC + character)

    def _introduced(self, character: str) -> list[str]:
        self._kind = "csi-first" if character == "[" else "ss3"
        self._held += character
        return []

    def _rest(self, character: str) -> list[str]:
        """What follows `ESC [` and `ESC O`; the character is in `_held` already."""
        kind, code = self._kind, ord(character)
        if kind == "old-mouse":
            return self._whole() if len(self._held) == 6 else []
        if kind == "linux":
            return self._whole()
        if kind == "csi-first" and character in "[M":
            self._kind = "linux" if character == "[" else "old-mouse"
            return []
        if character == "$" and self._held[2:-1].isdigit():
            return self._whole()  # rxvt's shift+home and its like
        if 0x20 <= code <= 0x3F:
            self._kind = "ss3" if kind == "ss3" else "csi"
            return []
        if 0x40 <= code <= 0x7E:
            return self._whole()
        self._kind, self._late = "", False  # no part of any sequence: a key such as ctrl+q is never lost
        return self._out(character)

    def _whole(self) -> list[str]:
        """The sequence is whole; one whose Esc has been a key already is nothing any more."""
        piece, late = self._held, self._late
        self._kind, self._late = "", False
        return [] if late else self._out(piece)
