"""Levels as a person reads them, in every format that the corpus has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from console.engine.observe.logs_levels import Level, is_head, level_of, words_at_least
from console.engine.observe.logs_stream import LogStream
from console.engine.observe.logs_view import LogView
from tests.support import shared_corpus


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b"2025-10-30 14:25:12 - migration - ERROR - x", Level.ERROR),
        (b"2025-10-30 14:25:12 - migration - INFO - ERROR - forged", Level.INFO),
        (b'{"timestamp": "t", "level": "WARNING", "message": "a"}', Level.WARNING),
        (b'{"message": "{\\"level\\": \\"ERROR\\"}", "level": "info"}', Level.INFO),
        (b'{"errors": {"level": "ERROR"}, "level": "INFO"}', Level.INFO),
        (b'{"message": "no level, ERROR"}', Level.NONE),
        (b'{"level": "ERROR", "cut": "' + b"x" * 9000, Level.ERROR),
        (b"{not json at all", Level.NONE),
        (b"081109 203615 148 WARN dfs.DataNode: x", Level.WARNING),
        (b"2015-03-12T23:16:52.071:INFO:com.root:Response :", Level.INFO),
        (b"Oct 30 14:25:12 host kernel: error: disk", Level.ERROR),
        (b"Oct 30 14:25:12 host app: an error occurred", Level.NONE),  # small letters only between marks
        (b"Oct 30 14:25:12 host kernel <Error>: disk", Level.ERROR),
        (b"2025/10/30 14:25:12 [crit] 12#12: open() failed", Level.CRITICAL),
        (b"time=2025-10-30 level=error msg=x", Level.ERROR),
        (b'time=2025-10-30 level="warn" msg=x', Level.WARNING),
        (b"\x1b[31m\x1b[1mWARNING: This is\x1b[0m", Level.WARNING),
        (b"panic is spelled without a mark", Level.NONE),
        (b"TERRORS and INFOrmation", Level.NONE),
        (b"x" * 300 + b" ERROR ", Level.NONE),
        (b"", Level.NONE),
    ],
)
def test_levels(line: bytes, level: Level) -> None:
    assert level_of(line) is level


def test_a_traceback_belongs_to_the_record_above() -> None:
    assert not is_head(b"Traceback (most recent call last):")
    assert not is_head(b'  File "a.py", line 3, in run')
    assert not is_head(b"")
    assert is_head(b"Jul  1 09:00:55 calvisitor kernel[0]: x")
    assert is_head(b"\x1b[0m\x1b[32mSep 19 \x1b[0m\x1b[1m\x1b[33m09:24:04\x1b[0m host")


def test_a_block_without_these_words_holds_no_such_record() -> None:
    for least in (Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR, Level.CRITICAL):
        words = words_at_least(least)
        assert words and all(word == word.upper() for word in words)
    assert set(words_at_least(Level.CRITICAL)) == {b"CRIT", b"FATAL", b"ALERT", b"EMERG", b"PANIC"}


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("migration/migration.log", {"INFO": 1324, "ERROR": 809, "WARNING": 6}),
        ("migration/migration.json", {"INFO": 1324, "ERROR": 809, "WARNING": 6}),
        ("loghub/HDFS_2k.log", {"INFO": 1920, "WARNING": 80}),
        ("loghub/OpenStack_2k.log", {"INFO": 1969, "WARNING": 31}),
    ],
)
def test_levels_of_real_logs(name: str, expected: dict[str, int]) -> None:
    counted: Counter[str] = Counter()
    for line in (shared_corpus() / "logs" / name).read_bytes().splitlines():
        counted[level_of(line).name] += 1
    assert dict(counted) == expected


@pytest.mark.corpus
def test_all_real_logs_open_and_can_be_walked_through() -> None:
    files = [path for path in (shared_corpus() / "logs").rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        assert _walked(path) == path.read_bytes().count(b"\n") + (not path.read_bytes().endswith(b"\n")), path


def _walked(path: Path) -> int:
    view = LogView(LogStream(str(path)), 50)
    view.home()
    assert view.advance()
    seen = {row.position for row in view.rows}
    while not view.at_end:
        view.scroll(50)
        assert view.advance()
        seen |= {row.position for row in view.rows}
        assert all(row.text.isprintable() or "\u00a0" in row.text or not row.text for row in view.rows)
    return len(seen)
