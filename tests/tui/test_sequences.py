"""What a slow line split is put together again, or is nothing; it is never a row of keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

from console.tui.driver import WholeParser
from console.tui.sequences import ESC, PASTE_BEGINS, PASTE_ENDS, REST_SECONDS, Sequences

WAIT = 0.6  # what the console has for Esc
# Every sequence that Textual knows a key for, and what else a terminal sends unasked or when asked.
KEYS = [sequence for sequence in ANSI_SEQUENCES_KEYS if sequence.startswith(ESC) and sequence[1:] not in ("", ESC)]
KEYS = [sequence for sequence in KEYS if len(sequence) > 2]  # Alt with a key is told from Esc, key by the gap
REPORTS = [
    *("\x1b[<0;10;5M", "\x1b[<0;10;5m", "\x1b[<64;200;50M", "\x1b[<35;1;1M", "\x1b[M #!", "\x1b[32;10;5M"),
    *("\x1b[I", "\x1b[O", "\x1b[?2026;2$y", "\x1b[?2048;0$y", "\x1b[27u", "\x1b[97;5u", "\x1b[48;24;80;480;800t"),
    *("\x1b[99~", "\x1b[1;99Z", "\x1b[?1;2c"),
]
WHOLE = [*KEYS, *REPORTS]


def clock(sequences: Sequences, now: float) -> list[str]:
    """As the reader does it, which looks ten times a second: everything that was due until now."""
    out = []
    while sequences.due is not None and sequences.due <= now:
        out += sequences.expire(sequences.due)
    return out


def pieces(text: str, gap: float) -> list[str]:
    """What becomes of characters that come one by one, one every `gap` seconds, and then nothing any more."""
    sequences, now, out = Sequences(WAIT), 100.0, []
    for character in text:
        out += clock(sequences, now) + sequences.feed(character, now)
        now += gap
    out += clock(sequences, now + 3 * REST_SECONDS)
    assert sequences.due is None
    return out


@pytest.mark.parametrize("gap", [0.0, 0.3, 0.59])
def test_every_sequence_is_whole_again(gap: float) -> None:
    for sequence in WHOLE:
        assert pieces(sequence + "2", gap) == [sequence, "2"], repr(sequence)


@pytest.mark.parametrize("gap", [0.7, 3.9])
def test_beyond_the_wait_nothing_but_escape_is_a_key(gap: float) -> None:
    for sequence in WHOLE:
        assert pieces(sequence + "2", gap) == [ESC, "2"], repr(sequence)


def test_a_whole_piece_is_one_key_or_nothing() -> None:
    """Textual finds no key in front of the rest and hands nothing on piecemeal."""
    for sequence in WHOLE:
        parser = WholeParser()
        got = parser.whole(sequence)
        characters = [message.character for message in got if isinstance(message, events.Key)]
        assert sequence in KEYS or not set(characters) & set("0123456789;~[<?$MZI"), repr(sequence)
        assert [message.key for message in parser.whole("x")] == ["x"], repr(sequence)  # type: ignore[attr-defined]
    unknown = [message for number in range(36, 200) for message in WholeParser().whole(f"\x1b[{number}~")]
    assert not any(message.is_printable for message in unknown if isinstance(message, events.Key))
    assert [type(message) for message in WholeParser().whole("\x1b[<0;10;5M")] == [events.MouseDown]


def test_alt_is_what_comes_together() -> None:
    assert Sequences(WAIT).feed("\x1b2", 0.0) == ["\x1b2"]
    assert [message.key for message in WholeParser().whole("\x1b2")] == ["alt+2"]  # type: ignore[attr-defined]
    assert WholeParser().whole("\x1b2")[0].character is None  # type: ignore[attr-defined] # not the sign that a Mac has
    assert pieces("\x1b2", 0.05) == [ESC, "2"]  # Esc, then at once another key: both count


@pytest.mark.parametrize(
    ("typed", "through"),
    [
        ("^[15~2", "^2"),
        ("^OP1", "^1"),  # F1 in application mode
        ("^O5P1", "^1"),  # ctrl+F1 of old xterms
        ("^[[A3", "^3"),  # F1 on the Linux console
        ("^1", "^1"),  # Esc, then a pane
        ("12a3", "12a3"),
        ("^^[15~", "^^"),
        ("[15~", "[15~"),  # without Esc they are what somebody typed
        ("^x[15", "^x[15"),
        ("^[1\x11", "^\x11"),  # ctrl+q is never lost
    ],
)
def test_late_rests(typed: str, through: str) -> None:
    assert "".join(pieces(typed.replace("^", ESC), 0.7)).replace(ESC, "^") == through


def test_it_ends_some_time() -> None:
    assert pieces("\x1b[1", REST_SECONDS + 1) == [ESC, "[", "1"]


def test_an_escape_that_follows_begins_anew() -> None:
    assert Sequences(WAIT).feed("\x1b[1\x1b[A\x1b\x1b[B", 0.0) == ["\x1b[A", ESC, "\x1b[B"]


def test_answers_in_strings_are_no_keys() -> None:
    for answer in ("\x1b]11;rgb:1212/3434/5656\x07", "\x1bP1$r0m\x1b\\", "\x1b_Gi=31;OK\x1b\\"):
        assert Sequences(WAIT).feed(answer + "2", 0.0) == ["2"], repr(answer)
    assert Sequences(WAIT).feed("\x1b]11;broken off\x1b[A", 0.0) == ["\x1b[A"]


@pytest.mark.parametrize("gap", [0.0, 0.3, 0.7])
def test_a_paste_is_text_whatever_is_in_it(gap: float) -> None:
    """Even Esc, which a terminal should have taken out; only a beginning that comes too late is not known as one."""
    got = pieces(f"{PASTE_BEGINS}3\x1b[15~q\x1b1{PASTE_ENDS}2", gap)
    parser = WholeParser()
    messages = [message for piece in got for message in parser.whole(piece)]
    if gap < WAIT:
        assert [type(message) for message in messages] == [events.Paste, events.Key]
        assert isinstance(messages[0], events.Paste) and "3" in messages[0].text and ESC not in messages[0].text
    else:
        assert messages[0].key == "escape"  # type: ignore[attr-defined]


@given(
    st.lists(st.sampled_from([*WHOLE, "a", "7", "é", "\r", "\t", "\x11"]), max_size=8),
    st.lists(st.sampled_from([0.0, 0.01, 0.3, 0.55]), min_size=1, max_size=40),
)
def test_any_split_gives_the_same(parts: list[str], gaps: list[float]) -> None:
    sequences, now, out = Sequences(WAIT), 0.0, []
    for at, character in enumerate("".join(parts)):
        out += clock(sequences, now) + sequences.feed(character, now)
        now += gaps[at % len(gaps)]
    assert out == parts


@given(st.text(alphabet="\x1b[]OP0159;~<MmAu$\\\x07\x11q \u00e9", max_size=60), st.sampled_from([0.0, 0.3, 0.7, 5.0]))
def test_nothing_is_invented_and_it_always_ends(text: str, gap: float) -> None:
    got = "".join(pieces(text, gap))
    rest = iter(text)
    assert all(character in rest for character in got)  # what comes out is what came in, in its order
