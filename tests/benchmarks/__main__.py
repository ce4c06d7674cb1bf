"""`python -m tests.benchmarks [--quick] [NAME...]`: what the issues promise, measured, targets beside results."""

from __future__ import annotations

import argparse
import compileall
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import checklists, console, console_logs, corpora, disk, migrate, rollback, start, state, validate
from tests.benchmarks.corpora import PROJECT
from tests.benchmarks.ground import ground
from tests.benchmarks.measure import BenchError
from tests.benchmarks.migrate import QUICK, Sizes
from tests.benchmarks.report import Report
from tests.engine.observe_logs import bench_logs

Case = Callable[[Report, Path, Sizes], None]
CASES: dict[str, Case] = {
    "start": start.run,
    "validate": validate.run,
    "w1": migrate.w1,
    "w2": migrate.w2,
    "w3": migrate.w3,
    "memory": migrate.memory,
    "rollback": rollback.rollback,
    "console": console.run,
    "logs": bench_logs.run,
    "console-logs": console_logs.run,
    "checklists": checklists.run,
    "disk": disk.run,
    "state": state.run,
}
NEED_CORPUS = {"validate", "w1", "w2", "w3", "memory", "rollback"}


def main() -> int:
    """0 when nothing is over its target, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that the bench works, no more")
    parser.add_argument("--scale", type=float, default=1.0, help="this part of the numbers of files")
    parser.add_argument("--rounds", type=int, help="interleaved rounds of a case")
    parser.add_argument("--place", default="", help="folder that holds the image; default: the system's /tmp")
    given = parser.parse_args()
    wrong = [name for name in given.names if name not in CASES]
    if wrong:
        parser.error(f"no such benchmark: {', '.join(wrong)}")
    sizes = QUICK if given.quick else Sizes()
    sizes = sizes.scaled(given.scale, given.rounds or sizes.rounds)
    report = Report()
    for package in ("console", "widgets"):  # as installing does it
        compileall.compile_dir(PROJECT / package, quiet=1)
    with ground(report, sizes.gigabytes, given.place) as place:
        for name in given.names or CASES:
            if name in NEED_CORPUS and not corpora.available():
                report.skip(f"{name}: needs ../shared/tools/make_corpus.py, which is not beside this project")
                continue
            try:
                CASES[name](report, place, sizes)
            except BenchError as error:
                report.over += 1
                report.skip(f"{name}: {error}")
    report.end()
    return 1 if report.over else 0


if __name__ == "__main__":
    raise SystemExit(main())
