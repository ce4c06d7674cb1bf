"""Both checklists on a large workspace: all probes together, and how long a key waits while the console asks them."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from tests.benchmarks.corpora import PRODUCT
from tests.benchmarks.measure import BenchError, spread, time_command
from tests.benchmarks.migrate import Sizes
from tests.benchmarks.report import Report
from tests.benchmarks.terminal import Terminal

ALTOGETHER = 3.0  # seconds
KEY = 0.1
_FOLDER = 100  # files


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    from console.engine.checks.checklists import ask_items
    from console.engine.context import open_context
    from tests.support import make_workspace, valid_record

    files = sizes.idle_files
    report.title(f"checklists: {files:,} published files, one log line each, warm cache")
    names = (f"src{n // _FOLDER % 20:02}/dumps/{n // _FOLDER:04}/{n:06}.json" for n in range(files))
    root = make_workspace(ground / "checklists-ws", {name: valid_record(n) for n, name in enumerate(names)})
    done = time_command([*PRODUCT, "--root", str(root), "migrate", "--yes"], cwd=root)
    report.figure("the migrate before it, seconds", f"{done.wall:.1f}")
    ctx = open_context(root)
    alone: dict[str, list[float]] = {}
    whole: list[float] = []
    cpu: list[float] = []
    for _ in range(max(3, sizes.rounds)):
        total, before = 0.0, time.process_time()
        for which in ("preflight", "postflight"):
            began = time.perf_counter()
            for result in ask_items(ctx, which):
                now = time.perf_counter()
                alone.setdefault(result.item.name, []).append(now - began)
                total += now - began
                began = now
                if result.item.name in ("counts", "checksums", "run-log", "sample") and result.verdict != "pass":
                    raise BenchError(f"{result.item.name} is {result.verdict}: {result.evidence}")
        whole.append(total)
        cpu.append(time.process_time() - before)
    for name, values in alone.items():
        report.figure(f"{name}, seconds", spread(values))
    report.figure("all items, seconds on the clock", spread(whole))
    # nothing of it waits for a disk: what another process does meanwhile does not count
    report.target("all items, seconds of processor", spread(cpu), statistics.median(cpu), ALTOGETHER, " s")
    _pane(report, root)


def _pane(report: Report, root: Path) -> None:
    """Keys go up and down the list while all of it is asked."""
    terminal = Terminal([*PRODUCT, "--root", str(root)], root)
    try:
        terminal.until(lambda text: "Last run" in text and "Migrate" in text, "the first frame")
        terminal.settle()
        terminal.send("5")
        terminal.until(lambda text: "Documentation is updated" in text, "the pane")
        terminal.settle()
        terminal.send("\x1b[F")
        terminal.until(lambda text: "▸? to sign" in text, "the last item")
        terminal.send("R")
        began = time.perf_counter()
        terminal.until(lambda text: "▶ looking" in text, "that it looks")
        waits, at_end = [], True
        while "▶ looking" in terminal.text() and time.perf_counter() - began < 60:
            at_end = not at_end
            pressed = time.perf_counter()
            terminal.send("\x1b[F" if at_end else "\x1b[H")
            terminal.until(lambda text, end=at_end: ("▸? to sign" in text) == end, "the cursor")
            waits.append(time.perf_counter() - pressed)
        took = time.perf_counter() - began
    finally:
        terminal.close()
    report.figure("in the console, all after a migration, seconds", f"{took:.1f}, {len(waits)} keys")
    slow = sorted(waits)[int(0.95 * len(waits))] if waits else 0.0
    said = f"{slow:.2f}, of all {spread(waits)}" if waits else "none"
    report.target("a key meanwhile, 95 of 100 within seconds", said, slow, KEY, " s")
