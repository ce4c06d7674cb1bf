"""The Logs pane in the whole console: a log of 1 GiB from the key to its end, logs that are written while one looks."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.console import Writer, latency, whole
from tests.benchmarks.corpora import PRODUCT
from tests.benchmarks.measure import Ratio, spread
from tests.benchmarks.migrate import QUICK, Sizes
from tests.benchmarks.report import Report
from tests.benchmarks.terminal import Terminal
from tests.engine.observe_logs.bench_logs import GIB, write_log

KEYS = 60


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    """Opening, memory, following at three speeds, keys meanwhile and during a migration."""
    quick = sizes.gigabytes <= QUICK.gigabytes
    root = _workspace(ground / "console-logs", 2_000 if quick else 60_000)
    log = root / "logs/migration/migration.log"
    write_log(log, GIB // 16 if quick else GIB)
    last = _last(log)
    report.title(f"Logs pane in the console, 120x40, {log.stat().st_size / GIB:.2g} GiB")
    try:
        _open(report, root, last, sizes)
        _peers(report, root, log, last, sizes)
        log.write_bytes(b"")
        _follow(report, root, log, sizes)
        _migrating(report, root)
    finally:
        shutil.rmtree(root)


def _workspace(place: Path, files: int) -> Path:
    from tests.support import make_workspace, valid_record

    return make_workspace(place, {f"alpha/dumps/{n}/data.json": [valid_record(n)] for n in range(files)})


def _last(log: Path) -> str:
    """The end of the last line, which is on the screen when the tail is."""
    with log.open("rb") as file:
        file.seek(-300, os.SEEK_END)
        return file.read().decode().rstrip("\n")[-20:]


def _product(root: Path) -> list[str]:
    return [*PRODUCT, "--root", str(root)]


def _open(report: Report, root: Path, last: str, sizes: Sizes) -> None:
    times = []
    for _ in range(sizes.rounds):
        terminal = Terminal(_product(root), root)
        try:
            terminal.until(whole, "the first frame")
            terminal.settle()
            times.append(latency(terminal, "2", lambda text: last in text, "the tail"))
            terminal.settle()
            memory = _memory(terminal.pid)
        finally:
            terminal.close()
    took = statistics.median(times)
    report.target("from the key to the tail, ms", spread([each * 1000 for each in times]), took * 1000, 100)
    report.target("resident memory of the console then, MiB", f"{memory:.0f}", memory, 110)


def _memory(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1]) / 1024


def _peers(report: Report, root: Path, log: Path, last: str, sizes: Sizes) -> None:
    """From the start of the program to the tail: ours through its first frame and the key."""

    def started(command: Sequence[str], key: str = "") -> float:
        terminal = Terminal(command, root)
        try:
            if key:
                terminal.until(whole, "the first frame")
                terminal.send(key)
            return terminal.until(lambda text: last in text, "the tail", 60)
        finally:
            terminal.close()

    contenders = {"lnav": peers.lnav(report), "toolong": peers.toolong(report)}
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name, found in contenders.items() if found}
    for _ in range(sizes.rounds):
        ours.append(started(_product(root), "2"))
        for name, found in contenders.items():
            if found:
                theirs[name].append(started([found, str(log)], ""))
    report.figure("opsconsole from its start to the tail, seconds", spread(ours))
    for name, times in theirs.items():
        report.figure(f"{name} from its start to the tail, seconds", spread(times))
        ratio = Ratio.of(ours, times)
        report.target(f"opsconsole / {name}", str(ratio), ratio.median, 1.0)


def _follow(report: Report, root: Path, log: Path, sizes: Sizes) -> None:
    for rate, most in ((10, 8), (100, 35), (1000, 35)):
        terminal = Terminal(_product(root), root)
        writer = Writer(log, rate)
        try:
            terminal.until(whole, "the first frame")
            terminal.send("2")
            terminal.settle()
            writer.start()
            terminal.until(lambda text: "alpha/00000" in text, "a line that was just written")
            cpu, received = terminal.watch(sizes.seconds)
            speed, busy = received / sizes.seconds / 1000, 100 * cpu / sizes.seconds
            report.target(f"following {rate:,} lines/s, KB/s sent", f"{speed:.1f}", speed, most)
            report.target(f"following {rate:,} lines/s, % of a core", f"{busy:.1f}", busy, 6)
            _keys(report, terminal, f"a key while {rate:,} lines/s come")
        finally:
            writer.done.set()
            writer.join()
            terminal.close()
        log.write_bytes(b"")


def _keys(report: Report, terminal: Terminal, what: str) -> None:
    """Keys that change a word on the screen: to another pane and back."""
    waits = []
    for _ in range(KEYS // 2):
        waits.append(latency(terminal, "1", lambda text: "Last run" in text, "Overview"))
        waits.append(latency(terminal, "2", lambda text: "Last run" not in text, "Logs"))
    late = statistics.quantiles(waits, n=20)[-1] * 1000
    report.target(f"{what}: 95 of 100 within ms", f"{late:.0f} ({spread([w * 1000 for w in waits])})", late, 50)


def _migrating(report: Report, root: Path) -> None:
    """The same while a migration has both cores."""
    from tests.support.cli import run_cli

    terminal = Terminal(_product(root), root)
    try:
        terminal.until(whole, "the first frame")
        terminal.send("2")
        terminal.settle()
        run_cli(root, "migrate", "--yes", "--detach")
        terminal.until(lambda text: "▶ migrate" in text, "the run in the status line")
        _keys(report, terminal, "a key while a migration runs")
        if "▶ migrate" not in terminal.text():
            report.skip("the migration had ended before the last key: the figure is of both")
    finally:
        terminal.close()
        run_cli(root, "maintenance", "on", "--wait", "--reason", "the workspace goes")
