"""Migrate beside the bare probe and rclone: small files, large files, nothing to do, memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks import corpora, peers
from tests.benchmarks.corpora import PRODUCT, PYTHON, RAW, SCHEMA, VALIDATED
from tests.benchmarks.ground import settle
from tests.benchmarks.measure import BenchError, Ratio, Sample, spread, time_command, watch_memory
from tests.benchmarks.report import Report

MIGRATE = ["migrate", "--yes"]
PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the cases are; `quick` only shows that the bench itself works."""

    rounds: int = 5
    small_files: int = 10_000
    large_files: int = 200
    large_records: int = 20_000
    idle_files: int = 100_000
    gigabytes: int = 48
    one_file_records: int = 100_000
    seconds: float = 10.0

    def scaled(self, factor: float, rounds: int) -> Sizes:
        """The same with `factor` times as many files, at least one of each."""
        small, large, idle = (max(1, round(n * factor)) for n in (self.small_files, self.large_files, self.idle_files))
        return replace(self, rounds=rounds, small_files=small, large_files=large, idle_files=idle)


QUICK = Sizes(2, 300, 3, 2_000, 2_000, 4, 5_000, 3.0)


def count_files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def check_whole(dest: Path, raw: Path, who: str) -> None:
    """Every contender did all of the work, sidecars included."""
    have, want = count_files(dest), count_files(raw)
    if have != want:
        raise BenchError(f"{who} left {have} files of {want} in {dest}")


class Rounds:
    """One corpus; each contender starts in a fresh folder with nothing dirty in the page cache."""

    def __init__(self, report: Report, ground: Path, corpus: Path, name: str, *, keep: bool) -> None:
        self.report, self.ground, self.corpus, self.name, self.keep = report, ground, corpus, name, keep
        self.walls: dict[str, list[float]] = {}

    def _timed(self, who: str, run: Callable[[Path], Sample], folder: Path) -> None:
        folder.mkdir(parents=True)
        corpora.warm(self.corpus)  # rclone drops what it has read, and whoever comes next would read from the disk
        settle(self.ground)
        self.walls.setdefault(who, []).append(run(folder).wall)
        if not self.keep:
            shutil.rmtree(folder)

    def _product(self, *more: str) -> Callable[[Path], Sample]:
        def run(folder: Path) -> Sample:
            root = corpora.workspace(folder / "ws", self.corpus)
            settle(self.ground)
            try:
                sample = time_command([*PRODUCT, "--root", str(root), *MIGRATE, *more], cwd=root)
            finally:
                corpora.give_back(root, self.corpus)
            check_whole(root / VALIDATED, self.corpus, "opsconsole")
            return sample

        return run

    def _probe(self, folder: Path) -> Sample:
        words = [str(self.corpus), str(folder / "dest"), str(folder / "ledger.sqlite"), str(SCHEMA)]
        sample = time_command([*PYTHON, str(PROBE), *words], cwd=folder)
        check_whole(folder / "dest", self.corpus, "the probe")
        return sample

    def _rclone(self, folder: Path) -> Sample:
        command = [self.rclone, "copy", "--checksum", str(self.corpus), str(folder / "dest")]
        sample = time_command(command, cwd=folder)
        check_whole(folder / "dest", self.corpus, "rclone")
        return sample

    def run(self, rounds: int, *, foreground: bool) -> None:
        """All rounds; the order of the contenders turns, so that none is always the first."""
        self.rclone = peers.rclone(self.report)
        contenders: list[tuple[str, Callable[[Path], Sample]]] = [
            ("opsconsole", self._product()),
            ("probe", self._probe),
        ]
        if self.rclone:
            contenders.append(("rclone", self._rclone))
        if foreground:
            contenders.append(("foreground", self._product("--foreground")))
        for turn in range(rounds):
            at = turn % len(contenders)
            for who, run in contenders[at:] + contenders[:at]:
                self._timed(who, run, self.ground / f"{self.name}-{turn}-{who}")
        for who, walls in self.walls.items():
            self.report.figure(f"{who}, seconds", spread(walls))

    def ratio(self, ours: str, theirs: str) -> Ratio:
        return Ratio.of(self.walls[ours], self.walls[theirs])


def w1(report: Report, ground: Path, sizes: Sizes) -> None:
    """Many small files."""
    report.title(f"W1: {sizes.small_files:,} files of 10 records, sidecars, durable batches")
    corpus = corpora.make(ground / "w1", sizes.small_files, 10)
    rounds = Rounds(report, ground, corpus, "w1", keep=True)
    rounds.run(sizes.rounds, foreground=True)
    ratio = rounds.ratio("opsconsole", "probe")
    report.target("opsconsole / probe", str(ratio), ratio.median, 1.5)
    ratio = rounds.ratio("foreground", "probe")
    report.figure("opsconsole --foreground / probe", str(ratio))
    if "rclone" in rounds.walls:
        ratio = rounds.ratio("opsconsole", "rclone")
        report.goal("opsconsole / rclone copy --checksum", str(ratio), ratio.median, 1.0)


def w2(report: Report, ground: Path, sizes: Sizes) -> None:
    """Few large files."""
    report.title(f"W2: {sizes.large_files:,} files of {sizes.large_records:,} records")
    corpus = corpora.make(ground / "w2", sizes.large_files, sizes.large_records)
    rounds = Rounds(report, ground, corpus, "w2", keep=False)
    rounds.run(sizes.rounds, foreground=False)
    ratio = rounds.ratio("opsconsole", "probe")
    report.target("opsconsole / probe", str(ratio), ratio.median, 1.3)
    if "rclone" in rounds.walls:
        ratio = rounds.ratio("opsconsole", "rclone")
        report.target("opsconsole / rclone copy --checksum", str(ratio), ratio.median, 2.0)


def w3(report: Report, ground: Path, sizes: Sizes) -> None:
    """Nothing to do; and the memory of the run that did it."""
    report.title(f"W3: {sizes.idle_files:,} files, nothing to do")
    corpus = corpora.make(ground / "w3", sizes.idle_files, 10)
    found = peers.rclone(report)
    copy = [found, "copy", str(corpus), str(ground / "w3-rclone")]
    if found:
        time_command(copy, cwd=ground)
        copy[2] = str(ground / "w3-ws" / RAW)
    root = corpora.workspace(ground / "w3-ws", corpus)
    product = [*PRODUCT, "--root", str(root), *MIGRATE]
    sample, large = watch_memory(product, cwd=root)
    check_whole(root / VALIDATED, root / RAW, "opsconsole")
    report.figure("the first run, seconds", f"{sample.wall:.1f}")
    report.figure("the first run, peak of the largest process, MiB", f"{large.largest:.0f}")
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(sizes.rounds):
        os.sync()
        ours.append(time_command(product, cwd=root).wall)
        if found:
            theirs.append(time_command(copy, cwd=ground).wall)
    report.figure("opsconsole, seconds", spread(ours))
    if theirs:
        report.figure("rclone copy, seconds", spread(theirs))
        ratio = Ratio.of(ours, theirs)
        report.target("opsconsole / rclone copy", str(ratio), ratio.median, 1.0)
    _, idle = watch_memory(product, cwd=root)
    report.target("nothing to do, peak of any process, MiB", f"{idle.largest:.0f}", idle.largest, 200)


def memory(report: Report, ground: Path, sizes: Sizes) -> None:
    """Peak of every process at a size and at ten times that size."""
    report.title("Memory: peak resident MiB of any process")
    peaks = []
    for files in (sizes.idle_files // 10, sizes.idle_files):
        corpus = corpora.make(ground / f"memory-{files}", files, 10)
        root = corpora.workspace(ground / f"memory-{files}-ws", corpus)
        _, found = watch_memory([*PRODUCT, "--root", str(root), *MIGRATE], cwd=root)
        check_whole(root / VALIDATED, root / RAW, "opsconsole")
        peaks.append(found.largest)
        ledger = (root / ".opsconsole/ledger.sqlite").stat().st_size / 1048576
        text = f"{files:,} files: {found.processes} processes, sum {found.sum:.0f}, ledger {ledger:.0f}"
        report.target(text, f"{found.largest:.0f}", found.largest, 200)
        shutil.rmtree(root)
    growth = peaks[1] - peaks[0]
    rows = 2 * (sizes.idle_files - sizes.idle_files // 10)  # a file's and its sidecar's
    needed = rows * 300 / 1048576  # a row's worth of Python objects
    report.target("growth from one to the other", f"{growth:.0f}", growth, round(max(needed, 8)))
