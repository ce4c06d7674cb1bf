"""All logs by time: what is shown is what sorting all lines shows, whichever way one pages through it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.observe import logs_merge
from console.engine.observe.logs import LogFile
from console.engine.observe.logs_conditions import Condition, Narrowing
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_merge import MergedRows, tag_of
from console.engine.observe.logs_rows import Cut
from console.engine.observe.logs_search import Search, find_in_stream
from console.engine.observe.logs_times import Clock
from console.engine.observe.logs_view import LogView
from tests.engine.observe_logs.oracle import small_reads
from tests.support import shared_corpus

BEGAN = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)
Entry = tuple[int, int, str]  # second, log, text


def stamp(second: int) -> str:
    return (BEGAN + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")


def write(folder: Path, log: int, entries: Sequence[Entry], *, end: str = "\n") -> LogFile:
    """The entries of one log, one line each; a text with a newline in it becomes two, the second without a time."""
    path = folder / f"{log}.log"
    path.write_text("\n".join(f"{stamp(second)} - x - INFO - {text}" for second, _, text in entries) + end)
    return LogFile(str(path), path.name, "other", size=path.stat().st_size, mtime=path.stat().st_mtime)


def merged(files: Sequence[LogFile]) -> MergedRows:
    return MergedRows(lambda: files, Clock(UTC))


def texts(view: LogView) -> list[str]:
    return [row.text.rpartition(" - ")[2] for row in view.rows]


def walk(view: LogView, step: int, done: Callable[[], bool]) -> list[str]:
    """Every line met on the way, each once, in the order of the view."""
    met: dict[tuple[int, int], str] = {}
    for _ in range(500):
        assert view.advance()
        rows = view.rows if step > 0 else view.rows[::-1]
        for row in rows:
            met.setdefault(row.position, row.text.rpartition(" - ")[2])
        if done():
            return list(met.values())[::step]
        view.scroll(step * 2)
    raise AssertionError("never came to the end")


LOGS = st.lists(st.lists(st.integers(0, 30), max_size=12), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(LOGS, st.integers(2, 7), st.integers(5, 90))
def test_paging_either_way_is_what_sorting_shows(
    tmp_path: Path, logs: list[list[int]], height: int, chunk: int
) -> None:
    entries = [
        [(second, log, f"{log}.{number}") for number, second in enumerate(sorted(seconds))]
        for log, seconds in enumerate(logs)
    ]
    expected = [text for _, _, text in sorted((entry for log in entries for entry in log), key=lambda e: e[:2])]
    files = [write(tmp_path, log, written) for log, written in enumerate(entries) if written]
    with small_reads(chunk):
        view = LogView(merged(files), height)
        assert view.advance() and texts(view) == expected[-height:]
        assert walk(view, -1, lambda: view.at_start) == expected
        view.home()
        assert view.advance() and texts(view) == expected[:height]
        assert walk(view, 1, lambda: view.at_end) == expected
        for index, row in enumerate(view.rows):
            wanted = len(expected) - len(view.rows) + index
            view.go(row.position)
            assert view.advance() and view.landed == row.position
            assert expected[wanted] in texts(view)


def test_every_line_is_marked_with_its_log_and_a_traceback_stays_whole(tmp_path: Path) -> None:
    files = [
        write(tmp_path, 0, [(1, 0, "one\nTraceback\n  frame"), (5, 0, "five")]),
        write(tmp_path, 1, [(1, 1, "uno"), (4, 1, "quattro")], end=""),
    ]
    view = LogView(merged(files), 20)
    assert view.advance()
    assert texts(view) == ["one", "Traceback", "  frame", "uno", "quattro", "five"]
    assert [row.log for row in view.rows] == ["0.log", "0.log", "0.log", "1.log", "1.log", "0.log"]
    view.home()
    assert view.advance()
    assert texts(view) == ["one", "Traceback", "  frame", "uno", "quattro", "five"]


def test_what_is_added_anywhere_is_followed(tmp_path: Path) -> None:
    files = [write(tmp_path, 0, [(1, 0, "a")]), write(tmp_path, 1, [(2, 1, "b")], end="")]
    view = LogView(merged(files), 4)
    assert view.advance() and texts(view) == ["a", "b"]
    for number, added in ((1, "c\n"), (0, f"{stamp(9)} - x - INFO - d\n")):
        with open(files[number].path, "a", encoding="utf-8") as file:
            file.write(added)
        assert view.poll() and view.advance()
    assert texts(view) == ["a", "bc", "d"]
    view.pause()
    with open(files[0].path, "a", encoding="utf-8") as file:
        file.write("e\nf\n")
    assert view.poll() and view.new_lines == 2
    assert not view.poll()


def test_rotation_meanwhile_shows_every_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_merge, "RELIST", 1)
    path = tmp_path / "migration.log"
    path.write_text(f"{stamp(1)} old\n")

    def listing() -> list[LogFile]:
        found = sorted(each for each in tmp_path.iterdir() if each.name.startswith("migration"))
        number = {each: int(each.suffix[1:]) if each.suffix != ".log" else 0 for each in found}
        return [LogFile(str(each), each.name, "text", number[each], size=os.stat(each).st_size) for each in found]

    view = LogView(MergedRows(listing, Clock(UTC)), 10)
    assert view.advance()
    path.rename(tmp_path / "migration.log.1")
    path.write_text(f"{stamp(2)} new\n")
    assert view.poll() and view.advance()
    assert [row.line.text for row in view.rows if row.line] == [f"{stamp(1)} old", f"{stamp(2)} new"]
    view.poll()
    view.home()
    assert view.advance()
    assert [row.line.text for row in view.rows if row.line] == [f"{stamp(1)} old", f"{stamp(2)} new"]


def test_a_new_log_turns_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_merge, "RELIST", 1)
    files = [write(tmp_path, 0, [(1, 0, "a")])]
    view = LogView(merged(files), 5)
    assert view.advance()
    files.append(write(tmp_path, 1, [(7, 1, "fresh")]))
    assert view.poll() and view.advance()
    assert texts(view) == ["a", "fresh"]


def test_level_text_and_run(tmp_path: Path) -> None:
    own = tmp_path / "stderr"
    own.write_text("boom of run-7\nno name here\n")
    files = [
        write(tmp_path, 0, [(1, 0, "run-7 starts"), (2, 0, "other"), (3, 0, "nothing of it")]),
        LogFile(str(own), "run run-7 errors", "stderr", run="run-7", size=10, mtime=own.stat().st_mtime),
    ]
    view = LogView(merged(files), 9)
    run = Condition(Search("run-7"), kind="run")
    view.show_only(Narrowing(conditions=(run,)))
    assert view.advance()
    assert texts(view) == ["run-7 starts", "boom of run-7", "no name here"]
    view.show_only(Narrowing(Level.ERROR))
    assert view.advance() and not view.rows


def test_going_to_a_time_and_finding_the_nearest(tmp_path: Path) -> None:
    files = [
        write(tmp_path, 0, [(n, 0, f"a{n} hit" if n in (3, 40) else f"a{n}") for n in range(0, 60, 2)]),
        write(tmp_path, 1, [(n, 1, f"b{n} hit" if n in (21, 33) else f"b{n}") for n in range(1, 60, 2)]),
    ]
    rows = merged(files)
    view = LogView(rows, 6)
    assert view.go_to_time((BEGAN + timedelta(seconds=20)).timestamp()) and view.advance()
    assert texts(view)[2:4] == ["a20", "b21 hit"]

    def next_one(start: Cut | None, backward: bool) -> str:
        found = rows.find(
            start,
            backward,
            lambda stream, at, stop: find_in_stream(
                stream, Search("hit"), at, backward=backward, stop=stop, least=LevelFilter()
            ),
        )
        return found.line.text.rpartition(" - ")[2] if found else ""

    place = rows.place_at((BEGAN + timedelta(seconds=20)).timestamp())
    assert isinstance(place, Cut)
    assert next_one(place, False) == "b21 hit"
    assert next_one(place, True) == ""  # a3 is odd, so there is none
    later = rows.place_at((BEGAN + timedelta(seconds=39)).timestamp())
    assert isinstance(later, Cut)
    assert next_one(later, False) == "a40 hit"
    assert next_one(later, True) == "b33 hit"
    assert next_one(None, True) == "a40 hit"


@pytest.mark.parametrize(
    ("file", "tag"),
    [
        (LogFile("/x", "migration.log", "text"), "log"),
        (LogFile("/x", "migration.json.3", "structured", 3), "json.3"),
        (
            LogFile("/x", "run 20250102T000000Z-migrate-bbbb errors", "stderr", run="20250102T000000Z-migrate-bbbb"),
            "err bbbb",
        ),
        (LogFile("/x", "logs/\x1bcron.log", "other"), "␛cron"),
        (LogFile("/x", "logs/a-very-long-name.log", "other"), "a-very-…"),
    ],
)
def test_tags(file: LogFile, tag: str) -> None:
    assert tag_of(file) == tag


@pytest.mark.corpus
def test_all_real_logs_as_one() -> None:
    """Every line of every log is there, once, and those that have a time are in its order."""
    paths = sorted(path for path in (shared_corpus() / "logs").rglob("*") if path.is_file())
    files = [LogFile(str(path), path.name, "other", size=1, mtime=path.stat().st_mtime) for path in paths]
    rows = merged(files)
    seen = [row for row in rows.forward(None, LevelFilter()) if row is not None]
    data = [path.read_bytes() for path in paths]
    assert len({row.position for row in seen}) == len(seen)
    assert len(seen) == sum(each.count(b"\n") + (not each.endswith(b"\n")) for each in data)
    moments = [rows.time_of(row.position) for row in seen[::20]]
    late = sum(before > after for before, after in pairwise(moments))
    assert late < 3, late  # a log that is not in the order of its own times
    back = [row.position for row in rows.back(None, LevelFilter()) if row is not None]
    assert len(back) == len(seen) and set(back) == {row.position for row in seen}
