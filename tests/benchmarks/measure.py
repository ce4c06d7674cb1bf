"""Timing whole commands, and the memory of every process that a command starts."""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MARK = "OPSCONSOLE_BENCH_MARK"


class BenchError(Exception):
    """A command that is measured did not do what it should; its output is the text."""


def as_installed(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a measured command: our modules are compiled once, as an installation has them."""
    environ = {**os.environ, **(env or {})}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


@dataclass(frozen=True, slots=True)
class Sample:
    """One command: wall clock and CPU in seconds (CPU of waited-for children only), exit status, output."""

    wall: float
    cpu: float
    status: int
    out: str


def time_command(
    command: Sequence[str],
    *,
    cwd: Path,
    allowed: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
) -> Sample:
    """Run to the end. Raises BenchError for an exit status that is not allowed."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=as_installed(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        raise BenchError(f"{' '.join(command)} ended with {process.returncode}:\n{out[-2000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, process.returncode, out)


@dataclass(slots=True)
class Memory:
    """Peak resident memory in MiB: of the largest process, and the largest sum over all at one moment."""

    largest: float = 0.0
    sum: float = 0.0
    processes: int = 0
    peaks: dict[int, float] = field(default_factory=dict)


def _status_kib(pid: int) -> tuple[int, int]:
    """(VmHWM, VmRSS) of a process in KiB; proc(5)."""
    peak = now = 0
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as stream:
        for line in stream:
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1])
            elif line.startswith("VmRSS:"):
                now = int(line.split()[1])
                break
    return peak, now


class Watch:
    """Finds the processes that carry a mark, wherever they were reparented to."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._known: dict[int, bool] = {}
        self.memory = Memory()

    def look(self) -> int:
        """One look at all of them; how many there are."""
        total = count = 0
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            pid = int(name)
            try:
                if pid not in self._known:
                    marked = self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                    self._known[pid] = marked
                if self._known[pid]:
                    peak, now = _status_kib(pid)
                    self.memory.peaks[pid] = max(self.memory.peaks.get(pid, 0.0), peak / 1024)
                    total += now
                    count += now > 0  # a zombie has none
            except OSError:
                self._known.pop(pid, None)
        self.memory.sum = max(self.memory.sum, total / 1024)
        self.memory.largest = max(self.memory.peaks.values(), default=0.0)
        self.memory.processes = len(self.memory.peaks)
        return count


def watch_memory(
    command: Sequence[str], *, cwd: Path, allowed: Sequence[int] = (0,), every: float = 0.05
) -> tuple[Sample, Memory]:
    """Run a command and look at all its processes every `every` seconds (slower than `time_command`)."""
    mark = secrets.token_hex(8)
    watch = Watch(mark)
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=as_installed({MARK: mark}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        watch.look()
        time.sleep(every)
    if process.returncode not in allowed:
        raise BenchError(f"{' '.join(command)} ended with {process.returncode}")
    return Sample(time.perf_counter() - began, 0.0, process.returncode, ""), watch.memory


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median of ratios of interleaved rounds, with the least and the greatest."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """`1.20 (1.11 to 1.40)`: median, least, greatest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
