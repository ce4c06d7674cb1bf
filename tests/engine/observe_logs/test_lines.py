"""Lines, pages, filters, numbers and matches agree with reading everything, on arbitrary bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.observe import logs_filter, logs_lines, logs_search
from console.engine.observe.logs_index import LineIndex
from console.engine.observe.logs_levels import Level, level_of
from console.engine.observe.logs_lines import LineReader, LogLine
from console.engine.observe.logs_regex import Matcher, required_literal
from console.engine.observe.logs_search import SearchError, compile_search, find_in_stream, find_record
from console.engine.observe.logs_stream import LogStream
from console.engine.observe.logs_view import LogView
from tests.engine.observe_logs.oracle import Line, lines_of, log_bytes, opened, shown_by, small_reads

CHUNKS = st.integers(2, 90)
LEAST = st.sampled_from([Level.NONE, Level.INFO, Level.WARNING, Level.ERROR])
thorough = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def _reader(stream: LogStream) -> LineReader:
    assert stream.last is not None and stream.last.log is not None
    return stream.last.log.reader


def _seen(line: LogLine) -> tuple[int, int, bytes, int, bool]:
    return line.start, line.end, line.head, line.length, line.complete


def _expected(line: Line) -> tuple[int, int, bytes, int, bool]:
    return line.start, line.end, line.content, len(line.content), line.complete


@thorough
@given(log_bytes(), CHUNKS, st.data())
def test_lines_both_ways_and_from_anywhere(tmp_path: Path, data: bytes, chunk: int, draw: st.DataObject) -> None:
    lines = lines_of(data)
    with small_reads(chunk), opened(tmp_path, data) as stream:
        reader = _reader(stream)
        at = draw.draw(st.integers(0, len(lines)))
        offset = lines[at].start if at < len(lines) else len(data)
        forward = [line for piece in reader.forward(offset, len(data)) for line in piece.lines()]
        back = [line for piece in reader.back(offset) for line in piece.lines_back()]
        heads = [line.content[:chunk] for line in lines]
        assert [(line.start, line.end, line.length, line.complete) for line in back[::-1] + forward] == [
            (line.start, line.end, len(line.content), line.complete) for line in lines
        ]
        for line, head in zip(back[::-1] + forward, heads, strict=True):
            assert line.head.startswith(head) and len(line.head) <= line.length
        if data:
            byte = draw.draw(st.integers(0, len(data) - 1))
            around = next(line for line in lines if line.start <= byte < line.end)
            assert _seen(reader.line_at(byte, len(data)))[:2] == (around.start, around.end)


@thorough
@given(log_bytes(), CHUNKS)
def test_line_numbers(tmp_path: Path, data: bytes, chunk: int) -> None:
    lines = lines_of(data)
    with small_reads(chunk), opened(tmp_path, data) as stream:
        index = LineIndex(_reader(stream))
        assert index.extend(len(data))
        starts = [line.start for line in lines]
        assert index.line_numbers(starts) == list(range(1, len(lines) + 1))
        assert [index.line_number(start) for start in starts] == list(range(1, len(lines) + 1))
        assert [index.offset_of(n + 1, len(data)) for n in range(len(lines))] == starts
        assert index.offset_of(len(lines) + 2, len(data)) == len(data)
        assert index.lines(len(data)) == len(lines)


@thorough
@given(log_bytes(), CHUNKS, LEAST, st.integers(1, 7), st.data())
def test_pages(tmp_path: Path, data: bytes, chunk: int, least: Level, height: int, draw: st.DataObject) -> None:
    """Any walk through the file shows what the same walk over a list of all lines shows."""
    with small_reads(chunk), opened(tmp_path, data) as stream:
        whole = lines_of(data)
        shown = [line.start for line in shown_by(whole, least, logs_filter.GROUP_BYTES)]
        view = LogView(stream, height, least=least)
        first, last = max(0, len(shown) - height), len(shown)
        assert view.advance()
        assert _starts(view) == shown[first:last]
        for _ in range(draw.draw(st.integers(0, 8))):
            step = draw.draw(st.sampled_from(["home", "end", "up", "down", "go", "pause"]))
            count = draw.draw(st.integers(1, 9))
            # further than there are rows, or nothing hidden below: then it is known to be the end
            known = last + count > len(shown) or shown[-1:] == [line.start for line in whole[-1:]]
            if step == "home":
                view.home()
                first, last = 0, min(height, len(shown))
            elif step == "end":
                view.end()
                first, last = max(0, len(shown) - height), len(shown)
            elif step == "pause":
                view.pause()
            elif step == "up":
                view.scroll(-count)
                first = max(0, first - count)
                last = min(last, first + height)
            elif step == "down":
                at_end = view.at_end
                view.scroll(count)
                if at_end:
                    first, last = max(0, len(shown) - height), len(shown)
                else:
                    last = min(len(shown), last + count)
                    first = max(first, last - height)
            elif whole:
                at = draw.draw(st.integers(0, len(whole) - 1))
                view.go((stream.segments[-1].serial, whole[at].start))
                below = sum(start < whole[at].start for start in shown)
                first = max(0, below - height // 3)
                last = min(len(shown), first + height)
                first = max(0, last - height)
            assert view.advance()
            assert _starts(view) == shown[first:last], step
            if last == len(shown) and (step == "end" or (step == "down" and known)):
                assert view.follow and view.at_end
            elif last == len(shown) and step == "down":
                assert view.follow == view.at_end
            elif step != "go" or whole:
                assert not view.follow, step


def _starts(view: LogView) -> list[int]:
    return [row.line.start for row in view.rows if row.line is not None]


@thorough
@given(
    log_bytes(),
    CHUNKS,
    LEAST,
    st.sampled_from(
        ["needle", "Needle", "NEEDLE", "n\u00e9\u00e9", "e", "\u4e2d", "not", "a.b*c(d", "\x1b[31m", "zzz"]
    ),
    st.sampled_from([None, True, False]),
)
def test_text_search(
    tmp_path: Path, data: bytes, chunk: int, least: Level, text: str, ignore_case: bool | None
) -> None:
    search = compile_search(text, ignore_case=ignore_case)
    forms = {text, text.lower(), text.upper()} if search.ignore_case else {text}

    def matches(content: bytes) -> bool:
        if not search.ignore_case:
            return text.encode() in content
        pattern = "".join(
            "(?:" + "|".join(re.escape(form) for form in sorted({c, c.lower(), c.upper()})) + ")" for c in text
        )
        return re.search(pattern.encode(), content) is not None

    assert forms
    _check_search(tmp_path, data, chunk, least, search, matches)


@thorough
@given(
    st.lists(st.sampled_from([b"nee", b"needle", b"dle", b"n", b"E", b"\n", "\u00c9\u00e9".encode()])).map(b"".join),
    st.integers(2, 12),
    st.sampled_from(["needle", "NeE", "\u00e9\u00e9", "e\u00e9", "eneedl"]),
    st.booleans(),
)
def test_text_across_the_ends_of_blocks(tmp_path: Path, data: bytes, chunk: int, text: str, fold: bool) -> None:
    test_text_search.hypothesis.inner_test(tmp_path, data, chunk, Level.NONE, text, fold)  # type: ignore[attr-defined]


@thorough
@given(
    log_bytes(),
    CHUNKS,
    st.sampled_from(
        [
            "need.*e",
            "^x$",
            "e$",
            r"\s+at",
            "[^x]*error",
            "(?i)needle",
            "n.{2}dle",
            "\u00e9",
            "Val|odd",
            r"\d+:\d+",
            "y{5,}",
            "",
            "^",
            "$",
            r"\S$",
            "(?<!n)eedle",
            "a\\.b\\*c\\(d",
            "[\u00e9e]dle",
        ]
    ),
    st.booleans(),
)
def test_expressions(tmp_path: Path, data: bytes, chunk: int, pattern: str, ignore_case: bool) -> None:
    """The matcher of the helper process, in this one: on chunks as on single lines."""
    compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    matcher = Matcher(pattern, ignore_case)
    expected = [
        line.start for line in lines_of(data) if compiled.search(line.content.decode("utf-8", "surrogateescape"))
    ]
    with opened(tmp_path, data) as stream:
        reader = _reader(stream)
        assert [start for piece in reader.forward(0, len(data)) for start, _ in matcher.lines(piece)] == expected
        with small_reads(max(chunk, 80)):
            found = [start for piece in reader.back(len(data)) for start, _ in matcher.lines(piece)[::-1]]
        assert found[::-1] == expected


def _check_search(
    tmp_path: Path,
    data: bytes,
    chunk: int,
    least: Level,
    search: logs_search.Search,
    matches: Callable[[bytes], bool],
) -> None:
    with small_reads(chunk), opened(tmp_path, data) as stream:
        shown = shown_by(lines_of(data), least, logs_filter.GROUP_BYTES)
        expected = [line.start for line in shown if matches(line.content)]
        for backward in (False, True):
            found: list[int] = []
            place = None
            while len(found) <= len(expected):
                hit = find_in_stream(stream, search, place, backward=backward, least=logs_filter.LevelFilter(least))
                if hit is None:
                    break
                found.append(hit.line.start)
                place = (hit.segment, hit.line.start if backward else hit.line.end)
                assert not search.text.isascii() or len(hit.columns()) >= (not hit.line.cut)
            assert (found[::-1] if backward else found) == expected


@thorough
@given(log_bytes(), CHUNKS)
def test_next_and_previous_error(tmp_path: Path, data: bytes, chunk: int) -> None:
    with small_reads(chunk), opened(tmp_path, data) as stream:
        expected = [line.start for line in lines_of(data) if level_of(line.content) >= Level.ERROR]
        serial = stream.segments[-1].serial
        found, place = [], (serial, 0)
        while (hit := find_record(stream, Level.ERROR, place)) is not None:
            found.append(hit.line.start)
            place = (serial, hit.line.end)
        assert found == expected
        found, place = [], (serial, len(data))
        while (hit := find_record(stream, Level.ERROR, place, backward=True)) is not None:
            found.append(hit.line.start)
            place = (serial, hit.line.start)
        assert found[::-1] == expected


def test_expressions_run_in_a_process_of_their_own(tmp_path: Path) -> None:
    data = b"".join(b"line %d caf\xc3\xa9 x\r\n" % n for n in range(30_000))
    with opened(tmp_path, data) as stream:
        search = compile_search("line 2999[89] caf. x$", regex=True)
        first = find_in_stream(stream, search, None)
        last = find_in_stream(stream, search, None, backward=True)
        assert first is not None and first.line.text == "line 29998 café x"
        assert last is not None and last.line.text == "line 29999 café x"
        assert first.columns() == ((0, len(first.line.text)),)
        behind = (first.segment, last.line.end)
        assert find_in_stream(stream, search, behind) is None


def test_an_expression_that_takes_for_ever_is_stopped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.engine.observe import logs_regex

    monkeypatch.setattr(logs_regex.search, "__kwdefaults__", {"seconds": 0.2})
    with (
        opened(tmp_path, b"a" * 60 + b"!\n") as stream,
        pytest.raises(SearchError, match="took longer than"),
    ):
        find_in_stream(stream, compile_search("(a|a)+$", regex=True), None)


def test_a_search_that_nobody_wants_any_more_ends(tmp_path: Path) -> None:
    asked = iter([False, False, True])
    with opened(tmp_path, b"a" * 60 + b"!\n") as stream:
        search = compile_search("(a|a)+$", regex=True)
        assert find_in_stream(stream, search, None, cancelled=lambda: next(asked, True)) is None
    with opened(tmp_path, b"x\n" * 1000) as stream:
        assert find_in_stream(stream, compile_search("y"), None, cancelled=lambda: True) is None


@pytest.mark.parametrize(
    ("pattern", "said"), [("(ab", "unterminated subpattern at column 1"), ("*", "nothing to repeat"), ("[", "set")]
)
def test_what_does_not_compile_is_said_in_words(pattern: str, said: str) -> None:
    with pytest.raises(SearchError, match=said):
        compile_search(pattern, regex=True)
    assert compile_search(pattern).text == pattern


def test_capitals_decide_about_case() -> None:
    assert compile_search("error").ignore_case and not compile_search("Error").ignore_case
    assert compile_search("Error", ignore_case=True).ignore_case


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("failed.*grants_0*9", "grants_"),
        ("abc?def", "def"),
        ("ab|cd", ""),
        ("(abc)+xy", "xy"),
        (r"\x41bcd", ""),
        ("[abc]defg", "defg"),
        (r"a\.b\d+", "a.b"),
        ("x{2}yz", "yz"),
        ("[]abc]de", "de"),
        ("(?i)abc", ""),
        ("é", ""),
    ],
)
def test_literals_that_every_match_contains(pattern: str, literal: str) -> None:
    assert required_literal(pattern) == literal


def test_a_line_of_a_gigabyte_is_cut_and_its_length_said(tmp_path: Path) -> None:
    """Sparse, so that it costs no disk; read block by block, never whole."""
    path = tmp_path / "long.log"
    with open(path, "wb") as file:
        file.write(b"first\n")
        file.seek(1 << 30)
        file.write(b"end\nlast\n")
    stream = LogStream(str(path))
    view = LogView(stream, 10)
    assert view.advance()
    assert [row.text[:5] for row in view.rows] == ["first", "␀␀␀␀␀", "last"]
    long = view.rows[1].line
    assert long is not None
    assert (long.length, len(long.head), long.cut) == ((1 << 30) + 3 - 6, logs_lines.VIEW_BYTES, True)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\x00b\tc", "a␀b␉c"),
        ("[@click=app.quit]x \u202e\u200b\x9b".encode(), "[@click=app.quit]x \\u202e\\u200b\\x9b"),
        (b"carriage\rreturn\r", "carriage␍return"),
    ],
)
def test_hostile_bytes_are_shown(tmp_path: Path, raw: bytes, text: str) -> None:
    with opened(tmp_path, raw + b"\n") as stream:
        view = LogView(stream, 5)
        view.advance()
        assert [row.text for row in view.rows] == [text]
