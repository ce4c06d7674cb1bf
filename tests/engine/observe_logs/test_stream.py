"""Following: growth, rotation, truncation, replacement, disappearance; nothing that was written is left out."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from console.engine.observe.logs_conditions import Narrowing
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_stream import KEPT, LogStream
from console.engine.observe.logs_view import LogView


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "migration.log"
    path.write_bytes(b"one\ntwo\n")
    return path


def append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def texts(view: LogView) -> list[str]:
    view.poll()
    assert view.advance()
    return [row.text for row in view.rows]


def test_growth_and_a_line_that_comes_in_pieces(log: Path) -> None:
    view = LogView(LogStream(str(log)), 10)
    assert texts(view) == ["one", "two"]
    assert not view.poll()
    append(log, b"thr")
    assert texts(view) == ["one", "two", "thr"]
    append(log, b"ee\nfour\r\n")
    assert texts(view) == ["one", "two", "three", "four"]
    assert view.follow and view.at_end


def test_a_full_page_moves_up_by_a_third(log: Path) -> None:
    append(log, b"".join(b"%d\n" % number for number in range(10)))
    view = LogView(LogStream(str(log)), 9)
    assert texts(view) == [str(number) for number in range(1, 10)]
    append(log, b"new\n")
    assert texts(view) == ["5", "6", "7", "8", "9", "new"]
    append(log, b"a\nb\nc\n")
    assert texts(view) == ["5", "6", "7", "8", "9", "new", "a", "b", "c"]
    append(log, b"".join(b"many %d\n" % number for number in range(40)))
    assert texts(view) == [f"many {number}" for number in range(31, 40)]


def test_paused_the_page_stands_still_and_new_lines_are_counted(log: Path) -> None:
    view = LogView(LogStream(str(log)), 10)
    texts(view)
    view.pause()
    append(log, b"three\nfour\nfi")
    assert texts(view) == ["one", "two"]
    assert view.new_lines == 2
    append(log, b"ve\n")
    texts(view)
    assert view.new_lines == 3
    view.end()
    assert texts(view) == ["one", "two", "three", "four", "five"]
    assert (view.new_lines, view.follow) == (0, True)


def test_paused_on_a_line_without_end_it_is_completed(log: Path) -> None:
    append(log, b"thr")
    view = LogView(LogStream(str(log)), 10)
    texts(view)
    view.pause()
    append(log, b"ee\nfour\n")
    assert texts(view) == ["one", "two", "three"]


def test_rotation_drains_the_old_file_first_and_says_so(log: Path) -> None:
    view = LogView(LogStream(str(log)), 20)
    texts(view)
    append(log, b"late\n")
    os.rename(log, f"{log}.1")
    log.write_bytes(b"fresh\n")
    said = "migration.log was rotated; the lines above are in migration.log.1"
    assert texts(view) == ["one", "two", "late", said, "fresh"]
    append(Path(f"{log}.1"), b"later still\n")  # a writer that has not noticed
    append(log, b"more\n")
    assert texts(view) == ["one", "two", "late", "later still", said, "fresh", "more"]


def test_two_rotations_between_two_looks_leave_nothing_out(log: Path) -> None:
    view = LogView(LogStream(str(log)), 20)
    texts(view)
    os.rename(log, f"{log}.2")
    Path(f"{log}.1").write_bytes(b"between\n")
    log.write_bytes(b"fresh\n")
    assert [text for text in texts(view) if "rotated" not in text] == ["one", "two", "between", "fresh"]


@pytest.mark.parametrize("new", [b"", b"x\n", b"one\n"])
def test_truncation_is_said(log: Path, new: bytes) -> None:
    view = LogView(LogStream(str(log)), 20)
    texts(view)
    log.write_bytes(new)
    got = texts(view)
    size = len(new)
    assert got[2] == f"migration.log was truncated from 8 B to {size} B; the lines before are gone"
    assert got[3:] == new.decode().splitlines()
    append(log, b"next\n")
    assert texts(view)[-1] == "next"


def test_truncation_and_growth_past_the_old_size_is_noticed(log: Path) -> None:
    view = LogView(LogStream(str(log)), 20)
    texts(view)
    log.write_bytes(b"other bytes altogether\n")
    assert "migration.log was rewritten in place; the lines before are gone" in texts(view)
    # the same beginning, other bytes where the end was
    log.write_bytes(b"other bytes\nbut another end than it had\n")
    assert texts(view)[-2:] == ["other bytes", "but another end than it had"]


def test_replacement_and_moving_away_are_told_apart(log: Path) -> None:
    view = LogView(LogStream(str(log)), 20)
    texts(view)
    other = log.with_name("new")
    other.write_bytes(b"replaced\n")
    os.replace(other, log)
    assert texts(view)[-2:] == [
        "migration.log was replaced; the file with the lines above is deleted",
        "replaced",
    ]
    os.rename(log, log.with_name("elsewhere"))
    log.write_bytes(b"third\n")
    assert texts(view)[-2:] == [
        "migration.log was replaced; the file with the lines above was moved away",
        "third",
    ]


def test_a_file_that_goes_and_comes_back(log: Path) -> None:
    view = LogView(LogStream(str(log)), 20)
    texts(view)
    aside = log.with_name("aside")
    os.rename(log, aside)
    assert texts(view) == ["one", "two"]  # once is no news: a rotation renames before it creates
    assert texts(view)[-1] == "migration.log is gone; waiting for it to come back"
    length = len(view.rows)
    assert len(texts(view)) == length  # said once
    append(aside, b"three\n")
    os.rename(aside, log)
    assert texts(view)[-1] == "migration.log is back, the same file"
    append(log, b"four\n")
    assert [text for text in texts(view) if "migration" not in text] == ["one", "two", "three", "four"]


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_what_cannot_be_read_is_said_and_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a\x1b.log"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)  # opening it for reading would block for ever
    view = LogView(LogStream(str(path)), 5)
    assert len(texts(view)) == 1 and texts(view)[0].startswith("a␛.log ")
    if path.exists():
        os.rename(path, path.with_name("away"))
        texts(view)
    path.write_bytes(b"here\n")
    assert texts(view)[-1] == "here"


def test_a_filter_goes_on_while_following(log: Path) -> None:
    view = LogView(LogStream(str(log)), 10, least=Level.ERROR)
    assert texts(view) == []
    append(log, b"12:00 INFO a\n12:00 ERROR b\n  at c\n12:00 INFO d\n")
    assert texts(view) == ["12:00 ERROR b", "  at c"]
    append(log, b"12:00 ERROR e\n  part")
    assert texts(view) == ["12:00 ERROR b", "  at c", "12:00 ERROR e", "  part"]
    append(log, b"ly\n")
    assert texts(view)[-1] == "  partly"
    view.show_only(Narrowing(Level.NONE))
    assert len(texts(view)) == 8


def test_old_files_are_let_go_of(log: Path) -> None:
    stream = LogStream(str(log))
    view = LogView(stream, 50)
    for number in range(KEPT + 4):
        os.unlink(log)
        log.write_bytes(b"generation %d\n" % number)
        texts(view)
    assert len(stream.segments) == KEPT
    held = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_link(name)]
    view.end()
    view.advance()
    assert sum(str(log) in target for target in held) <= KEPT + 1


def _is_link(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")


class Following(RuleBasedStateMachine):
    """A writer does what it likes, a reader looks now and then: every line whose file still exists is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "a.log"
        self.path.write_bytes(b"")
        self.written: list[bytes] = [b""]  # of each generation
        self.stream = LogStream(str(self.path))
        self.view = LogView(self.stream, 5)
        self.count = 0
        self.changed = False  # a truncation or replacement since the last look

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(lines=st.integers(1, 20), whole=st.booleans())
    def append(self, lines: int, whole: bool) -> None:
        for _ in range(lines):
            self.count += 1
            self._write(b"line %d\n" % self.count)
        if not whole:
            self._write(b"begun %d " % self.count)

    def _write(self, data: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(data)
        self.written[-1] += data

    @precondition(lambda self: not self.changed)
    @rule()
    def rotate(self) -> None:
        for number in range(3, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.rename(self.path, f"{self.path}.1")
        self.path.write_bytes(b"")
        self.written.append(b"")
        self.changed = True

    @precondition(lambda self: not self.changed)
    @rule()
    def replace(self) -> None:
        os.unlink(self.path)
        self.path.write_bytes(b"")
        self.written.append(b"")
        self.changed = True

    @precondition(lambda self: not self.changed)
    @rule()
    def truncate(self) -> None:
        if self.written[-1]:
            os.truncate(self.path, 0)
            self.written[-1] = b""
            self.changed = True

    @rule()
    def look(self) -> None:
        self.view.poll()
        assert self.view.advance()
        self.changed = False
        expected = _lines(self.written)
        shown = [row.line.head for row in self.view.rows if row.line is not None and self._there(row.segment)]
        if self.view.follow and shown and expected:
            assert shown[-1] == expected[-1]

    def _there(self, serial: int) -> bool:
        """Lines lost to a truncation stay on the page until it moves, above the notice that says so."""
        segment = self.stream.segment(serial)
        return segment is not None and segment.log is not None

    @rule()
    def read_everything(self) -> None:
        self.look()
        self.view.home()
        assert self.view.advance()
        seen = list(self.view.rows)
        while not self.view.at_end:
            self.view.scroll(4)
            assert self.view.advance()
            places = {row.position for row in seen}
            seen += [row for row in self.view.rows if row.position not in places]
        got = [row.line.head for row in seen if row.line is not None]
        expected = _lines(self.written)
        assert got == expected[len(expected) - len(got) :]
        assert len(got) == len(expected) or len(self.stream.segments) == KEPT


def _lines(generations: list[bytes]) -> list[bytes]:
    return [line for data in generations for line in data.splitlines()]


Following.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestFollowing = Following.TestCase
