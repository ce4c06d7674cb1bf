"""The benchmarks measure what they say: ratios, memory of processes that were reparented, the probe's work."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.benchmarks.corpora import PYTHON, SCHEMA
from tests.benchmarks.measure import BenchError, Ratio, Watch, time_command, watch_memory
from tests.benchmarks.migrate import PROBE, Sizes, check_whole
from tests.benchmarks.report import Report
from tests.benchmarks.terminal import Terminal
from tests.support import invalid_record, valid_record, write_raw
from tests.support.workspace import RAW

# A process that forks one which takes 60 MiB, and leaves it behind; both stay until they were seen.
HUNGRY = """
import os, sys
child = os.fork()
if child == 0:
    os.setsid()
    data = b"x" * (60 << 20)
seen = os.open(sys.argv[1], os.O_RDONLY)  # a pipe with a name: opens when the other end does
os.read(seen, 1)
"""


def test_a_ratio_is_of_rounds_not_of_medians() -> None:
    ratio = Ratio.of([1.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    assert (ratio.median, ratio.least, ratio.most) == (2.0, 1.0, 3.0)


def test_memory_is_seen_in_processes_of_other_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "seen")
    seen = os.open(tmp_path / "seen", os.O_RDWR)
    look, until = Watch.look, time.monotonic() + 30

    def looked(watch: Watch) -> int:
        there = look(watch)
        if watch.memory.sum > 65 or time.monotonic() > until:  # MiB: both are there, and one has what it wants
            os.write(seen, b"12")
        return there

    monkeypatch.setattr(Watch, "look", looked)
    try:
        _, memory = watch_memory([sys.executable, "-c", HUNGRY, str(tmp_path / "seen")], cwd=tmp_path)
    finally:
        os.close(seen)
    assert memory.processes == 2
    assert 60 < memory.largest < 120


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="ended with 3"):
        time_command([sys.executable, "-c", "raise SystemExit(3)"], cwd=tmp_path)


def test_the_probe_publishes_what_the_schema_accepts(tmp_path: Path) -> None:
    good = {
        "a/1/data.json": [valid_record(1)],
        "a/2/data.jsonl": [valid_record(2)],
        "b/1/data.csv": [valid_record(3), valid_record(4)],
        "b/1/_metadata.json": {"any": "thing"},
    }
    for name, content in good.items():
        write_raw(tmp_path, name, content)
    write_raw(tmp_path, "b/2/data.json", [invalid_record(5)])
    write_raw(tmp_path, "b/3/data.csv", [valid_record(1) | {"url": "no uri"}])
    source, dest, ledger = tmp_path / RAW, tmp_path / "dest", tmp_path / "ledger"
    words = [str(path) for path in (PROBE, source, dest, ledger, SCHEMA)]
    assert time_command([*PYTHON, *words], cwd=tmp_path).out.split() == ["3"]
    left = {str(path.relative_to(dest)): path.read_bytes() for path in dest.rglob("*") if path.is_file()}
    assert left == {name: (source / name).read_bytes() for name in good}
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (3,)
    with pytest.raises(BenchError, match="4 files of 6"):
        check_whole(dest, source, "the probe")


def test_over_a_target_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.target("one", "1.2", 1.2, 1.0)
    report.target("two", "0.9", 0.9, 1.0)
    report.goal("three", "2.0", 2.0, 1.0)
    report.skip("four")
    report.end()
    out = capsys.readouterr().out
    assert report.over == 1
    assert out.count("over") == 3 and "OK" in out and "not measured: four" in out


def test_sizes_scale_and_keep_one_of_each() -> None:
    small = Sizes().scaled(0.0001, 3)
    assert (small.rounds, small.small_files, small.large_files, small.idle_files) == (3, 1, 1, 10)


def test_a_terminal_counts_bytes_and_shows_a_screen(tmp_path: Path) -> None:
    code = "import time; print('\\x1b[31mhello', flush=True); time.sleep(30)"
    terminal = Terminal([sys.executable, "-c", code], tmp_path)
    try:
        terminal.until(lambda text: terminal.received >= len("\x1b[31mhello\r\n"), "the whole line")
        assert "hello" in terminal.text()
        assert terminal.received == len("\x1b[31mhello\r\n")
        assert terminal.watch(0.2)[1] == 0
    finally:
        terminal.close()
    with pytest.raises(ProcessLookupError):
        os.kill(terminal.pid, 0)
    assert json.dumps(terminal.text()).count("hello") == 1
