"""The one thread that keeps an eye on the workspace while the console is open.

Idle it costs a few stats a second and posts nothing; when the ledger moves it reads it once; while a run is in
progress it follows it at 3 Hz.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.model import RunRow
from console.tui.messages import (
    DisksRead,
    OthersRead,
    OverviewRead,
    RulesRead,
    RunEnded,
    RunMoved,
    SessionsMoved,
    TroubleRead,
)

if TYPE_CHECKING:
    from console.engine.observe.here import Here
    from console.engine.runs.start import StartedRun

IDLE_SECONDS = 1.0
RUN_SECONDS = 0.35
DISK_SECONDS = 30.0
RULES_SECONDS = 60.0  # between two looks of the quick rules of alerts: 2 ms each
RUNS_LISTED = 100

Signature = tuple[tuple[int, int, int], ...]


def signature(paths: Sequence[Path]) -> Signature:
    """Size, time and inode of each file, zeros where there is none: differs when anybody wrote."""
    found = []
    for path in paths:
        try:
            stat = os.stat(path)
            found.append((stat.st_size, stat.st_mtime_ns, stat.st_ino))
        except OSError:
            found.append((0, 0, 0))
    return tuple(found)


class Watcher:
    """`run` in a thread of its own; `look` wakes it at once, `stop` ends it. post: takes messages from any thread."""

    def __init__(self, ctx: Context, post: Callable[[Message], object]) -> None:
        self._ctx = ctx
        self._post = post
        self._wake = threading.Event()
        self._stopped = False
        self._forced = True
        self._started: StartedRun | None = None
        self._raised: frozenset[str] = frozenset()
        self._guided = False  # whether anybody looks at procedures
        self._journals: object = None
        self._journals_at = 0.0
        ledger = ctx.workspace.ledger
        self._paths = (
            ledger,
            ledger.with_name(ledger.name + "-wal"),
            ctx.workspace.holder,
            ctx.workspace.maintenance,
            ctx.workspace.path(ctx.settings.state_file),
            ctx.workspace.root / ctx.settings.path,
        )
        self._here: Signature | None = None
        self._others: tuple[Here, ...] = ()
        self._disks_at = -DISK_SECONDS

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def look(self, started: StartedRun | None = None) -> None:
        """Read now, whether anything changed or not. started: a run that was started here, to be followed."""
        if started is not None:
            self._started = started
        self._forced = True
        self._wake.set()

    def run(self) -> None:
        """Until `stop`."""
        seen: Signature | None = None
        rules_at = -RULES_SECONDS
        while not self._stopped:
            forced, self._forced = self._forced, False
            now = signature(self._paths)
            if forced or now != seen:
                seen = now
                if self._read() and not self._stopped:
                    seen = None  # a run has ended: read once more
                    continue
                rules_at = -RULES_SECONDS
            self._look_around(forced=forced)
            if time.monotonic() - rules_at >= RULES_SECONDS and not self._stopped:
                rules_at = time.monotonic()
                self._read_rules()
            self._wake.wait(IDLE_SECONDS)
            self._wake.clear()

    def _look_around(self, *, forced: bool = False) -> None:
        """What changes whether a run is in progress or not: other consoles, sessions, disks."""
        here = signature((self._ctx.workspace.here,))
        if here != self._here:
            self._here = here
            self._read_others()
        self._look_at_sessions()
        if forced or time.monotonic() - self._disks_at >= DISK_SECONDS:
            self._disks_at = time.monotonic()
            self._read_disks()
            self._read_others()  # one that was killed has left no word

    def _read(self) -> bool:
        """Read the ledger; follow a run to its end. True when there was one."""
        import console.engine.checks.alerts.settle  # noqa: F401 - loaded here: later is on the console's own thread
        from console.engine.observe.overview import overview

        try:
            seen = overview(self._ctx, limit=RUNS_LISTED)
            self._post(TroubleRead(()))
            self._post(OverviewRead(seen))
            if seen.running is None:
                return False
            self._follow(seen.running)
        except EngineError as error:
            self._post(TroubleRead(error.lines()))
            return False
        return True

    def _follow(self, run: RunRow) -> None:
        from console.engine.runs.follow import follow

        started, self._started = self._started, None
        done_fd = started.done_fd if started else None
        last: RunRow | None = run
        try:
            for progress in follow(self._ctx, run.id, interval=RUN_SECONDS, done_fd=done_fd):
                if self._stopped:
                    return
                last = progress.row
                self._look_around()
                self._post(RunMoved(progress.row, progress.rate, progress.seconds_left))
                if not progress.alive:
                    break
        finally:
            if started is not None:
                os.close(started.done_fd)
                started.process.poll()  # else it stays a zombie for as long as the console is open
        self._post(RunEnded(last))

    def _read_others(self) -> None:
        from console.engine.observe.here import others

        found = others(self._ctx)
        if found != self._others:
            self._others = found
            self._post(OthersRead(found))

    def guide(self) -> None:
        """Somebody is about to read sessions: what is written from now on is told. From any thread."""
        if not self._guided:
            self._journals = self._sessions()
            self._guided = True

    def _look_at_sessions(self) -> None:
        """A few stats, once a second, where somebody looks at procedures."""
        if not self._guided or time.monotonic() - self._journals_at < IDLE_SECONDS * 0.9:
            return
        self._journals_at = time.monotonic()
        before, self._journals = self._journals, self._sessions()
        if before != self._journals:
            self._post(SessionsMoved())

    def _sessions(self) -> object:
        from console.engine.procedures.journal import sessions_signature
        from console.engine.procedures.load import procedures_signature

        return sessions_signature(self._ctx), procedures_signature(self._ctx)

    def _read_disks(self) -> None:
        from console.engine.observe.disk import zone_disks

        with suppress(OSError, EngineError):
            self._post(DisksRead(zone_disks(self._ctx)))

    def _read_rules(self) -> None:
        from console.engine.checks.alerts.look import QUICK, look

        readings = look(self._ctx, QUICK, before=self._raised).readings
        self._raised = frozenset(reading.key for reading in readings if reading.alerts)
        self._post(RulesRead(readings))
