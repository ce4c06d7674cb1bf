"""What is printed: aligned on a terminal, tabs elsewhere, nothing that a terminal could interpret."""

from __future__ import annotations

import io
import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from console.cli.output import OutputError, ProgressLine, Stream, bar, cells, fit

HOSTILE = "[@click=app.quit]x\n\x1b]52;c;aGk=\x07\u202e\x9b31m\udcff.json"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TextIO, int]]:
    """A stream on a real pty and the descriptor that reads what arrives there."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, "w", encoding="utf-8")
    yield stream, ours
    stream.close()
    os.close(ours)


def seen(terminal: tuple[TextIO, int]) -> str:
    """What arrived at the terminal since the last call."""
    file, reader = terminal
    file.write("<END>")
    file.flush()
    data = b""
    while not data.endswith(b"<END>"):
        data += os.read(reader, 65536)
    return data.decode().removesuffix("<END>")


def written() -> tuple[Stream, io.BytesIO]:
    raw = io.BytesIO()
    return Stream(io.TextIOWrapper(raw, encoding="utf-8", write_through=True)), raw


def test_a_line_shows_every_character_and_lets_none_act() -> None:
    stream, raw = written()
    stream.line("  ", HOSTILE)
    text = raw.getvalue().decode()
    assert text.count("\n") == 1
    for bad in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert bad not in text
    assert "␊␛]52;c;aGk=␇\\u202e\\x9b31m\\xff.json" in text


def test_json_is_ascii_and_round_trips_hostile_names() -> None:
    stream, raw = written()
    stream.json({"path": HOSTILE, "n": 1})
    data = raw.getvalue()
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert json.loads(data) == {"path": HOSTILE, "n": 1}


def test_tables_are_tabs_without_heads_when_nobody_looks() -> None:
    stream, raw = written()
    assert stream.table(("a", "b"), [("1", "x\ty"), (("red", "2"), "z")]) == 2
    assert raw.getvalue().decode() == "1\tx␉y\n2\tz\n"


def test_tables_align_cut_and_never_colour_names_on_a_terminal(terminal: tuple[TextIO, int]) -> None:
    file, _ = terminal
    stream = Stream(file)
    long = "very/long/" * 20 + "end.json"
    stream.table(("n", "file"), [("7", long), ("1,204", "\x1b[31mred.json")], right=(0,), cut=(1,), paths=(1,))
    lines = seen(terminal).splitlines()
    assert [line.rstrip() for line in lines][1].startswith("    7  very/long/")
    assert lines[1].endswith("end.json")
    assert "…" in lines[1]
    assert all(cells(line) < 80 for line in lines[1:])
    assert lines[2] == "1,204  ␛[31mred.json"


def test_no_color_is_honoured(terminal: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch) -> None:
    file, _ = terminal
    Stream(file).line(("red", "bad"))
    assert seen(terminal) == "\x1b[31mbad\x1b[0m\r\n"
    monkeypatch.setenv("NO_COLOR", "1")
    Stream(file).line(("red", "bad"))
    assert seen(terminal) == "bad\r\n"


def test_the_progress_line_is_redrawn_in_place_and_only_when_it_changed(terminal: tuple[TextIO, int]) -> None:
    file, _ = terminal
    line = ProgressLine(Stream(file))
    for text in ("one", "one", "two " * 50):
        line.show(text)
    line.clear()
    text = seen(terminal)
    assert "\n" not in text
    assert text.count("one") == 1
    assert text.endswith("\r\x1b[K")
    assert max(cells(part) for part in text.replace("\x1b[K", "").split("\r")) < 80


def test_there_is_no_progress_without_a_terminal() -> None:
    stream, raw = written()
    line = ProgressLine(stream)
    line.show("one")
    line.clear()
    assert raw.getvalue() == b""


def test_a_reader_that_went_away_is_no_error() -> None:
    reader, writer = os.pipe()
    stream = Stream(os.fdopen(writer, "w", encoding="utf-8"))
    os.close(reader)
    for _ in range(10_000):
        stream.line("x" * 100)
    stream.flush()
    assert stream.gone
    stream.stream.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not shown here: needs /dev/full")
def test_a_full_disk_behind_standard_output_is_told() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        stream = Stream(full)
        stream.line("x")
        with pytest.raises(OutputError, match="No space left"):
            stream.flush()


@pytest.mark.parametrize("text", ["plain/path.json", "日本語/データ.json", "e\u0301" * 30])
@pytest.mark.parametrize("width", [1, 2, 7, 12])
def test_fit_never_takes_more_columns_than_there_are(text: str, width: int) -> None:
    assert cells(fit(text, width)) <= width


def test_bar() -> None:
    assert bar(0.5, 4) == "██░░"
    assert bar(7, 4) == "████"
    assert bar(-1, 4) == "░░░░"
