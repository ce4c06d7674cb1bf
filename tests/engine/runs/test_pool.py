"""Workers: answers, failures, deaths, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.engine.runs.pool import Pool, TaskError, WorkerDied
from console.engine.runs.query import process_started
from tests.support import PROJECT


def handler() -> Callable[[Any], Any]:
    def handle(task: Any) -> Any:
        if task == "raise":
            raise ValueError("no")
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(task, Path):  # dies once: the second time the file is there
            if not task.exists():
                task.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return "lived"
        return task * 2

    return handle


@pytest.fixture
def pool() -> Any:
    made = Pool(2, handler)
    yield made
    made.close(kill=True)


def test_every_task_is_answered(pool: Pool) -> None:
    answers = dict(pool.run(iter(range(500)), tick=lambda: False))
    assert answers == {n: 2 * n for n in range(500)}
    assert dict(pool.run(iter([7]), tick=lambda: False)) == {7: 14}


@pytest.mark.parametrize("size", [4096, 1 << 16])
def test_pipes_that_are_small(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A user whose pipes are used up gets small ones: nobody waits for the other for ever."""
    monkeypatch.setattr("console.engine.runs.pool._PIPE", size)
    made = Pool(1, handler)
    try:
        tasks = [letter * 3000 for letter in "abcdefghijkl" * 20]
        assert [answer for _, answer in made.run(iter(tasks), tick=lambda: False)] == [task * 2 for task in tasks]
    finally:
        made.close(kill=True)


def test_a_task_that_raises_does_not_end_its_worker(pool: Pool) -> None:
    answers = dict(pool.run(iter(["raise", 3]), tick=lambda: False))
    assert isinstance(answers["raise"], TaskError)
    assert answers[3] == 6


def test_only_the_task_that_kills_is_blamed(pool: Pool) -> None:
    tasks = [*range(30), "die", *range(30, 60)]
    answers = dict(pool.run(iter(tasks), tick=lambda: False))
    assert isinstance(answers.pop("die"), WorkerDied)
    assert answers == {n: 2 * n for n in range(60)}


def test_a_task_whose_worker_died_once_is_tried_again(pool: Pool, tmp_path: Path) -> None:
    task = tmp_path / "died"
    assert dict(pool.run(iter([task]), tick=lambda: False)) == {task: "lived"}


def test_tick_stops_feeding(pool: Pool) -> None:
    answered = list(pool.run(iter(range(100_000)), tick=lambda: True))
    assert len(answered) < 100


def test_workers_die_with_their_parent() -> None:
    program = (
        "import os, signal\n"
        "from console.engine.runs.pool import Pool\n"
        "pool = Pool(2, lambda: lambda task: task)\n"
        "print(*pool.pids, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    for pid in pids:
        for _ in range(100_000):  # the kernel kills them at once, but not in the same instant
            if process_started(pid) == 0.0:
                break
        assert process_started(pid) == 0.0
