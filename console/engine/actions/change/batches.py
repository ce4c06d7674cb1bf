"""Changes in batches: staged, flushed, intended, done, flushed, recorded. DESIGN: "Durability"."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import orjson

from console.engine.actions.change.ahead import ReadAhead
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.left import NotAsRecorded
from console.engine.actions.change.model import Change, Left, packed
from console.engine.actions.change.record import count, record_changes
from console.engine.actions.change.whole import WholeFolders, folders_taken
from console.engine.errors import EngineError
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun, release_reserve
from console.engine.runs.migration_log import Line
from console.engine.text import keepable, recordable
from console.engine.transfer.filesystem import BROKEN, Flusher, filesystem_of, in_words, is_full, room

_FILES = 8192  # each batch waits several times for the disk, however little is in it
_FOLDERS = 4096  # looked at together
_BYTES = 256 * 1024 * 1024
_FEW = 64  # files of a batch where inodes are scarce: what it empties gives room to the next
_SCARCE = 2 * _FILES  # inodes
_KEPT_FREE = 48 * 1024 * 1024  # bytes that copies leave to the ledger and the logs

# What the log says of each; the words of the runbook where it has some.
_SAID: dict[str, tuple[str, str]] = {
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
        going: Callable[[set[str]], list[str]] = lambda folders: [],
        ahead: ReadAhead | None = None,
    ) -> None:
        """places: the zones in which something changes, relative to the root. going: which of these folders, out of
        which something was taken, are removed where nothing is left in them; they go with their batch and leave their
        room to what follows. ahead: has read the files already."""
        ctx = run.ctx
        self._run, self._going = run, going
        self._backups = ctx.workspace.path(ctx.settings.zones.backups)
        self._unmade = (ctx.settings.zones.backups.rstrip("/") + "/", ".opsconsole/")  # folders an undo leaves
        self.disk = Disk(str(ctx.workspace.root), ctx.settings, run.id, ctx.env.failpoints.reach, ahead)
        self._whole = WholeFolders(self.disk)
        self._taken: dict[str, list[Change]] = {}  # of the batch in hand, by folder: what is all of it
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
        self._taken = {}
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
            self._undo(begun, believable=getattr(error, "errno", 0) not in BROKEN)
            full = is_full(error) if isinstance(error, OSError) else "full" in str(error)
            raise ChangesStopped(in_words(error), full=full) from error
        reach("change.recorded")
        self._log(done, left)
        self._remove_emptied(done)
        self.disk.forget_read(batch)

    def _intend(self, batch: list[Change]) -> None:
        """Before the first file is staged: whatever lies beside a destination, or was taken from its place, is named by
        the intent. The folders that will have to be made are this run's, even if it dies before it says so."""
        # what is taken stands there, and so does its folder
        places = (place for change in batch for place in ("" if change.kind == "take" else change.path, change.keep))
        made = self.disk.missing_folders(path for path in places if path and not path.startswith(self._unmade))
        document = orjson.dumps([packed(change) for change in batch]).decode()
        self._taken = folders_taken(batch, self._going)
        modes = [(folder, self._whole.mode(folder)) for folder in self._taken]
        with self._run.guard, transaction(self._run.connection) as connection:
            self._note_folders(connection, made)
            note_gone(connection, self._run.seq, ((folder, mode) for folder, mode in modes if mode is not None))
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
        for folder, changes in self._taken.items():
            if self._whole.take(folder, changes):
                done += changes
        for change in staged:
            if change.kind == "take" and change.path.rpartition("/")[0] in self._whole.moved:
                continue
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
            if is_full(error) or error.errno in BROKEN:
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
            self._whole.give_back()
            for change in reversed(begun):
                self.disk.take_back(change)
            self.disk.remove_empty(self.disk.made)
            if not believable:
                raise OSError(errno.EIO, "what was taken back could not be flushed")
            self._flushers.flush([self.disk.absolute(path) for change in begun for path in _touched(change)[:1]])
            with self._run.guard, transaction(self._run.connection) as connection:
                self._stayed(connection, self._taken)
                connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
        except (OSError, EngineError, sqlite3.OperationalError) as error:
            self._run.messages.append(f"the batch in hand is settled by the next run ({error})")

    def _record(self, done: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        with self._run.guard, transaction(self._run.connection) as connection:
            record_changes(self._run, connection, done)
            for item, outcome in left:
                count(self._run, outcome)
                subject, dest, reason = map(recordable, (item.subject, item.dest, item.reason))
                self._run.outcomes_in(connection, [(subject, outcome, dest, 0, "", "", "", reason)])
            made, self.disk.made = self.disk.made, []
            self._note_folders(connection, made)
            self._stayed(connection, (folder for folder in self._taken if folder not in self._whole.moved))
            connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
            self._run.progress_in(connection)

    def _stayed(self, connection: sqlite3.Connection, folders: Iterable[str]) -> None:
        """Folders that were to go whole and did not; those that are empty by now are said again when they go."""
        connection.executemany(
            f"DELETE FROM folders_gone WHERE run = {self._run.seq} AND path = ?",
            [(keepable(folder),) for folder in folders],
        )

    def _remove_emptied(self, done: list[Change]) -> None:
        moved, self._whole.moved = self._whole.moved, {}
        folders = {change.path.rpartition("/")[0] for change in done if change.kind == "take"}
        if not folders - moved.keys():
            return  # what those lay in goes at the end
        folders = folders - moved.keys() | {os.path.dirname(folder) for folder in moved}
        for folder in list(folders):
            while (folder := os.path.dirname(folder)) not in ("", "/") and folder not in folders:
                folders.add(folder)
        if going := self._going(folders - {"", "/"}):
            remove_empty(self._run, self.disk, going)

    def _note_folders(self, connection: sqlite3.Connection, made: Iterable[str]) -> None:
        """Folders that this run makes: an undo removes them when they are empty."""
        connection.executemany(
            f"INSERT OR IGNORE INTO folders (run, path) VALUES ({self._run.seq}, ?)",
            [(keepable(name),) for name in made],
        )

    def _log(self, done: list[Change], left: list[tuple[Left, Outcome]]) -> None:
        log = self._run.log
        with log.one_moment():
            log.add_block(map(_line, done))
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


def _line(change: Change) -> Line:
    """What the log says of a change that was done."""
    level, said = _SAID.get(change.outcome, ("INFO", change.outcome))
    fields = {"file": recordable(change.subject)}
    if where := _where(change):
        fields["detail"] = recordable(where)
    fields["checksum"] = "" if change.kind == "mode" else change.after or change.before
    return level, said, fields


def _where(change: Change) -> str:
    """From where or to where, and why."""
    if change.kind == "mode":
        return "; ".join(text for text in (f"{change.before} to {change.after}", change.reason) if text)
    place = change.source if change.kind == "put" else change.keep
    if not change.reason:
        return place
    return "; ".join(text for text in (place, change.reason) if text)


def remove_empty(run: ActiveRun, disk: Disk, folders: Iterable[str]) -> None:
    """Remove those of the folders (relative to the root) that hold nothing; an undo makes them again as they were."""
    several = iter(folders)
    while some := list(islice(several, _FOLDERS)):
        empty = disk.empty_folders(some)
        if not empty:
            continue
        with run.guard, transaction(run.connection) as connection:  # first said, then done: a crash forgets no mode
            note_gone(connection, run.seq, empty)
        disk.remove_empty(folder for folder, _ in empty)


def note_gone(connection: sqlite3.Connection, run: int, folders: Iterable[tuple[str, int]]) -> None:
    """Folders that this run removes, with their permissions: an undo makes them again."""
    connection.executemany(
        f"INSERT OR IGNORE INTO folders_gone (run, path, mode) VALUES ({run}, ?, ?)",
        [(keepable(folder), mode) for folder, mode in folders],
    )
