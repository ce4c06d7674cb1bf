"""Following a run from outside: by its ledger row and outcomes, from any terminal, whoever started it."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.model import OutcomeRow, RunRow, RunStatus
from console.engine.runs.query import get_run, is_alive, run_outcomes

_WINDOW = 10.0  # seconds over which the rate is taken
_LETTING_GO = 10.0  # seconds that a run's process gets to close the ledger and go


@dataclass(frozen=True, slots=True)
class Progress:
    """What has happened since the last one. rate: files a second; seconds_left: None while it cannot be told."""

    row: RunRow
    outcomes: list[OutcomeRow]
    rate: float
    seconds_left: float | None
    alive: bool


def _wait_for_end(done_fd: int) -> None:
    """Until the run's process has let go of the lock, so that whoever waited for the run can start the next."""
    while select.select([done_fd], [], [], _LETTING_GO)[0]:
        if not os.read(done_fd, 65536):
            return


class Rate:
    """Files a second over the last seconds, and the time left by it."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int, total: int) -> tuple[float, float | None]:
        """now in seconds; done of total files. Returns files a second and seconds left."""
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[0][0] > _WINDOW:
            self._points.popleft()
        then, before = self._points[0]
        span = now - then
        rate = (done - before) / span if span > 0 else 0.0
        return rate, (total - done) / rate if rate > 0 and total else None


def follow(
    ctx: Context, run_id: str, *, interval: float = 0.2, done_fd: int | None = None, after_outcome: int | None = None
) -> Iterator[Progress]:
    """Progress every `interval` seconds until the run has ended; the last one says so.

    after_outcome: the id behind which its files are wanted as well, one by one (0: all); None: they are not.
    done_fd: StartedRun.done_fd, to notice the end at once; it is left open. Raises UsageError for an unknown run.
    """
    rate = Rate()
    ended_fd = False
    while True:
        row = get_run(ctx, run_id)
        if row is None:
            raise UsageError(f"there is no run {run_id!r}", next_step="`opsconsole runs list` names them")
        # the pipe closes a moment before the process is gone: a row that still says running says so for good
        alive = is_alive(row) and not ended_fd
        while True:
            outcomes = []
            if after_outcome is not None:
                outcomes = run_outcomes(ctx, row.seq, after_id=after_outcome, limit=2000)
            if outcomes:
                after_outcome = outcomes[-1].id
            speed, left = rate.add(ctx.env.monotonic(), row.done_files, row.total_files)
            yield Progress(row, outcomes, speed, left, alive)
            if len(outcomes) < 2000:
                break
        if row.status != RunStatus.RUNNING or not alive:
            fresh = get_run(ctx, run_id)
            if fresh is None or fresh.status == row.status:
                if done_fd is not None and not ended_fd:
                    _wait_for_end(done_fd)
                return
            continue  # it ended between the two looks
        waited, _, _ = select.select([done_fd] if done_fd is not None and not ended_fd else [], [], [], interval)
        if waited and done_fd is not None and not os.read(done_fd, 65536):
            ended_fd = True
