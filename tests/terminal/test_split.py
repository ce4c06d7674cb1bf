"""A slow line that splits every escape sequence: no pane changes by itself, no dialog closes, nothing is typed.

The clock-free part, every sequence and every split, is in tests/tui/test_sequences.py; here real bytes come 300 ms apart.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.screen import Terminal

GAP = 0.3
SHORT = {"home": "\x1b[1~", "f3": "\x1bOR", "focus in": "\x1b[I"}
SEQUENCES = {
    **{f"arrow {final}": f"\x1b[{final}" for final in "ABCD"},
    **{f"application {final}": f"\x1bO{final}" for final in "ABCDHF"},
    **{f"ctrl+arrow {final}": f"\x1b[1;5{final}" for final in "ABCD"},
    **{f"f{at} of a vt": f"\x1b[{number}~" for at, number in enumerate((11, 12, 13, 14), 1)},
    **{f"f{at}": f"\x1bO{final}" for at, final in enumerate("PQRS", 1)},
    **{f"f{at}": f"\x1b[{number}~" for at, number in enumerate((20, 21, 23, 24), 9)},
    **{f"f{at} of linux": f"\x1b[[{final}" for at, final in enumerate("ABCD", 1)},
    **{f"key {number} of a vt": f"\x1b[{number}~" for number in range(1, 9)},
    **{"home": "\x1b[H", "end": "\x1b[F", "shift+tab": "\x1b[Z", "shift+f3": "\x1b[1;2R", "unknown": "\x1b[99~"},
    **{"press": "\x1b[<0;70;3M", "release": "\x1b[<0;70;3m", "move": "\x1b[<35;60;12M", "wheel": "\x1b[<65;60;12M"},
    **{"old mouse": "\x1b[M #!", "urxvt mouse": "\x1b[32;70;3M", "focus in": "\x1b[I", "focus out": "\x1b[O"},
    **{"answer": "\x1b[?2026;2$y", "attributes": "\x1b[?62;22c", "kitty": "\x1b[57441;2u", "rxvt": "\x1b[7$"},
}
BUTTONS = {"f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~"}


def slowly(t: Terminal, text: str) -> None:
    """Every byte by itself, GAP seconds apart."""
    for byte in text.encode():
        t.send(bytes([byte]))
        t.pump(GAP)


def in_a_pane(t: Terminal) -> Callable[[], object]:
    t.press("6")
    t.wait("▐6 Runs▌")
    return lambda: "▐6 Runs▌" in t.page and "┌" not in t.page and "╭" not in t.page


def in_a_field(t: Terminal) -> Callable[[], object]:
    t.press("6")
    t.wait("▐6 Runs▌")
    t.press("/", *"zq")
    t.wait("zq")
    return lambda: "▐6 Runs▌" in t.page and any(line.strip() == "zq" for line in t.lines)


def in_a_dialog(t: Terminal) -> Callable[[], object]:
    t.press("a", "m")
    t.wait("[ Migrate 19 files ]")
    return lambda: "Migrate: plan" in t.page and "[ Cancel ]" in t.page


def in_a_question(t: Terminal) -> Callable[[], object]:
    t.press("a", "a")
    t.wait("Archive: options")
    return lambda: "Archive: options" in t.page


PLACES = [in_a_pane, in_a_field, in_a_dialog, in_a_question]


@pytest.mark.parametrize("place", [in_a_field, in_a_dialog])
def test_split_by_300_ms(sample: Path, place: Callable[[Terminal], Callable[[], object]]) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        still = place(t)
        for sequence in SHORT.values():
            slowly(t, sequence)
        assert still(), t.page


def test_a_split_f5_opens_its_plan_and_escape_counts_at_once(sample: Path) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        slowly(t, BUTTONS["f5"])
        t.wait("Migrate: plan")
        t.send(b"\x1b")
        t.pump(0.05)
        t.send(b"6")  # right behind: both are keys, and nobody waits for a sequence
        t.wait("▐6 Runs▌")
        assert "Migrate: plan" not in t.page


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", PLACES)
def test_every_sequence_split_by_300_ms(sample: Path, place: Callable[[Terminal], Callable[[], object]]) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        still = place(t)
        for name, sequence in SEQUENCES.items():
            slowly(t, sequence)
            assert still(), f"{name}\n{t.page}"
        t.wait(still)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_every_button_split_by_300_ms(sample: Path) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        for key, title in (("f5", "Migrate: plan"), ("f6", "Reprocess: plan"), ("f7", "Archive: options")):
            slowly(t, BUTTONS[key])
            t.wait(title)
            slowly(t, BUTTONS[key])  # again, in the dialog: it stays the same one
            assert title in t.page
            t.press("esc")
            t.gone(title)
        slowly(t, BUTTONS["f8"])
        t.wait("no run is there that could be rolled back")


@pytest.mark.soak
def test_a_paste_split_by_300_ms(sample: Path) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        still = in_a_pane(t)
        slowly(t, "\x1b[200~3q\x1b[201~")  # nobody is typing: nothing
        assert still(), t.page
        t.press("/")
        slowly(t, "\x1b[200~3q\x1b[201~")
        t.wait(lambda: any(line.strip() == "3q" for line in t.lines))
        assert "▐6 Runs▌" in t.page
