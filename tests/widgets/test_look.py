"""Cutting, wrapping, bars and times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.widgets.hosting import HOSTILE
from widgets.look import bar, fit, paint, short_time, wrap

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


@example("00\U000e0000\U00020000", 3)  # as many letters as cells, but not one each
@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Mn", "Me", "Cf"]), max_size=40), st.integers(0, 30))
def test_fit_fills_its_cells_exactly(text: str, width: int) -> None:
    for cut in ("end", "middle"):
        for align in ("left", "right"):
            assert cell_len(fit(text, width, cut=cut, align=align)) == width


def test_paths_are_cut_in_the_middle() -> None:
    assert fit("data/raw/funding_sources/sff/data.json", 20, cut="middle").endswith("ff/data.json")
    assert fit("data/raw/x", 20, cut="middle") == "data/raw/x".ljust(20)


@pytest.mark.parametrize("text", HOSTILE)
def test_painted_text_is_visible_and_no_markup(text: str) -> None:
    shown = paint(("a ", "warn"), text).plain
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
    assert shown.count("[") == text.count("[")


def test_a_bar_is_as_long_as_asked() -> None:
    for fraction, filled in ((-1, 0), (0, 0), (0.5, 8), (1, 16), (7, 16)):
        full, rest = bar(fraction, 16)
        assert (len(full), len(full + rest)) == (filled, 16)


def test_wrap_loses_nothing_and_fits() -> None:
    text = "nothing is lost of " + "a" * 50 + " long words and short ones"
    lines = wrap(text, 20, "  ")
    assert all(len(line) <= 20 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("word", ["x" * 60_000, "\u4e2d\u00e9" * 30_000, "\u0301" * 60_000])
def test_a_word_without_end_is_looked_at_once(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of megabytes is one word: looking at all that is left of it for every line would take seconds."""
    seen = 0

    def counted(text: str) -> int:
        nonlocal seen
        seen += len(text)
        return cell_len(text)

    monkeypatch.setattr("widgets.look.width_of", counted)
    lines = wrap(word, 78, "  ")
    assert "".join(lines).replace(" ", "") == word and seen < 20 * len(word)


@given(st.integers(0, 14), st.integers(1, 20))
def test_the_narrowest_place_ends_too(indent: int, width: int) -> None:
    lines = wrap("\u4e2d" * 30, width, " " * indent)
    assert "".join(lines).replace(" ", "") == "\u4e2d" * 30 and all(cell_len(line) <= max(8, width) for line in lines)


@given(st.text("ab ", max_size=60), st.integers(8, 20))
def test_wrap_keeps_every_letter_within_the_width(text: str, width: int) -> None:
    lines = wrap(text, width, "  ")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wrap_keeps_where_a_line_begins() -> None:
    assert wrap("  field: is missing", 40) == ["  field: is missing"]


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-03-04T14:02:00Z", "14:02"),
        ("2026-03-02T14:02:00Z", "Mon 14:02"),
        ("2026-01-30T14:02:00.5Z", "01-30 14:02"),
        ("2024-01-30T14:02:00Z", "2024-01-30"),
        ("2026-03-04T14:02:00", "14:02"),
        ("rubbish", "–"),
        (None, "–"),
    ],
)
def test_times_are_short(moment: str | None, said: str) -> None:
    assert short_time(moment, UTC, NOW) == said
