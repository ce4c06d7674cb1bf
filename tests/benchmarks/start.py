"""How long the command line takes to start, and what it loads."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.benchmarks.corpora import PRODUCT, PYTHON
from tests.benchmarks.measure import spread, time_command
from tests.benchmarks.migrate import Sizes
from tests.benchmarks.report import Report

LOADED = """
import sys
from console.cli.main import run
try:
    run({words!r})
finally:
    sys.stderr.write("\\nLOADED " + " ".join(sorted(sys.modules)))
"""


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    from tests.support import make_workspace, valid_record

    report.title("Start of the command line")
    root = make_workspace(ground / "start", {"alpha/data.json": [valid_record(1)]})
    time_command([*PRODUCT, "--root", str(root), "migrate", "--yes"], cwd=root)
    bare = [time_command([*PYTHON, "-c", "pass"], cwd=root).wall for _ in range(sizes.rounds * 3)]
    report.figure("python -c pass, seconds", spread(bare, 3))
    for words in (["--help"], ["--version"], ["runs", "list"], ["state", "list"], ["explain", "x"]):
        command = [*PRODUCT, "--root", str(root), *words]
        walls = [time_command(command, cwd=root, allowed=(0, 1, 2)).wall for _ in range(sizes.rounds * 3)]
        code = LOADED.format(words=["--root", str(root), *words])
        loaded = time_command([*PYTHON, "-c", code], cwd=root, allowed=(0, 1, 2)).out
        modules = loaded.rsplit("LOADED ", 1)[1].split()
        heavy = [m for m in ("textual", "rich", "jsonschema", "asyncio", "multiprocessing") if m in modules]
        text = f"opsconsole {' '.join(words)}: {len(modules)} modules {' '.join(heavy)}"
        report.target(text, spread(walls, 3), statistics.median(walls), 0.15, " s")
        if "textual" in modules:
            report.target("  loads textual", "yes", 1, 0)
