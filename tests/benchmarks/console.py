"""The console in a terminal: first frame, idle, a log that is written while it is watched."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.corpora import PRODUCT, PYTHON
from tests.benchmarks.measure import Ratio, spread
from tests.benchmarks.migrate import Sizes
from tests.benchmarks.report import Report
from tests.benchmarks.terminal import Terminal

SAME = [*PYTHON, str(Path(__file__).with_name("same_widgets_app.py"))]
STOCK = [*PYTHON, str(Path(__file__).with_name("reference_app.py"))]
CLOCK_BYTES = 400  # the status line, when another minute begins
DRAW_AFTER = 0.1  # seconds
WHILE_IDLE = 65.0  # seconds: what it does now and then it does within a minute
LINE = "2026-01-01 12:00:00 - migration - INFO - Processing file: data/raw/funding_sources/alpha/{:09d}.json"


def whole(text: str) -> bool:
    """The buttons at the bottom and the facts of the overview are there."""
    return drawn(text) and "Last run" in text


def drawn(text: str) -> bool:
    """The buttons at the bottom are there."""
    return "Migrate" in text and "Rollback" in text


def first_frame(command: Sequence[str], cwd: Path, shows: Callable[[str], bool] = drawn) -> float:
    terminal = Terminal(command, cwd)
    try:
        return terminal.until(shows, "the first frame")
    finally:
        terminal.close()


class Writer(threading.Thread):
    """Appends lines to a log at a steady rate until stopped."""

    def __init__(self, path: Path, a_second: int) -> None:
        super().__init__(daemon=True)
        self.path, self.a_second, self.done = path, a_second, threading.Event()
        self.written = 0

    def run(self) -> None:
        began = time.perf_counter()
        with self.path.open("a", encoding="utf-8", buffering=1) as stream:
            while not self.done.is_set():
                due = int((time.perf_counter() - began) * self.a_second)
                while self.written < due:
                    stream.write(LINE.format(self.written) + "\n")
                    self.written += 1
                self.done.wait(0.01)


def latency(
    terminal: Terminal, keys: str, shows: Callable[[str], bool], what: str, draw_after: float = DRAW_AFTER
) -> float:
    """Seconds from a key to the piece that shows what it does. Drawn afterwards: on this side of the line is the
    operator's machine, which takes no processor from the server."""
    began = time.perf_counter()
    terminal.send(keys)
    time.sleep(draw_after)
    terminal.until(shows, what)
    return max(terminal.at - began, 0.0)


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    from tests.support import make_workspace, valid_record
    from tests.support.cli import run_cli

    report.title("Console, 120x40")
    files = {f"alpha/dumps/{n}/data.json": [valid_record(n)] for n in range(50)}
    root = make_workspace(ground / "console", files)
    run_cli(root, "migrate", "--yes")
    product = [*PRODUCT, "--root", str(root)]
    ours, same, stock, filled = [], [], [], []
    for _ in range(sizes.rounds):
        ours.append(first_frame(product, root))
        same.append(first_frame(SAME, root))
        filled.append(first_frame(product, root, whole))
        stock.append(first_frame(STOCK, root, whole))
    report.figure("first frame, seconds", spread(ours))
    report.figure("first frame of the same widgets in a bare app, seconds", spread(same))
    ratio = Ratio.of(ours, same)
    report.target("first frame, opsconsole / the same widgets", str(ratio), ratio.median, 1.3)
    report.figure("first frame with its facts, seconds", spread(filled))
    report.figure("with its facts / a small app of stock widgets", str(Ratio.of(filled, stock)))

    terminal = Terminal(product, root)
    try:
        terminal.until(whole, "the first frame")
        terminal.settle()
        seconds = max(sizes.seconds, WHILE_IDLE) if sizes.seconds >= 10 else sizes.seconds
        minute = time.time() // 60
        cpu, received = terminal.watch(seconds)
        busy = 100 * cpu / seconds
        report.target("idle, % of a core", f"{busy:.2f}", busy, 0.5)
        clock = int(time.time() // 60 - minute) * CLOCK_BYTES
        report.target(
            "idle, bytes sent beside the clock's line each minute", f"{received}", max(0, received - clock), 0
        )
        _alerts(report, root)
        _log(report, terminal, root, sizes)
    finally:
        terminal.close()


def _alerts(report: Report, root: Path) -> None:
    """What the rules of alerts cost beside that: the quick ones each minute, the others in a helper now and then."""
    from console.engine.checks.alerts.look import QUICK, look
    from console.engine.context import open_context
    from console.tui.planner import rules
    from console.tui.rules import SLOW_SECONDS
    from console.tui.watch import RULES_SECONDS

    ctx = open_context(root)
    look(ctx, QUICK)  # imports
    began = time.process_time()
    for _ in range(20):
        look(ctx, QUICK)
    quick = (time.process_time() - began) / 20
    before = os.times()
    rules(ctx, cancelled=lambda: False)
    after = os.times()
    slow = sum(after[:4]) - sum(before[:4])
    share = 100 * (quick / RULES_SECONDS + slow / SLOW_SECONDS)
    report.target("alerts of an idle console, % of a core", f"{share:.3f}", share, 0.2)


def _log(report: Report, terminal: Terminal, root: Path, sizes: Sizes) -> None:
    """The log pane follows; keys are pressed meanwhile."""
    writer = Writer(root / "logs/migration/migration.log", 100)
    terminal.send("2")
    terminal.until(lambda text: "migration.log" in text or "INFO" in text, "the log pane")
    terminal.settle()
    writer.start()
    terminal.until(lambda text: "alpha/00000" in text, "a line that was just written")
    cpu, received = terminal.watch(sizes.seconds)
    rate, busy = received / sizes.seconds / 1000, 100 * cpu / sizes.seconds
    report.target("log pane at 100 lines/s, KB/s sent", f"{rate:.1f}", rate, 35)
    report.figure("log pane at 100 lines/s, % of a core", f"{busy:.1f}")
    waits = []
    for _ in range(5):
        waits.append(latency(terminal, "1", lambda text: "Last run" in text, "Overview"))
        waits.append(latency(terminal, "2", lambda text: "Last run" not in text, "Logs"))
    writer.done.set()
    writer.join()
    report.target("a key while it follows, slowest of ten, seconds", f"{max(waits):.3f}", max(waits), 0.3)
    tail = f"{writer.written - 1:09d}.json"
    took = latency(terminal, "", lambda text: tail in text, "the last line")
    report.figure("the last line is shown after, seconds", f"{took:.2f}")
    os.sync()
