"""A slow line that splits every escape sequence: no pane changes by itself, no dialog closes, nothing is typed.

The clock-free part, every sequence and every split, is in tests/tui/test_sequences.py; here bytes come 300 ms apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.terminal.screen import Terminal
from tests.terminal.test_multiplexers import leave_dialog

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


class Late(Exception):
    """A loaded machine held the test up: its bytes were further apart than any console has to bear."""


def slowly(t: Terminal, text: str) -> None:
    """Every byte by itself, GAP seconds apart. Raises Late."""
    before = None
    for byte in text.encode():
        t.send(bytes([byte]))
        now = time.monotonic()
        if before is not None and now - before > GAP + 0.2:
            raise Late
        before = now
        t.pump(GAP)


def attempts(most: int = 6) -> Iterator[int]:
    """For `try: … except Late: continue` and `return` where it came through."""
    yield from range(most)
    raise AssertionError(f"this machine was too busy to send bytes {GAP} s apart, {most} times")


def in_a_pane(t: Terminal) -> Callable[[], object]:
    t.press("6")
    t.wait("▐6 Runs▌")
    return lambda: "▐6 Runs▌" in t.page and "┌" not in t.page and "╭" not in t.page


def in_a_field(t: Terminal) -> Callable[[], object]:
    t.press("6")
    t.wait("▐6 Runs▌")
    t.press("/", *"zq")
    t.wait("zq")
    # Home, then Delete, put together again, leave the q
    return lambda: "▐6 Runs▌" in t.page and any(line.strip() in ("zq", "q") for line in t.lines[3:])


def in_a_dialog(t: Terminal) -> Callable[[], object]:
    t.press("a", "m")
    t.wait("[ Migrate 19 files ]")
    return lambda: "Migrate: plan" in t.page and "[ Cancel ]" in t.page


def in_a_question(t: Terminal) -> Callable[[], object]:
    t.press("a", "a")
    t.wait("Archive: options")
    return lambda: "Archive: options" in t.page


PLACES = [in_a_pane, in_a_field, in_a_dialog, in_a_question]


def test_split_by_300_ms(sample: Path) -> None:
    """In a pane, in its filter and in a dialog; F5 put together again; Esc at once. One console shows it all."""
    for _ in attempts():
        with Terminal(sample) as t:
            t.wait("19 new")
            try:
                _split(t)
            except Late:
                continue
            return


def _split(t: Terminal) -> None:
    still = in_a_pane(t)
    slowly(t, SHORT["f3"])
    assert still(), t.page
    still = in_a_field(t)
    slowly(t, SHORT["home"])
    assert still(), t.page
    t.press("esc")
    t.wait(lambda: not any(line.strip() == "zq" for line in t.lines))
    slowly(t, BUTTONS["f5"])
    t.wait("Migrate: plan")
    slowly(t, SHORT["focus in"])
    t.wait("Migrate: plan")
    t.wait("[ Cancel ]")
    for _ in range(5):
        t.send(b"\x1b")
        t.pump(0.05)
        t.send(b"2")  # right behind: both are keys, and nobody waits for a sequence
        try:
            t.wait("▐2 Logs▌", 4)
        except AssertionError:  # read together by a console that had no time: Alt+2, and that is nothing
            continue
        assert "Migrate: plan" not in t.page
        return
    raise AssertionError(t.page)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", PLACES)
def test_every_sequence_split_by_300_ms(sample: Path, place: Callable[[Terminal], Callable[[], object]]) -> None:
    left = dict(SEQUENCES)
    for _ in attempts(20):
        with Terminal(sample) as t:
            t.wait("19 new")
            still = place(t)
            try:
                for name, sequence in list(left.items()):
                    slowly(t, sequence)
                    assert still(), f"{name}\n{t.page}"
                    del left[name]
            except Late:
                continue
            t.wait(still)
            return


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_every_button_split_by_300_ms(sample: Path) -> None:
    for _ in attempts():
        with Terminal(sample) as t:
            t.wait("19 new")
            try:
                for key, title in (("f5", "Migrate: plan"), ("f6", "Reprocess: plan"), ("f7", "Archive: options")):
                    slowly(t, BUTTONS[key])
                    t.wait(title)
                    slowly(t, BUTTONS[key])  # again, in the dialog: it stays the same one
                    assert title in t.page
                    leave_dialog(t, title.partition(":")[0])
                slowly(t, BUTTONS["f8"])
            except Late:
                continue
            t.wait("no run is there that could be rolled back")
            return


@pytest.mark.soak
def test_a_paste_split_by_300_ms(sample: Path) -> None:
    for _ in attempts():
        with Terminal(sample) as t:
            t.wait("19 new")
            still = in_a_pane(t)
            try:
                slowly(t, "\x1b[200~3q\x1b[201~")  # nobody is typing: nothing
                assert still(), t.page
                t.press("/")
                slowly(t, "\x1b[200~3q\x1b[201~")
            except Late:
                continue
            t.wait(lambda t=t: any(line.strip() == "3q" for line in t.lines))
            assert "▐6 Runs▌" in t.page
            return


@pytest.mark.soak
def test_beyond_the_delay_nothing_happens_but_esc(sample: Path) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        in_a_pane(t)
        for byte in BUTTONS["f5"].encode():
            t.send(bytes([byte]))
            t.pump(0.9)
        t.pump(1.0)
        assert "▐6 Runs▌" in t.page and "Migrate: plan" not in t.page
        t.press("2")
        t.wait("▐2 Logs▌")
