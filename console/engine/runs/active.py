"""A run in progress as its own process sees it: its ledger row, its heartbeat, its log, what was asked of it."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson

from console.engine.context import Context
from console.engine.ledger.digests import write_digest
from console.engine.ledger.store import transaction
from console.engine.model import Counts, GateItem, RunStatus
from console.engine.runs.migration_log import MigrationLog
from console.engine.runs.query import process_started
from console.engine.runs.request import Request
from console.engine.runs.reserve import make_reserve as make_reserve
from console.engine.runs.reserve import release_reserve as release_reserve

if TYPE_CHECKING:
    from console.engine.checks.kept import Result

_BEAT = 0.5  # seconds between two heartbeats


def timestamp(moment: datetime) -> str:
    """The ledger's form of a UTC time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class ActiveRun:
    """The holder of the lock. Everything it writes to the ledger goes through `connection`."""

    def __init__(
        self,
        ctx: Context,
        connection: sqlite3.Connection,
        request: Request,
        *,
        log: MigrationLog | None = None,
    ) -> None:
        self.ctx, self.connection, self.request = ctx, connection, request
        self.guard = Lock()  # of `connection`, while a thread publishes beside the one that collects
        self.id = request.run
        self.seq = 0
        self.counts = Counts()
        self.total_files = self.done_files = self.total_bytes = self.done_bytes = 0
        self.answered_files = self.answered_bytes = 0  # read and judged, the batch in hand included
        self.timings: dict[str, float] = {}
        self.gate: list[GateItem] = []
        self.verification: list[GateItem] = []
        self.checked: list[Result] = []  # of the pre-flight list, kept with the run's end
        self.durability = ""
        self.messages: list[str] = []
        self.moved_by_source: dict[str, int] = {}
        self.log = log or MigrationLog(ctx, request.run)
        self.cancel_signal = 0  # number of the signal that asked to end, if one did
        self._cancelled = False
        self._phase, self._phase_from = "", ctx.env.monotonic()
        self._beaten = 0.0

    # --- life ------------------------------------------------------------------------------------------

    def register(self) -> None:
        """The run's row; durable before anything is touched."""
        now = timestamp(self.ctx.env.now())
        pid = os.getpid()
        values = {
            "id": self.id,
            "action": self.request.action,
            "status": RunStatus.RUNNING,
            "params": json.dumps(self.request.params),
            "command": self.request.command,
            "who": json.dumps(asdict(self.ctx.env.who)),
            "started_at": now,
            "pid": pid,
            "pid_started": process_started(pid),
            "host": socket.gethostname(),
            "heartbeat_at": now,
            "settings_digest": self.ctx.settings.digest,
            "overrides": json.dumps(self.request.overrides),
        }
        names = ", ".join(values)
        with transaction(self.connection):
            cursor = self.connection.execute(
                f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
            )
            self.seq = int(cursor.lastrowid or 0)
        self.ctx.env.failpoints.reach("run.registered")

    def phase(self, name: str) -> None:
        """Begin a phase; the time since the last one began is booked on that."""
        now = self.ctx.env.monotonic()
        if self._phase:
            self.timings[self._phase] = round(self.timings.get(self._phase, 0.0) + now - self._phase_from, 4)
        self._phase, self._phase_from = name, now
        self.beat(force=True)

    def beat(self, *, force: bool = False) -> bool:
        """Progress and heartbeat into the ledger, cancellation out of it. True when the run is to stop."""
        now = self.ctx.env.monotonic()
        if not force and now - self._beaten < _BEAT:
            return self.cancelled
        self._beaten = now
        try:
            with self.guard:
                self.connection.execute(f"UPDATE runs SET {_PROGRESS} WHERE seq = ?", [*self._progress(), self.seq])
                self._look_for_cancel(self.connection)
        except sqlite3.OperationalError:  # a full disk: the batch that follows says so
            pass
        return self.cancelled

    def _look_for_cancel(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT cancel_at FROM runs WHERE seq = ?", [self.seq]).fetchone()
        self._cancelled = self._cancelled or (row is not None and row[0] is not None)

    def _progress(self) -> list[Any]:
        return [
            timestamp(self.ctx.env.now()),
            self._phase,
            self.total_files,
            max(self.done_files, self.answered_files) if self._phase == "publish" else self.done_files,
            self.total_bytes,
            max(self.done_bytes, self.answered_bytes) if self._phase == "publish" else self.done_bytes,
            orjson.dumps(self.counts.to_json()).decode(),
        ]

    @property
    def cancelled(self) -> bool:
        return self._cancelled or self.cancel_signal != 0

    def cancel(self, number: int) -> None:
        """Asked by a signal; the batch in hand is finished."""
        self.cancel_signal = number

    # --- rows ------------------------------------------------------------------------------------------

    def progress_in(self, connection: sqlite3.Connection) -> None:
        """Progress as part of a batch's own transaction."""
        self._beaten = self.ctx.env.monotonic()
        connection.execute(f"UPDATE runs SET {_PROGRESS} WHERE seq = ?", [*self._progress(), self.seq])
        self._look_for_cancel(connection)  # batches may follow each other faster than the heart beats

    def outcomes_in(self, connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """rows: (path, outcome, dest, size, sha256, replaced_sha256, backup, reason)."""
        connection.executemany(
            "INSERT INTO outcomes (run, path, outcome, dest, size, sha256, replaced_sha256, backup, reason)"
            f" VALUES ({self.seq}, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def finish(self, status: RunStatus, exit_status: int, message: str) -> None:
        """The run's end, in one durable transaction; with the reserve released when the disk is full."""
        self.phase("")
        values = [
            *self._progress(),
            status,
            timestamp(self.ctx.env.now()),
            exit_status,
            message,
            self.durability,
            json.dumps(self.timings),
            gate_json(self.gate),
            gate_json(self.verification),
            self.seq,
        ]
        sql = (
            f"UPDATE runs SET {_PROGRESS}, status = ?, ended_at = ?, exit_status = ?, message = ?, durability = ?,"
            " timings = ?, gate = ?, verification = ? WHERE seq = ?"
        )
        try:
            self._end(sql, values)
        except sqlite3.OperationalError:
            release_reserve(self.ctx)
            self._end(sql, values)
        self.ctx.env.failpoints.reach("run.recorded")

    def _end(self, sql: str, values: list[Any]) -> None:
        """The last change of the run's row, with the digest of all its rows."""
        with transaction(self.connection) as connection:
            connection.execute(sql, values)
            if self.checked:
                from console.engine.checks.kept import write_results

                write_results(connection, self.checked, self.seq)
            write_digest(connection, self.seq)


_PROGRESS = "heartbeat_at = ?, phase = ?, total_files = ?, done_files = ?, total_bytes = ?, done_bytes = ?, counts = ?"


def gate_json(items: list[GateItem]) -> str:
    return json.dumps([asdict(item) for item in items])
