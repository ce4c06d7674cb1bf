"""Changes in batches: staged, flushed, intended, done, flushed, recorded. DESIGN: "Durability"."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from console.engine.actions.change.disk import Disk, NotAsRecorded
from console.engine.actions.change.model import Change, Left, Row
from console.engine.actions.change.rows import apply_rows
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun, release_reserve
from console.engine.text import recordable
from console.engine.transfer.filesystem import Flusher, filesystem_of, in_words, is_full

_FILES = 512
_BYTES = 256 * 1024 * 1024
_FATAL = (errno.EIO, errno.EROFS, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.EUCLEAN)

# What the log says of each; the words of the runbook where it has some.
_SAID = {
    Outcome.RESTORED: ("INFO", "Restored"),
    Outcome.REMOVED: ("INFO", "Removed, kept in the backup"),
    Outcome.ARCHIVED: ("INFO", "Source archived"),
    Outcome.RETURNED: ("INFO", "Returned from the archive"),
    Outcome.MODE: ("INFO", "Permissions changed"),
    Outcome.LEFT_ALONE: ("WARNING", "Left as it is"),
    Outcome.FAILED: ("ERROR", "Not done"),
}
_COUNTED = {
    Outcome.RESTORED: "restored",
    Outcome.REMOVED: "removed",
    Outcome.ARCHIVED: "archived",
    Outcome.RETURNED: "returned",
    Outcome.MODE: "permissions",
    Outcome.LEFT_ALONE: "left_alone",
    Outcome.FAILED: "failed",
}


class ChangesStopped(Exception):
    """The run cannot go on; the batch in hand has been taken back. full: for want of space."""

    def __init__(self, reason: str, *, full: bool) -> None:
        super().__init__(reason)
        self.reason, self.full = reason, full


class _Flushers:
    """One for each file system under the given places."""

    def __init__(self, places: Iterable[Path], *, per_file: bool) -> None:
        self._by_device = {filesystem_of(place).device: place for place in places}
        self._flushers = [Flusher(place, per_file=per_file) for place in self._by_device.values()]
        self.mode = "; ".join(sorted({flusher.mode for flusher in self._flushers}))

    def flush(self, files: list[str]) -> None:
        """Durable on return. files: absolute, for file systems where each is flushed. Raises OSError."""
        there = [path for path in files if os.path.lexists(path)]
        folders = {os.path.dirname(path) for path in files}
        folders |= {os.path.dirname(folder) for folder in folders}
        for flusher in self._flushers:
            flusher.flush(there, {folder for folder in folders if os.path.isdir(folder)})

    def close(self) -> None:
        for flusher in self._flushers:
            flusher.close()


class ChangeBatches:
    """Does changes for one run, which holds the lock."""

    def __init__(self, run: ActiveRun, places: Iterable[str]) -> None:
        """places: the zones in which something changes, relative to the root."""
        ctx = run.ctx
        self._run = run
        self.disk = Disk(str(ctx.workspace.root), ctx.settings, run.id, ctx.env.failpoints.reach)
        self._flushers = _Flushers(
            [ctx.workspace.path(place) for place in places], per_file=ctx.settings.durability == "file"
        )
        run.durability = self._flushers.mode

    def run_all(self, changes: Iterable[Change | Left | None]) -> bool:
        """Every change, batch by batch; False when the run was asked to stop before the last. None among the changes:
        what is in hand is done before the next is asked for. Raises ChangesStopped."""
        batch: list[Change] = []
        left: list[tuple[Left, Outcome]] = []
        size = 0
        for item in changes:
            if item is None:
                pass
            elif isinstance(item, Left):
                left.append((item, Outcome.LEFT_ALONE))
            else:
                batch.append(item)
                size += item.size
            if item is None or len(batch) + len(left) >= _FILES or size >= _BYTES:
                self._turn(batch, left)
                batch, left, size = [], [], 0
                if self._run.beat():
                    return False
        self._turn(batch, left)
        return True

    def _turn(self, batch: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        if not batch and not left:
            return
        reach = self._run.ctx.env.failpoints.reach
        begun: list[Change] = []
        try:
            staged = self._stage(batch, begun, left)
            if staged:
                reach("change.staged")
                self._flushers.flush([self.disk.absolute(self.disk.part(c.path)) for c in staged if c.kind == "put"])
                with self._run.guard, transaction(self._run.connection) as connection:
                    connection.execute(
                        "INSERT INTO intents (run, kind, item) VALUES (?, 'change', ?)",
                        [self._run.seq, orjson.dumps([tuple(change) for change in staged]).decode()],
                    )
                reach("change.intended")
            done = self._perform(staged, left)
            if staged:
                reach("change.done")
                self._flushers.flush([self.disk.absolute(path) for c in done for path in _touched(c)])
            self._record(done, left)
            reach("change.recorded")
        except (OSError, sqlite3.OperationalError) as error:
            self._undo(begun, believable=getattr(error, "errno", 0) not in _FATAL)
            full = is_full(error) if isinstance(error, OSError) else "full" in str(error)
            raise ChangesStopped(in_words(error), full=full) from error
        self._log(done, left)

    def _stage(self, batch: list[Change], begun: list[Change], left: list[tuple[Left, Outcome]]) -> list[Change]:
        staged = []
        for change in batch:
            begun.append(change)
            if change.kind == "put":
                try:
                    self.disk.stage(change)
                except NotAsRecorded as error:
                    left.append((Left(change.subject, change.path, str(error)), Outcome.LEFT_ALONE))
                    begun.pop()
                    continue
                except OSError as error:
                    if is_full(error) or error.errno in _FATAL:
                        raise
                    reason = f"{error.strerror} ({error.filename or change.source})"
                    left.append((Left(change.subject, change.path, reason), Outcome.FAILED))
                    begun.pop()
                    continue
            staged.append(change)
        return staged

    def _perform(self, staged: list[Change], left: list[tuple[Left, Outcome]]) -> list[Change]:
        done = []
        for change in staged:
            try:
                self.disk.perform(change)
                done.append(change)
            except NotAsRecorded as error:
                self.disk.take_back(change)
                left.append((Left(change.subject, change.path, str(error)), Outcome.LEFT_ALONE))
            except OSError as error:
                if is_full(error) or error.errno in _FATAL:
                    raise
                self.disk.take_back(change)
                reason = f"{error.strerror} ({error.filename or change.path})"
                left.append((Left(change.subject, change.path, reason), Outcome.FAILED))
        return done

    def _undo(self, begun: list[Change], *, believable: bool) -> None:
        """Take the batch back, newest first. What cannot be taken back the next run settles from the intent."""
        release_reserve(self._run.ctx)
        try:
            for change in reversed(begun):
                self.disk.take_back(change)
            if not believable:
                raise OSError(errno.EIO, "what was taken back could not be flushed")
            self._flushers.flush([self.disk.absolute(path) for change in begun for path in _touched(change)[:1]])
            with self._run.guard, transaction(self._run.connection) as connection:
                connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
        except (OSError, sqlite3.OperationalError) as error:
            self._run.messages.append(f"the batch in hand is settled by the next run ({error})")

    def _record(self, done: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        with self._run.guard, transaction(self._run.connection) as connection:
            record_changes(self._run, connection, done)
            for item, outcome in left:
                _count(self._run, outcome)
                row = (recordable(item.subject), outcome, item.dest, 0, "", "", "", item.reason)
                self._run.outcomes_in(connection, [row])
            made, self.disk.made = self.disk.made, []
            connection.executemany(
                f"INSERT OR IGNORE INTO folders (run, path) VALUES ({self._run.seq}, ?)", [(name,) for name in made]
            )
            connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
            self._run.progress_in(connection)

    def _log(self, done: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        log = self._run.log
        with log.one_moment():
            for change in done:
                level, said = _SAID.get(Outcome(change.outcome), ("INFO", change.outcome))
                checksum = "" if change.kind == "mode" else change.after or change.before
                log.add(level, said, file=recordable(change.subject), detail=_where(change), checksum=checksum)
            for item, outcome in left:
                level, said = _SAID[outcome]
                log.add(level, said, file=recordable(item.subject), detail=item.reason)
        log.flush()
        self._run.ctx.env.failpoints.reach("log.written")

    def close(self) -> None:
        self.disk.close()
        self._flushers.close()


def _touched(change: Change) -> list[str]:
    """What has to be durable once it is done. Permissions go with their folder: they may forbid to open the file."""
    if change.kind == "mode":
        return [os.path.dirname(change.path)] if "/" in change.path else []
    return [path for path in (change.path, change.keep) if path]


def _where(change: Change) -> str:
    """From where or to where, and why."""
    if change.kind == "mode":
        return "; ".join(text for text in (f"{change.before} to {change.after}", change.reason) if text)
    place = change.source if change.kind == "put" else change.keep
    return "; ".join(text for text in (place, change.reason) if text)


def _count(run: ActiveRun, outcome: Outcome) -> None:
    name = _COUNTED.get(outcome)
    if name:
        setattr(run.counts, name, getattr(run.counts, name) + 1)


def _fresh(root: Path, rows: Iterable[Row]) -> Iterable[Row]:
    """The rows with the inodes and times that the files have now: a copy has another inode than what it replaced."""
    for table, key, row in rows:
        if row is not None and table in ("files", "sidecars", "holds"):
            row = dict(row)
            raw = _facts(root / key)
            if raw is not None and (raw.st_size, raw.st_mtime_ns) == (row["size"], row["mtime_ns"]):
                row["inode"] = raw.st_ino
            dest = _facts(root / row["dest"]) if table == "files" else None
            if dest is not None and dest.st_size == row["dest_size"]:
                row |= {"dest_mtime_ns": dest.st_mtime_ns, "dest_inode": dest.st_ino}
        yield table, key, row


def _facts(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (OSError, ValueError):
        return None


def record_changes(run: ActiveRun, connection: sqlite3.Connection, done: Iterable[Change]) -> None:
    """Outcomes and rows of changes that were done, in the caller's transaction; recovery says it the same way."""
    root = run.ctx.workspace.root
    outcomes: list[tuple[Any, ...]] = []
    for change in done:
        outcome = Outcome(change.outcome)
        row: tuple[Any, ...]
        subject = recordable(change.subject)
        if outcome in (Outcome.ARCHIVED, Outcome.RETURNED):  # a file that moved: where to, and where from
            came_from = change.path if outcome == Outcome.RETURNED else ""
            row = (subject, outcome, change.keep, change.size, change.before, "", came_from, change.reason)
        else:
            kept = change.keep if change.before else ""
            row = (subject, outcome, change.path, change.size, change.after, change.before, kept, change.reason)
        outcomes.append(row)
        _count(run, outcome)
        run.done_files += 1
        run.done_bytes += change.size
        apply_rows(connection, run.seq, _fresh(root, change.rows))
    run.outcomes_in(connection, outcomes)
