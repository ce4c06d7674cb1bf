"""Changes in batches: staged, flushed, intended, done, flushed, recorded. DESIGN: "Durability"."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from console.engine.actions.change.disk import Disk, NotAsRecorded
from console.engine.actions.change.model import Change, Left, Row, packed
from console.engine.actions.change.rows import apply_rows, is_patch
from console.engine.errors import EngineError
from console.engine.globs import compile_glob
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun, release_reserve
from console.engine.settings import Settings
from console.engine.text import keepable, recordable
from console.engine.transfer.filesystem import Flusher, filesystem_of, in_words, is_full, room

_FILES = 4096  # each batch waits several times for the disk, however little is in it
_FOLDERS = 4096  # looked at together
_BYTES = 256 * 1024 * 1024
_FEW = 64  # files of a batch where inodes are scarce: what it empties gives room to the next
_SCARCE = 2 * _FILES  # inodes
_KEPT_FREE = 48 * 1024 * 1024  # bytes that copies leave to the ledger and the logs
_FATAL = (errno.EIO, errno.EROFS, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.EUCLEAN)

# What the log says of each; the words of the runbook where it has some.
_SAID = {
    Outcome.RESTORED: ("INFO", "Restored"),
    Outcome.REMOVED: ("INFO", "Removed, kept in the backup"),
    Outcome.ARCHIVED: ("INFO", "Source archived"),
    Outcome.RETURNED: ("INFO", "Returned from the archive"),
    Outcome.CLEARED: ("INFO", "Taken out of the state file, counts as not processed"),
    Outcome.ENTERED: ("INFO", "Put back into the state file"),
    Outcome.MODE: ("INFO", "Permissions changed"),
    Outcome.LEFT_ALONE: ("WARNING", "Left as it is"),
    Outcome.FAILED: ("ERROR", "Not done"),
}
_COUNTED = {
    Outcome.RESTORED: "restored",
    Outcome.REMOVED: "removed",
    Outcome.ARCHIVED: "archived",
    Outcome.RETURNED: "returned",
    Outcome.CLEARED: "cleared",
    Outcome.ENTERED: "entered",
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
        if not any(flusher.per_file for flusher in self._flushers):
            for flusher in self._flushers:
                flusher.flush([], set())
            return
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

    def __init__(
        self,
        run: ActiveRun,
        places: Iterable[str],
        after: Callable[[ChangeBatches, list[Change]], None] = lambda batches, done: None,
    ) -> None:
        """places: the zones in which something changes, relative to the root. after: called with what a batch did, once
        that is recorded."""
        ctx = run.ctx
        self._run, self._after = run, after
        self._backups = ctx.workspace.path(ctx.settings.zones.backups)
        self._unmade = (ctx.settings.zones.backups.rstrip("/") + "/", ".opsconsole/")  # folders an undo leaves
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
        size, subject = 0, ""
        inodes = room(self._backups)[1]
        files = _FEW if 0 <= inodes < _SCARCE else _FILES
        for item in changes:
            full = len(batch) + len(left) >= files or size >= _BYTES
            if item is None or (full and item.subject != subject):  # what concerns one file is done together
                self._turn(batch, left)
                batch, left, size = [], [], 0
                if self._run.beat():
                    return False
            if item is None:
                continue
            subject = item.subject
            if isinstance(item, Left):
                left.append((item, Outcome.LEFT_ALONE))
            else:
                batch.append(item)
                size += item.size
        self._turn(batch, left)
        return True

    def _turn(self, batch: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        if not batch and not left:
            return
        reach = self._run.ctx.env.failpoints.reach
        begun: list[Change] = []
        done: list[Change] = []
        try:
            if batch:
                self._intend(batch)
                reach("change.intended")
            staged = self._stage(batch, begun, left)
            if staged:
                reach("change.staged")
                parts = [self.disk.absolute(self.disk.part(c.path)) for c in staged if c.kind == "put"]
                if parts:
                    self._flushers.flush(parts)
                done = self._perform(staged, left)
                reach("change.done")
                self._flushers.flush([self.disk.absolute(path) for c in done for path in _touched(c)])
            if left:
                self.disk.remove_empty(self.disk.made)  # made for what was then left alone
            self._record(done, left)
        except (OSError, sqlite3.OperationalError) as error:
            self._undo(begun, believable=getattr(error, "errno", 0) not in _FATAL)
            full = is_full(error) if isinstance(error, OSError) else "full" in str(error)
            raise ChangesStopped(in_words(error), full=full) from error
        reach("change.recorded")
        self._log(done, left)
        self._after(self, done)

    def _intend(self, batch: list[Change]) -> None:
        """Before the first file is staged: whatever lies beside a destination, or was taken from its place, is named by
        the intent. The folders that will have to be made are this run's, even if it dies before it says so."""
        # what is taken stands there, and so does its folder
        places = (place for change in batch for place in ("" if change.kind == "take" else change.path, change.keep))
        made = self.disk.missing_folders(path for path in places if path and not path.startswith(self._unmade))
        document = orjson.dumps([packed(change) for change in batch]).decode()
        with self._run.guard, transaction(self._run.connection) as connection:
            self._note_folders(connection, made)
            connection.execute(
                "INSERT INTO intents (run, kind, item) VALUES (?, 'change', ?)", [self._run.seq, document]
            )

    def _stage(self, batch: list[Change], begun: list[Change], left: list[tuple[Left, Outcome]]) -> list[Change]:
        need = sum(change.size for change in batch if change.kind == "put")
        sparing = bool(need) and room(self._backups)[0] < need + _KEPT_FREE
        staged = []
        for change in batch:
            begun.append(change)
            if change.kind == "put" and not self._tried(
                change, left, lambda change: self.disk.stage(change, sparing=sparing)
            ):
                begun.pop()
                continue
            staged.append(change)
        return staged

    def _perform(self, staged: list[Change], left: list[tuple[Left, Outcome]]) -> list[Change]:
        done = []
        for change in staged:
            if self._tried(change, left, self.disk.perform):
                done.append(change)
            else:
                self.disk.take_back(change)
        return done

    def _tried(self, change: Change, left: list[tuple[Left, Outcome]], step: Callable[[Change], None]) -> bool:
        """Whether `step` did its work; what one file alone refuses is that file's matter. Raises OSError for what says
        that the file system is in trouble."""
        try:
            step(change)
        except NotAsRecorded as error:
            left.append((Left(change.subject, change.path, str(error)), Outcome.LEFT_ALONE))
        except FileExistsError as error:  # that is somebody else's, and nothing was done
            reason = f"something stands at {error.filename or change.keep} by now"
            left.append((Left(change.subject, change.path, reason), Outcome.LEFT_ALONE))
        except EngineError as error:
            left.append((Left(change.subject, change.path, error.what), Outcome.FAILED))
        except OSError as error:
            if is_full(error) or error.errno in _FATAL:
                raise
            reason = f"{error.strerror} ({error.filename or change.path})"
            left.append((Left(change.subject, change.path, reason), Outcome.FAILED))
        else:
            return True
        return False

    def _undo(self, begun: list[Change], *, believable: bool) -> None:
        """Take the batch back, newest first. What cannot be taken back the next run settles from the intent."""
        release_reserve(self._run.ctx)
        try:
            for change in reversed(begun):
                self.disk.take_back(change)
            self.disk.remove_empty(self.disk.made)
            if not believable:
                raise OSError(errno.EIO, "what was taken back could not be flushed")
            self._flushers.flush([self.disk.absolute(path) for change in begun for path in _touched(change)[:1]])
            with self._run.guard, transaction(self._run.connection) as connection:
                connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
        except (OSError, EngineError, sqlite3.OperationalError) as error:
            self._run.messages.append(f"the batch in hand is settled by the next run ({error})")

    def _record(self, done: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        with self._run.guard, transaction(self._run.connection) as connection:
            record_changes(self._run, connection, done)
            for item, outcome in left:
                _count(self._run, outcome)
                subject, dest, reason = map(recordable, (item.subject, item.dest, item.reason))
                self._run.outcomes_in(connection, [(subject, outcome, dest, 0, "", "", "", reason)])
            made, self.disk.made = self.disk.made, []
            self._note_folders(connection, made)
            connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
            self._run.progress_in(connection)

    def _note_folders(self, connection: sqlite3.Connection, made: Iterable[str]) -> None:
        """Folders that this run makes: an undo removes them when they are empty."""
        connection.executemany(
            f"INSERT OR IGNORE INTO folders (run, path) VALUES ({self._run.seq}, ?)",
            [(keepable(name),) for name in made],
        )

    def _log(self, done: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        log = self._run.log
        with log.one_moment():
            for change in done:
                level, said = _SAID.get(Outcome(change.outcome), ("INFO", change.outcome))
                checksum = "" if change.kind == "mode" else change.after or change.before
                where = recordable(_where(change))
                log.add(level, said, file=recordable(change.subject), detail=where, checksum=checksum)
            for item, outcome in left:
                level, said = _SAID[outcome]
                log.add(level, said, file=recordable(item.subject), detail=recordable(item.reason))
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


def _fresh(root: str, rows: Iterable[Row]) -> Iterable[Row]:
    """The rows with the inodes and times that the files have now: a copy has another inode than what it replaced."""
    seen: dict[str, os.stat_result | None] = {}
    for table, key, row in rows:
        if row is not None and not is_patch(row) and table in ("files", "sidecars", "failures", "holds"):
            row = dict(row)
            if key not in seen:
                seen[key] = _facts(root, key)
            raw = seen[key]
            if raw is not None and (raw.st_size, raw.st_mtime_ns) == (row["size"], row["mtime_ns"]):
                row["inode"] = raw.st_ino
            dest = _facts(root, row["dest"]) if table == "files" else None
            if dest is not None and dest.st_size == row["dest_size"]:
                row |= {"dest_mtime_ns": dest.st_mtime_ns, "dest_inode": dest.st_ino}
        yield table, key, row


def _facts(root: str, path: str) -> os.stat_result | None:
    try:
        return os.lstat(path if path.startswith("/") else f"{root}/{path}")
    except (OSError, ValueError):
        return None


def record_changes(run: ActiveRun, connection: sqlite3.Connection, done: Iterable[Change]) -> None:
    """Outcomes and rows of changes that were done, in the caller's transaction; recovery says it the same way."""
    root = str(run.ctx.workspace.root)
    outcomes: list[tuple[Any, ...]] = []
    rows: list[Row] = []
    vouched: list[tuple[str, str]] = []
    by_source: Counter[str] = Counter()
    raw = run.ctx.settings.zones.raw.rstrip("/") + "/"
    for change in done:
        outcome = Outcome(change.outcome)
        row: tuple[Any, ...]
        subject = recordable(change.subject)
        path, keep = keepable(change.path), keepable(change.keep)
        if outcome in (Outcome.ARCHIVED, Outcome.RETURNED):  # a file that moved: where to, and where from
            came_from = path if outcome == Outcome.RETURNED or path != subject else ""
            row = (subject, outcome, keep, change.size, change.before, "", came_from, change.reason)
            if is_counted(run.ctx.settings, change):
                source, below, _ = change.subject[len(raw) :].partition("/")
                by_source[source if below else "."] += 1 if outcome == Outcome.RETURNED else -1
        else:
            kept = keep if change.before else ""
            row = (subject, outcome, path, change.size, change.after, change.before, kept, change.reason)
        outcomes.append(row)
        vouched.append((path, change.after))
        _count(run, outcome)
        run.done_files += 1
        run.done_bytes += change.size
        rows += change.rows if change.kind == "note" else _fresh(root, change.rows)
    apply_rows(connection, run.seq, rows)
    run.outcomes_in(connection, outcomes)
    connection.executemany("DELETE FROM verified WHERE path = ? AND expected <> ?", vouched)
    connection.executemany(  # what left on purpose is nothing that a brake would look for
        "UPDATE sources_seen SET files = max(0, files + ?) WHERE source = ?",
        [(files, recordable(source)) for source, files in by_source.items()],
    )


def is_counted(settings: Settings, change: Change) -> bool:
    """Whether the raw file that moved is one of those that a scan counts as a source's."""
    relative = change.subject[len(settings.zones.raw.rstrip("/")) + 1 :]
    return any(table == "files" for table, _, _ in change.rows) or is_data(settings, relative)


def is_data(settings: Settings, relative: str) -> bool:
    """Whether a raw file (path relative to the raw zone) is data by its name: no sidecar, not ignored."""
    name = relative.rpartition("/")[2]
    if name == settings.sidecar.name or os.path.splitext(name)[1].lower() not in settings.suffixes:
        return False
    return not any(compile_glob(item.match)(relative) for item in settings.ignore)


def remove_empty(run: ActiveRun, disk: Disk, folders: Iterable[str]) -> None:
    """Remove those of the folders (relative to the root) that hold nothing; an undo makes them again as they were."""
    several = iter(folders)
    while some := list(islice(several, _FOLDERS)):
        empty = disk.empty_folders(some)
        if not empty:
            continue
        with run.guard, transaction(run.connection) as connection:  # first said, then done: a crash forgets no mode
            connection.executemany(
                f"INSERT OR IGNORE INTO folders_gone (run, path, mode) VALUES ({run.seq}, ?, ?)",
                [(keepable(folder), mode) for folder, mode in empty],
            )
        disk.remove_empty(folder for folder, _ in empty)
