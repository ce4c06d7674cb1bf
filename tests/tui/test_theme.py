"""What is chosen for which terminal."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual.color import Color

from console.tui.glyphs import StandIns, stand_ins
from console.tui.start import set_knobs
from console.tui.theme import choose


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"TERM": "xterm-256color"}, "ops-dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "ops-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "ops-light"),
        ({"TERM": "screen"}, "ansi-dark"),
        ({"TERM": "linux"}, "ansi-dark"),
        ({"TERM": "vt100", "COLORFGBG": "0;15"}, "ansi-light"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "ansi-dark"),
        ({"TERM": "xterm-256color", "OPSCONSOLE_THEME": "light"}, "ops-light"),
        ({"TERM": "xterm-256color", "OPSCONSOLE_THEME": "ansi"}, "ansi-dark"),
        ({"TERM": "xterm-256color", "OPSCONSOLE_THEME": "nord"}, "nord"),
    ],
)
def test_choose(environ: dict[str, str], name: str) -> None:
    assert choose(environ) == name


def test_stand_ins_only_where_they_are_needed() -> None:
    assert stand_ins({"TERM": "xterm"}, "UTF-8") == ""
    assert stand_ins({"TERM": "linux"}, "utf8") == "linux"
    assert stand_ins({"TERM": "xterm"}, "ANSI_X3.4-1968") == "ascii"


@pytest.mark.parametrize(("kind", "said"), [("ascii", "+ x ! ##+ .. | - ??"), ("linux", "+ x ! ██▄ ░░ │ ─ ??")])
def test_stand_ins_keep_every_cell(kind: str, said: str) -> None:
    segments = [Segment("✓ ✗ ! "), Segment("██▄ ░░ │ ─ 日")]
    out = StandIns(kind).apply(segments, Color(0, 0, 0))
    assert "".join(segment.text for segment in out) == said
    assert [segment.cell_length for segment in out] == [segment.cell_length for segment in segments]


@pytest.mark.parametrize(("kind", "said"), [("ascii", ".:._-=+*%@#"), ("linux", "·:·__▄▄▄███")])
def test_a_sparkline_stays_one_where_its_signs_are_not(kind: str, said: str) -> None:
    drawn = "".join(segment.text for segment in StandIns(kind).apply([Segment("·:·▁▂▃▄▅▆▇█")], Color(0, 0, 0)))
    assert drawn == said


def test_knobs_leave_what_the_operator_set() -> None:
    environ = {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22", "ESCDELAY": "50"}
    set_knobs(environ)
    assert (environ["ESCDELAY"], environ["TEXTUAL_FPS"], environ["TEXTUAL_ANIMATIONS"]) == ("50", "30", "none")
