"""Filters: whatever is combined, a page shows what going through all lines one by one leaves."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.observe import logs_conditions, logs_filter, logs_helper
from console.engine.observe.logs_conditions import Condition, Narrowing, Sieve
from console.engine.observe.logs_helper import Helper
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_lines import BIG_CHUNK, Chunk
from console.engine.observe.logs_regex import Matcher, TooSlowError
from console.engine.observe.logs_rows import StreamRows
from console.engine.observe.logs_search import Search, SearchError, find_in_stream
from console.engine.observe.logs_span import is_above, span_bytes
from console.engine.observe.logs_stream import LogStream
from console.engine.observe.logs_view import LogView
from tests.engine.observe_logs.oracle import Line, lines_of, log_bytes, opened, shown_by, small_reads

thorough = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
LEAST = st.sampled_from([Level.NONE, Level.INFO, Level.WARNING, Level.ERROR])
TEXTS = st.sampled_from(["needle", "NEEDLE", "n\u00e9", "e", "ERROR", "x", "\x1b[31m", "zzz", "a.b*c(d"])
EXPRESSIONS = st.sampled_from(["need.*e", "^x$", r"\d+:\d+", "(?i)needle", "[\u00e9e]dle", "y{5,}", r"\S$"])
CONDITIONS = st.lists(
    st.builds(
        Condition,
        st.one_of(
            st.builds(Search, TEXTS, st.just(False), st.booleans()),
            st.builds(Search, EXPRESSIONS, st.just(True), st.booleans()),
        ),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)


class InThisProcess:
    """What Helper answers, without a process: hundreds of examples would start hundreds."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self._matcher = Matcher(pattern, ignore_case)

    def starts(self, chunk: Chunk) -> set[int]:
        return {start for start, _ in self._matcher.lines(chunk)}

    def close(self) -> None:
        return


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs_conditions, "Helper", InThisProcess)
    yield


def has(search: Search, content: bytes) -> bool:
    if search.regex:
        flags = re.IGNORECASE if search.ignore_case else 0
        return re.search(search.text, content.decode("utf-8", "surrogateescape"), flags) is not None
    if not search.ignore_case:
        return search.text.encode() in content
    forms = ("(?:" + "|".join({re.escape(c), re.escape(c.lower()), re.escape(c.upper())}) + ")" for c in search.text)
    return re.search("".join(forms).encode(), content) is not None


def left_by(lines: list[Line], narrowing: Narrowing) -> list[Line]:
    shown = shown_by(lines, narrowing.least, logs_filter.GROUP_BYTES)
    return [line for line in shown if all(has(c.search, line.content) != c.invert for c in narrowing.conditions)]


@thorough
@given(log_bytes(), st.integers(2, 90), LEAST, CONDITIONS, st.integers(1, 6), st.data())
def test_pages_of_filtered_lines(
    tmp_path: Path,
    no_processes: None,
    data: bytes,
    chunk: int,
    least: Level,
    conditions: tuple[Condition, ...],
    height: int,
    draw: st.DataObject,
) -> None:
    narrowing = Narrowing(least, conditions)
    with small_reads(chunk), opened(tmp_path, data) as stream:
        lines = left_by(lines_of(data), narrowing)
        shown = [line.start for line in lines]
        view = LogView(stream, height)
        view.show_only(narrowing)
        assert view.advance() and starts(view) == shown[-height:]
        while not view.at_start:
            view.scroll(-height)
            assert view.advance()
        assert starts(view) == shown[:height]
        view.home()
        assert view.advance() and starts(view) == shown[:height]
        found = find_in_stream(stream, Search("e"), None, least=view.filter)
        assert (found.line.start if found else None) == next((x.start for x in lines if b"e" in x.content), None)
        if shown:  # what is copied and saved, from any line to any other
            rows = [row for row in StreamRows(stream).forward(None, view.filter) if row is not None and row.line]
            one, other = (draw.draw(st.integers(0, len(rows) - 1)) for _ in range(2))
            low, high = sorted((one, other))
            assert is_above(rows[low], rows[high]) == (low < high)
            taken = b"".join(span_bytes(StreamRows(stream), view.filter, rows[one], rows[other]))
            assert taken == b"".join(line.content + b"\n" for line in lines[low : high + 1])


def starts(view: LogView) -> list[int]:
    return [row.line.start for row in view.rows if row.line is not None]


def narrowed(path: Path, narrowing: Narrowing, *, run: str = "") -> list[str]:
    view = LogView(StreamRows(LogStream(str(path)), run=run), 60)
    view.show_only(narrowing)
    try:
        assert view.advance()
        return [row.text for row in view.rows]
    finally:
        view.filter.close()


def test_conditions_are_added_turned_round_and_taken_off() -> None:
    text, run, other = Condition(Search("a")), Condition(Search("r1"), kind="run"), Condition(Search("r2"), kind="run")
    narrowing = Narrowing(Level.ERROR).with_condition(text).with_condition(run)
    assert narrowing.conditions == (text, run) and narrowing.least is Level.ERROR and narrowing
    assert narrowing.with_condition(other).conditions == (text, other)  # one run at a time
    assert narrowing.with_condition(run).conditions == (text,)  # the same again takes it away
    assert narrowing.inverted().conditions == (text, Condition(Search("r1"), invert=True, kind="run"))
    assert narrowing.without_newest().without_newest() == Narrowing(Level.ERROR)
    assert not narrowing.without_newest().without_newest().without_newest()
    assert Narrowing().inverted() == Narrowing() and not Narrowing()


BEGAN = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)


def stamp(second: int) -> str:
    return (BEGAN + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")


def test_a_run_in_the_text_log_is_its_time_and_what_names_it(tmp_path: Path) -> None:
    """The text log does not name runs: its lines are taken by their time, tracebacks with them."""
    path = tmp_path / "migration.log"
    lines = [f"{stamp(n)} - migration - INFO - line {n}" for n in range(40)]
    lines[12:12] = ["Traceback", "  frame"]
    lines.append(f"{stamp(50)} - migration - INFO - seen later: run-7")
    path.write_text("\n".join(lines))
    began = BEGAN.timestamp()
    run = Condition(Search("run-7"), kind="run", since=began + 10, until=began + 14)
    kept = [line.rpartition(" - ")[2] for line in narrowed(path, Narrowing(conditions=(run,)))]
    assert kept == ["line 10", "line 11", "Traceback", "  frame", "line 12", "line 13"]
    others = narrowed(path, Narrowing(conditions=(Condition(run.search, True, "run", run.since, run.until),)))
    assert len(others) == len(lines) - len(kept) - 1  # and the line that names it
    running = Condition(Search("run-7"), kind="run", since=began + 37)
    assert len(narrowed(path, Narrowing(conditions=(running,)))) == 4  # up to now, while it has not ended
    unknown = Condition(Search("run-7"), kind="run")
    assert narrowed(path, Narrowing(conditions=(unknown,))) == [lines[-1]]


def test_a_run_in_the_structured_log_is_what_names_it(tmp_path: Path) -> None:
    path = tmp_path / "migration.json"
    stamps = [(BEGAN + timedelta(seconds=n)).isoformat() for n in range(9)]
    path.write_text("".join(f'{{"timestamp": "{at}", "run": "run-{n % 3}"}}\n' for n, at in enumerate(stamps)))
    run = Condition(Search("run-1"), kind="run", since=BEGAN.timestamp(), until=BEGAN.timestamp() + 6)
    kept = narrowed(path, Narrowing(conditions=(run,)))
    assert len(kept) == 2 and all("run-1" in line for line in kept)  # two runs at once stay apart
    own = tmp_path / "stderr"
    own.write_text("boom\nnobody is named\n")
    assert len(narrowed(own, Narrowing(conditions=(run,)), run="run-1")) == 2
    assert narrowed(own, Narrowing(conditions=(run,)), run="run-2") == []


def test_what_is_added_is_filtered_too(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("keep 1\ndrop\n")
    view = LogView(LogStream(str(path)), 9)
    view.show_only(Narrowing(conditions=(Condition(Search("^keep", regex=True)),)))
    assert view.advance() and [row.text for row in view.rows] == ["keep 1"]
    with open(path, "a", encoding="utf-8") as file:
        file.write("drop again\nkeep 2\nkee")
    assert view.poll() and view.advance() and [row.text for row in view.rows] == ["keep 1", "keep 2"]
    with open(path, "a", encoding="utf-8") as file:
        file.write("p 3")
    assert view.poll() and view.advance() and [row.text for row in view.rows] == ["keep 1", "keep 2", "keep 3"]
    view.filter.close()


def test_an_expression_that_takes_for_ever_ends_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    path.write_text("a" * 60 + "!\n")
    view = LogView(LogStream(str(path)), 9)
    with monkeypatch.context() as patch:
        patch.setattr(Helper.__init__, "__defaults__", (0.2,))
        view.show_only(Narrowing(conditions=(Condition(Search("(a|a)+$", regex=True)),)))
        with pytest.raises(SearchError, match=r"took longer than 0\.2 s"):
            view.advance()
    view.show_only(Narrowing(conditions=(Condition(Search("a!", regex=True)),)))  # and nothing is broken
    assert view.advance() and len(view.rows) == 1
    view.filter.close()


def test_the_helper_lives_as_long_as_it_is_wanted() -> None:
    helper = Helper(r"b\d", ignore_case=True)
    assert helper.starts(Chunk(100, 112, b"a1\nB2\r\nb\nb3\n")) == {103, 109}
    child = helper._child
    assert child is not None
    big = b"x" * (BIG_CHUNK - 3) + b"\nb4\n"
    assert helper.starts(Chunk(0, len(big), big)) == {BIG_CHUNK - 2} and helper._child is child
    helper.close()
    helper.close()
    assert child.returncode is not None and helper._child is None
    assert helper.starts(Chunk(0, 3, b"b1\n")) == {0}  # a later use starts another
    child = helper._child
    assert child is not None
    child.kill()
    with pytest.raises(TooSlowError, match="ended unexpectedly"):
        helper.starts(Chunk(0, 3, b"b1\n"))
    assert not os.path.exists(f"/proc/{child.pid}")


def test_a_helper_that_does_not_answer_counts_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_helper, "_START", "import sys, time; {0!r}; sys.stdin.buffer.readline(); time.sleep(600)")
    monkeypatch.setattr(logs_helper, "_SLACK", 0.1)
    helper = Helper("a", ignore_case=False, seconds=0.1)
    began = time.monotonic()
    with pytest.raises(TooSlowError):
        helper.starts(Chunk(0, 2, b"a\n"))
    assert time.monotonic() - began < 60 and helper._child is None


def test_a_filter_that_is_put_aside_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("a\nb\n")
    view = LogView(LogStream(str(path)), 9)
    children: list[int] = []
    for pattern in ("a|x", "b|x"):
        view.show_only(Narrowing(conditions=(Condition(Search(pattern, regex=True)),)))
        assert view.advance() and len(view.rows) == 1
        assert isinstance(view.filter, Sieve)
        child = view.filter._helpers[0][0]._child
        assert child is not None
        children.append(child.pid)
    view.show_only(Narrowing())
    assert view.advance() and len(view.rows) == 2
    assert not any(os.path.exists(f"/proc/{pid}") for pid in children)
