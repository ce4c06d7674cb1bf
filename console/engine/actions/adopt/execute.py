"""Executing an adoption: the state file streamed, every copy read once and compared, the ledger told.

No published byte, no raw byte and not one byte of the state file is changed; what is written is the ledger.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from console.engine.actions.adopt.compare import Compared, Comparer, Found
from console.engine.actions.adopt.others import foreign_files
from console.engine.checks.adoption import LEFT
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.ledger.mirror_adopt import StateEntries, iter_entries, keep_foreign, needs_adoption, settle_adoption
from console.engine.ledger.mirror_judge import source_of
from console.engine.ledger.mirror_read import MirrorEntry
from console.engine.ledger.store import transaction
from console.engine.model import FileStatus, Outcome, RunStatus
from console.engine.records.rules import load_rules
from console.engine.runs.active import ActiveRun
from console.engine.runs.pool import Pool, TaskError, WorkerDied
from console.engine.runs.request import Request
from console.engine.text import plural, recordable

_CHUNK = 128  # entries a task
_BATCH = 4096  # entries a transaction
_NAMED = 1000  # of those that are not adopted, this many have a line in the log

_FILE = (
    "INSERT INTO files (path, source, status, dest, size, mtime_ns, inode, sha256, rule, records, format, columns,"
    " warnings, processed_at, judged_run, run, dest_size, dest_mtime_ns, dest_inode, mirrored)"
    " VALUES (?, ?, 'adopted', ?, ?, ?, ?, ?, NULL, ?, ?, ?, 0, ?, 0, ?, ?, ?, ?, 1)"
    " ON CONFLICT (path) DO UPDATE SET status = 'adopted', dest = excluded.dest, size = excluded.size,"
    " mtime_ns = excluded.mtime_ns, inode = excluded.inode, sha256 = excluded.sha256, rule = NULL,"
    " records = excluded.records, format = excluded.format, columns = excluded.columns, warnings = 0,"
    " processed_at = excluded.processed_at, judged_run = 0, run = excluded.run, dest_size = excluded.dest_size,"
    " dest_mtime_ns = excluded.dest_mtime_ns, dest_inode = excluded.dest_inode, mirrored = 1"
)

# One entry on its way: key as spelled, the parsed entry as a plain tuple or None, why not, its value as JSON.
Item = tuple[str, tuple[Any, ...] | None, str, str]


class Adopt:
    """One adoption. Cancelled or killed, what it has taken over stays; the next one goes on from there."""

    def __init__(self, ctx: Context, request: Request) -> None:
        self._ctx = ctx
        self.rules = load_rules(ctx.workspace.root, ctx.settings)
        self._pool = Pool(ctx.settings.workers or os.cpu_count() or 1, self._make_handler)
        self._found: Counter[str] = Counter()
        self._rows: list[tuple[Any, ...]] = []
        self._foreign: list[tuple[str, Any, str]] = []
        self._outcomes: list[tuple[Any, ...]] = []
        self._known_ids: list[tuple[int]] = []  # rows of the ledger that the state file names too

    def _make_handler(self) -> Callable[[list[Item]], list[tuple[Any, ...]]]:
        comparer = Comparer(str(self._ctx.workspace.root), self._ctx.settings, thorough=True)
        return lambda items: [
            tuple(comparer.compare(MirrorEntry(*entry))) if entry is not None else (Found.FOREIGN, reason)
            for _, entry, reason, _ in items
        ]

    def close(self, *, kill: bool = False) -> None:
        self._pool.close(kill=kill)

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Raises MirrorError and EngineError; what was taken over by then stays."""
        run.phase("adopt")
        run.connection.execute("CREATE TEMP TABLE named (id INTEGER PRIMARY KEY)")
        run.total_files = needs_adoption(self._ctx, None)  # about
        stream = iter_entries(self._ctx)
        done = 0
        for task, answer in self._pool.run(_tasks(self._known(run, stream)), tick=run.beat):
            if isinstance(answer, TaskError | WorkerDied):
                raise EngineError(f"entries of the state file could not be compared: {answer}")
            for item, compared in zip(task, answer, strict=True):
                self._take(run, item, Compared(*compared))
            done += len(task)
            run.done_files = done
            run.total_files = max(run.total_files, done)
            if len(self._rows) + len(self._foreign) + len(self._known_ids) >= _BATCH:
                self._record(run)
        self._record(run)
        if run.cancelled:
            status = 130 if run.cancel_signal in (0, 2) else 128 + run.cancel_signal
            return (
                RunStatus.CANCELLED,
                status,
                "cancelled; what is taken over stays, the next adoption goes on from there",
            )
        run.phase("record")
        self._others(run)
        if stream.identity is not None:
            settle_adoption(self._ctx, run.connection, stream.sha256, stream.identity, run.seq, stream.last_updated)
        return self._result(run)

    def _known(self, run: ActiveRun, stream: StateEntries) -> Iterator[Item]:
        """Entries that have to be compared: what the ledger has of the same bytes is not read again."""
        cursor = run.connection.cursor()
        cursor.row_factory = None
        for item in stream:
            entry = item.entry
            if entry is not None:
                row = cursor.execute("SELECT id, sha256, status FROM files WHERE path = ?", [entry.path]).fetchone()
                if row is not None and row[1] == entry.checksum and row[2] != FileStatus.HELD:
                    self._known_ids.append((row[0],))
                    self._found["known"] += 1
                    continue
            plain = None if entry is None else tuple(getattr(entry, name) for name in MirrorEntry.__slots__)
            yield item.key, plain, item.reason, json.dumps(item.value)

    def _take(self, run: ActiveRun, item: Item, compared: Compared) -> None:
        key, plain, _, value = item
        self._found[compared.found] += 1
        if not compared.found.adopted or plain is None:
            self._foreign.append((key, json.loads(value), compared.reason))
            self._outcomes.append((recordable(key), Outcome.NOT_ADOPTED, "", 0, "", "", "", compared.reason))
            if len(self._outcomes) <= _NAMED:
                run.log.add(
                    "INFO", "Entry of the state file left as it is", file=recordable(key), detail=compared.reason
                )
            return
        entry = MirrorEntry(*plain)
        columns = None if entry.columns is None else json.dumps(entry.columns)
        self._rows.append(
            (
                *(entry.path, source_of(entry.path, self._ctx.settings), entry.dest, *compared.source, entry.checksum),
                *(entry.records, entry.format, columns, entry.processed_at, run.seq, *compared.dest),
            )
        )

    def _record(self, run: ActiveRun) -> None:
        with run.guard, transaction(run.connection) as connection:
            connection.executemany(_FILE, self._rows)
            keep_foreign(connection, self._foreign)
            run.outcomes_in(connection, self._outcomes)
            connection.executemany("INSERT OR IGNORE INTO named VALUES (?)", self._known_ids)
            connection.executemany("UPDATE files SET mirrored = 1 WHERE id = ? AND mirrored = 0", self._known_ids)
            run.counts.adopted += len(self._rows)
            run.counts.foreign += len(self._foreign)
            run.progress_in(connection)
        self._rows, self._foreign, self._outcomes, self._known_ids = [], [], [], []
        run.ctx.env.failpoints.reach("adopt.recorded")

    def _others(self, run: ActiveRun) -> None:
        """Published files that nothing names: remembered, and never touched."""
        reader = run.connection.cursor()
        reader.row_factory = None

        def known(path: str) -> bool:
            row = reader.execute(
                "SELECT 1 FROM files WHERE path = :path UNION ALL SELECT 1 FROM foreign_entries WHERE path = :path",
                {"path": recordable(path)},
            )
            return row.fetchone() is not None

        with transaction(run.connection) as connection:
            # what the ledger knows from before and the state file does not name counts as not processed
            connection.execute(
                "UPDATE files SET mirrored = 0 WHERE mirrored = 1 AND run <> ? AND id NOT IN (SELECT id FROM named)",
                [run.seq],
            )
            connection.execute("DELETE FROM meta WHERE key = ?", [LEFT])
            connection.execute("DELETE FROM foreign_files")
            for path, facts in foreign_files(self._ctx, known):
                row = [recordable(path), facts.st_size, facts.st_mtime_ns]
                connection.execute("INSERT OR REPLACE INTO foreign_files VALUES (?, ?, ?)", row)
                self._found["other files"] += 1

    def _result(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        found, counts = self._found, run.counts
        parts = [f"{plural(counts.adopted, 'file')} adopted"]
        if found["known"]:
            parts.append(f"{plural(found['known'], 'file')} known before")
        left = [f"{number:,} {what}" for what, number in sorted(found.items()) if what in _LEFT and number]
        if left:
            parts.append(f"{plural(counts.foreign, 'entry', 'entries')} left as they are ({', '.join(left)})")
        if found["other files"]:
            parts.append(f"{plural(found['other files'], 'published file')} that no entry names")
        message = "; ".join(parts)
        run.log.add("INFO", "Adopted", detail=message)
        return RunStatus.DONE, 0, message


_LEFT = frozenset(found.value for found in Found if not found.adopted)


def _tasks(items: Iterator[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
