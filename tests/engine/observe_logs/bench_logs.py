"""`python -m tests.engine.observe_logs.bench_logs [FOLDER]`: a log of 1 GiB opened, counted, filtered,
searched.

`run(report, place)` for the benchmarks. grep and tail run beside it; nothing is measured with a cold page
cache but
where it says so.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_conditions import Condition, Narrowing
from console.engine.observe.logs_filter import LevelFilter
from console.engine.observe.logs_index import LineIndex
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_merge import MergedRows
from console.engine.observe.logs_search import Search, compile_search, find_in_stream, find_lines
from console.engine.observe.logs_stream import LogStream
from console.engine.observe.logs_times import Clock
from console.engine.observe.logs_view import LogView
from tests.benchmarks.migrate import QUICK, Sizes
from tests.benchmarks.report import Report

GIB = 1 << 30
ROUNDS = 3
LINE = b"2025-10-30 14:%02d:%02d - migration - %s - Processing file: data/raw/funding_sources/s%03d/grants_%07d.json\n"


def write_log(path: Path, size: int) -> None:
    """About `size` bytes in the incumbent's form: one line in 1000 an ERROR, one in 50 a WARNING."""
    number = written = 0
    with open(path, "wb", buffering=1 << 20) as file:
        while written < size:
            for _ in range(10_000):
                number += 1
                level = b"ERROR" if number % 1000 == 0 else b"WARNING" if number % 50 == 0 else b"INFO"
                written += file.write(LINE % (number // 60 % 60, number % 60, level, number % 500, number))


def timed(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds, the median."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def rss() -> float:
    """This process's memory in MiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


def run(report: Report, place: Path, sizes: Sizes | None = None) -> None:
    """Figures and targets of reading logs; writes 1 GiB under `place` (quick: a sixteenth), and removes it."""
    size = GIB // 16 if sizes is not None and sizes.gigabytes <= QUICK.gigabytes else GIB
    path = place / "bench.log"
    write_log(path, size)
    try:
        report.title(f"Logs: {size / GIB:.2g} GiB")
        _open(report, path)
        _count(report, path)
        _search(report, path)
        _filter(report, path)
        _merge(report, path)
    finally:
        path.unlink()


def _open(report: Report, path: Path) -> None:
    def tail() -> None:
        view = LogView(LogStream(str(path)), 36)
        assert view.advance() and len(view.rows) == 36

    took = timed(tail)
    report.target("open to tail, 36 rows, ms", f"{took * 1000:.2f}", took * 1000, 100)
    view = LogView(LogStream(str(path)), 36)
    view.advance()
    view.home()
    view.advance()

    def page() -> None:
        view.scroll(35)
        view.advance()

    report.figure("a page further, ms", f"{timed(page, 50) * 1000:.2f}")


def _count(report: Report, path: Path) -> None:
    stream = LogStream(str(path))
    stream.poll()
    last = stream.last
    assert last is not None and last.log is not None
    reader, size = last.log.reader, last.size
    before = rss()
    index = LineIndex(reader)

    def extend() -> None:
        assert LineIndex(reader).extend(size)

    cpu = time.process_time()
    took = timed(extend)
    cpu = (time.process_time() - cpu) / ROUNDS
    index.extend(size)
    grown = rss() - before
    scale = size / GIB
    report.target("index of line ends, s of one core", f"{cpu:.2f} (wall {took:.2f})", cpu, 1.5 * scale)
    report.target("its memory, MiB", f"{grown:.1f}", grown, 20)
    lines = index.lines(size)
    assert lines is not None
    report.figure("lines", f"{lines:,}")
    jump = timed(lambda: index.offset_of(lines // 2, size), 20)
    report.figure("jump to a line number, ms", f"{jump * 1000:.3f}")


def _grep(path: Path, *words: str) -> Callable[[], object]:
    environ = {**os.environ, "LC_ALL": "C"}
    return lambda: subprocess.run(["grep", "-c", *words, str(path)], env=environ, capture_output=True, check=False)


def _search(report: Report, path: Path) -> None:
    stream = LogStream(str(path))
    stream.poll()
    assert stream.last is not None and stream.last.log is not None
    reader, size = stream.last.log.reader, stream.last.size
    found: list[int] = []

    def every(text: str, ignore_case: bool = False, regex: bool = False) -> Callable[[], object]:
        search = compile_search(text, ignore_case=ignore_case, regex=regex)

        def count() -> None:
            found[:] = [line.start for line, _ in find_lines(reader, search, 0, size)]

        return count

    grep, grep_i = (timed(_grep(path, "ERROR")), timed(_grep(path, "-i", "error"))) if shutil.which("grep") else (0, 0)
    report.figure("grep -c ERROR, grep -c -i error, s", f"{grep:.2f}, {grep_i:.2f}")
    took = timed(every("ERROR"))
    report.goal("every line with a text, s", f"{took:.2f} ({len(found):,} lines)", took, 2 * grep)
    took = timed(every("error", True))
    report.goal("every line with it in any case, s", f"{took:.2f} ({len(found):,} lines)", took, 8 * grep)
    for text, regex in (("no such text", False), ("grants_0*[0-9]+x", True)):
        search = compile_search(text, ignore_case=False, regex=regex)
        took = timed(lambda search=search: find_in_stream(stream, search, None, backward=True))  # type: ignore[misc]
        report.figure(f"nothing found: {'expression' if regex else 'text'}, s", f"{took:.2f}")
    search = compile_search("grants_0009", ignore_case=False)
    near = timed(lambda: find_in_stream(stream, search, None))
    report.figure("a match near the beginning, ms", f"{near * 1000:.1f}")


def _filter(report: Report, path: Path) -> None:
    view = LogView(LogStream(str(path)), 36)
    for least in (Level.WARNING, Level.ERROR, Level.CRITICAL):

        def show(least: Level = least) -> None:
            view.filter = LevelFilter()
            view.end()
            view.show_only(Narrowing(least))
            assert view.advance()

        took = timed(show, 1 if least is Level.CRITICAL else ROUNDS)
        report.figure(f"a page of {least.word} and above, ms", f"{took * 1000:.0f} ({len(view.rows)} rows)")
    for search in (Search("no such text", ignore_case=True), Search("grants_0*[0-9]+x", regex=True)):

        def narrow(search: Search = search) -> None:
            view.show_only(Narrowing(conditions=(Condition(search),)))
            assert view.advance() and not view.rows

        kind = "expression" if search.regex else "text in any case"
        report.figure(f"a filter that leaves nothing: {kind}, s", f"{timed(narrow, 1):.2f}")
    view.show_only(Narrowing())
    view.advance()
    moment = datetime(2025, 10, 30, 14, 30, tzinfo=UTC).timestamp()
    report.figure("to a time, ms", f"{timed(lambda: view.go_to_time(moment) and view.advance()) * 1000:.1f}")


def _merge(report: Report, path: Path) -> None:
    """The large log and a small one by time."""
    other = path.with_name("other.log")
    other.write_bytes(b"".join(LINE % (n % 60, n % 60, b"INFO", 1, n) for n in range(1000)))
    files = [LogFile(str(each), each.name, "other", size=1) for each in (path, other)]
    try:

        def tail() -> None:
            view = LogView(MergedRows(lambda: files, Clock(UTC)), 36)
            assert view.advance() and len(view.rows) == 36

        report.figure("all logs by time, open to tail, ms", f"{timed(tail) * 1000:.1f}")
    finally:
        other.unlink()


def main() -> int:
    report = Report()
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        run(report, Path(folder))
    report.end()
    return 1 if report.over else 0


if __name__ == "__main__":
    raise SystemExit(main())
