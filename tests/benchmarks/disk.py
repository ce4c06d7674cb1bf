"""The scan of the folders beside `du` and `gdu`, in the same rounds; its first bars, how soon it ends, its memory."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path

from tests.benchmarks.corpora import PRODUCT
from tests.benchmarks.measure import BenchError, Ratio, spread, time_command, watch_memory
from tests.benchmarks.migrate import Sizes
from tests.benchmarks.report import Report

A_FOLDER = 50  # files; a hundred folders in each above
FIRST_BARS = 0.3  # seconds
CANCEL = 0.1


def make(place: Path, files: int) -> None:
    """Small files in leaf folders, the shape of a raw zone."""
    for number in range(-(-files // A_FOLDER)):
        folder = place / f"source-{number // 100:03}" / f"dump-{number % 100:03}"
        folder.mkdir(parents=True)
        here = os.open(folder, os.O_RDONLY)
        for each in range(A_FOLDER):
            file = os.open(f"grants_{each:05}.json", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here)
            os.write(file, b"x" * 300)
            os.close(file)
        os.close(here)


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    from console.engine.context import open_context
    from tests.support import make_workspace

    files = 5 * sizes.idle_files
    report.title(f"disk: {files:,} files in folders of {A_FOLDER}, warm cache")
    root = make_workspace(ground / "disk-ws")
    make(root / "many", files)
    os.sync()
    ctx = open_context(root, read_only=True)
    whole = ["--root", str(root), "--read-only", "disk", "--tree", "--json", "--depth", "1"]
    contenders = {
        "du -s": ["du", "-s", str(root)],
        "opsconsole disk --tree": [*PRODUCT, *whole],
    }
    gdu = shutil.which("gdu") or shutil.which("gdu-go") or ""
    if gdu:
        contenders["gdu -n"] = [gdu, "-n", "-p", str(root)]
    else:
        report.skip("gdu is not installed (apt install gdu)")
    walls: dict[str, list[float]] = {name: [] for name in [*contenders, "the scan alone"]}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    first: list[float] = []
    cancelled: list[float] = []
    subprocess.run(contenders["du -s"], capture_output=True, check=True)
    for _ in range(max(5, sizes.rounds)):
        for name, command in contenders.items():
            sample = time_command(command, cwd=root)
            walls[name].append(sample.wall)
            cpu[name].append(sample.cpu)
        wall, bars = _scan(ctx, root)
        walls["the scan alone"].append(wall)
        first.append(bars)
        cancelled.append(_cancel(ctx))
    for name, values in walls.items():
        said = f"  ({statistics.median(cpu[name]):.2f} of processor)" if name in cpu else ""
        report.figure(f"{name}, seconds", spread(values) + said)
    ours = walls["opsconsole disk --tree"]
    ratio = Ratio.of(ours, walls["du -s"])
    report.target("opsconsole disk --tree / du -s", str(ratio), ratio.median, 1.2)
    ratio = Ratio.of(walls["the scan alone"], walls["du -s"])
    report.target("the scan alone / du -s", str(ratio), ratio.median, 1.2)
    if gdu:
        ratio = Ratio.of(ours, walls["gdu -n"])
        report.target("opsconsole disk --tree / gdu -n", str(ratio), ratio.median, 1.0)
    report.target("first bars, seconds", spread(first), statistics.median(first), FIRST_BARS, " s")
    report.target("from cancel to its end, seconds", spread(cancelled, 3), statistics.median(cancelled), CANCEL, " s")
    _, memory = watch_memory([*PRODUCT, *whole], cwd=root)
    report.target("memory of all its processes, MiB", f"{memory.sum:.0f}", memory.sum, 110)


def _scan(ctx: object, root: Path) -> tuple[float, float]:
    """Seconds of one scan, and until its first bars; it has to say what du says."""
    from console.engine.observe.disk_scan import DiskScan

    scan = DiskScan(ctx)  # type: ignore[arg-type]
    began = time.perf_counter()
    seen: list[float] = []

    def moved() -> None:
        scan.tree.sum_up()
        seen.append(time.perf_counter() - began)

    scan.run(moved=moved)
    wall = time.perf_counter() - began
    done = subprocess.run(["du", "-s", "-B512", str(root)], capture_output=True, text=True, check=True)
    if scan.tree.row(0).size != int(done.stdout.split("\t")[0]) * 512:
        raise BenchError(f"the scan counted {scan.tree.row(0).size} bytes, du {done.stdout}")
    return wall, seen[0]


def _cancel(ctx: object) -> float:
    """Seconds from a cancel in the middle of a scan to its end."""
    from console.engine.observe.disk_scan import DiskScan

    scan = DiskScan(ctx)  # type: ignore[arg-type]
    begun = threading.Event()
    thread = threading.Thread(target=lambda: scan.run(moved=begun.set))
    thread.start()
    if not begun.wait(30):
        raise BenchError("the scan told nothing")
    began = time.perf_counter()
    scan.cancel()
    thread.join()
    return time.perf_counter() - began
