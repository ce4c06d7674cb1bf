"""Bytes of an unfinished escape sequence are never keys.

A slow line splits F5 into Esc, `[`, `1`, `5`, `~`. Textual's parser puts the pieces together when they come within
ESCDELAY; what comes later it hands on as keys, and `1` would change the pane. `EscapeTail` swallows that rest.
Form of sequences: ECMA-48 5.4 (CSI: parameter bytes 0x30-0x3F, intermediate 0x20-0x2F, final 0x40-0x7E), SS3 as
xterm sends it (one byte, or parameters and one byte), and the Linux console's `[ [ A`.
"""

from __future__ import annotations

REST_SECONDS = 4.0  # how long after Esc, and between two bytes, something may still be the rest


class EscapeTail:
    """Fed every key in order; says which ones are the rest of a sequence that began with Esc."""

    def __init__(self) -> None:
        self._state = ""  # '' | escape | csi | csi-first | linux | ss3
        self._until = 0.0

    def swallow(self, key: str, character: str | None, now: float) -> bool:
        """Whether this key is the rest of a sequence. key, character: as Textual names them; now: monotonic seconds."""
        if now > self._until:
            self._state = ""
        if key == "escape":
            self._state, self._until = "escape", now + REST_SECONDS
            return False
        first = _introducer(key, character)
        if first and (self._state == "escape" or key.startswith("alt+")):
            self._state, self._until = ("csi-first" if first == "[" else "ss3"), now + REST_SECONDS
            return True
        if self._state in ("", "escape") or character is None or len(character) != 1:
            self._state = ""
            return False
        return self._rest(character, now)

    def _rest(self, character: str, now: float) -> bool:
        code = ord(character)
        state, self._until = self._state, now + REST_SECONDS
        if state == "csi-first" and character == "[":
            self._state = "linux"
            return True
        if state == "linux":
            self._state = ""
            return True
        if 0x20 <= code <= 0x3F:
            self._state = "ss3" if state == "ss3" else "csi"
            return True
        self._state = ""
        return 0x40 <= code <= 0x7E


def _introducer(key: str, character: str | None) -> str:
    """`[` or `O` where this key can introduce the rest of a sequence, else ''."""
    if character in ("[", "O"):
        return character
    if key in ("alt+left_square_bracket", "alt+["):
        return "["
    return "O" if key in ("alt+O", "alt+shift+o", "alt+upper_o") else ""
