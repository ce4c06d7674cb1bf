"""The rest of an escape sequence that a slow line split is never a key."""

from __future__ import annotations

import pytest

from console.tui.keys import REST_SECONDS, EscapeTail


def leaked(text: str, gap: float = 0.7) -> str:
    """What gets through of these keys, one every `gap` seconds; `^` is Esc."""
    tail, now, out = EscapeTail(), 100.0, ""
    for character in text:
        key = "escape" if character == "^" else character
        if not tail.swallow(key, "\x1b" if character == "^" else character, now):
            out += character
        now += gap
    return out


@pytest.mark.parametrize(
    ("typed", "through"),
    [
        ("^[15~", "^"),  # F5
        ("^[15~2", "^2"),  # and a real key behind it
        ("^OP1", "^1"),  # F1 in application mode
        ("^O5P1", "^1"),  # ctrl+F1 of old xterms
        ("^[[A3", "^3"),  # F1 on the Linux console
        ("^[A2", "^2"),  # cursor up
        ("^[1;5C2", "^2"),  # ctrl+right
        ("^[<0;10;5M1", "^1"),  # a click
        ("^1", "^1"),  # Esc, then a pane
        ("12a3", "12a3"),
        ("^^[15~", "^^"),
        ("[15~", "[15~"),  # without Esc they are what somebody typed
    ],
)
def test_what_gets_through(typed: str, through: str) -> None:
    assert leaked(typed) == through


def test_it_ends_some_time() -> None:
    assert leaked("^[1", gap=REST_SECONDS + 1) == "^[1"


def test_the_parser_reissues_the_introducer_as_alt() -> None:
    tail = EscapeTail()
    assert tail.swallow("alt+left_square_bracket", None, 0.0)
    assert tail.swallow("1", "1", 0.1) and tail.swallow("tilde", "~", 0.2)
    assert not tail.swallow("1", "1", 0.3)
