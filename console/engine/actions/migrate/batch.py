"""Batches: stage, flush, record the intent, back up and rename, flush, record the outcome. DESIGN: "Durability"."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable
from typing import Any

import orjson

from console.engine.actions.migrate.model import Staged
from console.engine.actions.migrate.rows import Record, Recorder, published_record
from console.engine.ledger.store import transaction
from console.engine.runs.active import ActiveRun, release_reserve, timestamp
from console.engine.text import recordable
from console.engine.transfer.filesystem import Flusher, in_words, is_full
from console.engine.transfer.publish import Publisher, PublishItem

MAX_FILES = 1024
MAX_BYTES = 128 * 1024 * 1024

# These say that the file system, not the file, is in trouble: the whole batch is undone and the run stops.
_FATAL = (errno.EIO, errno.EROFS, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.EUCLEAN)


class RunStopped(Exception):
    """The run cannot go on; the batch in hand has been undone. `full`: for want of space."""

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.full = full


class Batches:
    """Collects what workers staged and publishes it, a batch at a time."""

    def __init__(self, run: ActiveRun, recorder: Recorder, publisher: Publisher, flusher: Flusher) -> None:
        self._run, self._recorder, self._publisher, self._flusher = run, recorder, publisher, flusher
        zones = run.ctx.settings.zones
        self._raw, self._validated = zones.raw.rstrip("/"), zones.validated.rstrip("/")
        self._backups = f"{zones.backups.rstrip('/')}/{run.id}"
        self._items: list[PublishItem] = []
        self._others: list[Staged] = []  # revalidated, unchanged, failed: recorded with the batch
        self._made: list[str] = []
        self._bytes = 0
        self.holding = False  # while a brake wants to see more before the first rename

    def add(self, answer: Staged) -> None:
        """One answer of a worker. Commits when the batch is full; raises RunStopped."""
        if answer.part:
            self._items.append(self._item(answer))
            self._bytes += answer.size
            self._made.extend(answer.made)
        else:
            self._others.append(answer)
        if not self.holding and (len(self._items) + len(self._others) >= MAX_FILES or self._bytes >= MAX_BYTES):
            self.commit()

    def _item(self, answer: Staged) -> PublishItem:
        return PublishItem(
            path=f"{self._raw}/{answer.path}",
            part=f"{self._validated}/{answer.part}",
            dest=f"{self._validated}/{answer.path}",
            backup=f"{self._backups}/{answer.path}",
            sha256=answer.sha256,
            size=answer.size,
            replaces=answer.replaces,
            record=published_record(answer, self._recorder.rule_id(answer.path)),
        )

    @property
    def pending(self) -> int:
        return len(self._items)

    def commit(self) -> None:
        """Publish what is staged and record what was found. Raises RunStopped with the batch undone."""
        self.holding = False
        items, others, made = self._items, self._others, self._made
        self._items, self._others, self._made, self._bytes = [], [], [], 0
        done: list[tuple[PublishItem, bool]] = []
        refused: list[tuple[PublishItem, str]] = []
        reach = self._run.ctx.env.failpoints.reach
        try:
            if items:
                reach("batch.staged")
                self._flush(items, "part", made)
                reach("batch.flushed")
                self._intend(items)
                reach("batch.intended")
                self._publish(items, done, refused)
                reach("batch.renamed")
                self._flush([item for item, _ in done], "dest", made)
                reach("batch.durable")
            self._record(done, refused, others, made)
        except (OSError, sqlite3.OperationalError) as error:
            self._undo(items, made, believable=getattr(error, "errno", 0) not in _FATAL)
            full = is_full(error) if isinstance(error, OSError) else "full" in str(error)
            raise RunStopped(in_words(error), full=full) from error
        reach("batch.recorded")
        self._log(done, refused, others)

    def _flush(self, items: list[PublishItem], which: str, made: list[str]) -> None:
        if not items:
            return
        absolute = self._publisher.absolute
        files, folders = [], set()
        if self._flusher.per_file:
            files = [absolute(getattr(item, which)) for item in items]
            folders = {os.path.dirname(path) for path in files}
            folders |= {absolute(f"{self._validated}/{os.path.dirname(path)}").rstrip("/") for path in made}
        self._flusher.flush(files, folders)

    def _intend(self, items: list[PublishItem]) -> None:
        document = orjson.dumps([(*item[:-1], tuple(item.record)) for item in items]).decode()
        with transaction(self._run.connection) as connection:
            connection.execute(
                "INSERT INTO intents (run, kind, item) VALUES (?, 'publish', ?)", [self._run.seq, document]
            )

    def _publish(
        self,
        items: list[PublishItem],
        done: list[tuple[PublishItem, bool]],
        refused: list[tuple[PublishItem, str]],
    ) -> None:
        """Rename one by one; what one file alone refuses is that file's failure."""
        for item in items:
            try:
                done.append((item, self._publisher.publish(item)))
            except OSError as error:
                if is_full(error) or error.errno in _FATAL:
                    raise
                self._publisher.drop(item)
                refused.append((item, f"{error.strerror} ({error.filename or item.dest})"))

    def _undo(self, items: list[PublishItem], made: list[str], *, believable: bool) -> None:
        """Take the batch back, newest first. What cannot be taken back is settled by the next run from the intent.

        believable: flushing still means something; after an error of write-back the intent has to stay.
        """
        release_reserve(self._run.ctx)
        try:
            for item in reversed(items):
                self._publisher.take_back(item, Record._make(item.record).dest_identity[2])
            self._remove_made(made)
            if not believable:
                raise OSError(errno.EIO, "what was taken back could not be flushed")
            self._flusher.flush([], {self._publisher.absolute(self._validated)})
            with transaction(self._run.connection) as connection:
                connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
        except (OSError, sqlite3.OperationalError) as error:
            self._run.messages.append(f"the batch in hand is settled by the next run ({error})")

    def _remove_made(self, made: list[str]) -> None:
        for folder in sorted(made, key=len, reverse=True):
            try:
                os.rmdir(self._publisher.absolute(f"{self._validated}/{folder}"))
            except OSError:
                continue

    def abandon(self) -> None:
        """Remove what is staged and not published: the run stops before it."""
        for item in self._items:
            self._publisher.drop(item)
        made = self._made
        self._items, self._made, self._bytes = [], [], 0
        self._remove_made(made)

    def _record(
        self,
        done: list[tuple[PublishItem, bool]],
        refused: list[tuple[PublishItem, str]],
        others: list[Staged],
        made: list[str],
    ) -> None:
        now = timestamp(self._run.ctx.env.now())
        with transaction(self._run.connection) as connection:
            self._recorder.published(connection, done, now)
            self._recorder.refused(connection, refused, now)
            self._recorder.others(connection, others, now)
            connection.executemany(
                f"INSERT OR IGNORE INTO folders (run, path) VALUES ({self._run.seq}, ?)",
                [(f"{self._validated}/{folder}",) for folder in made],
            )
            if done or refused:
                connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
            self._run.progress_in(connection)

    def _log(
        self,
        done: list[tuple[PublishItem, bool]],
        refused: list[tuple[PublishItem, str]],
        others: Iterable[Staged],
    ) -> None:
        add = self._run.log.add
        for item, replaced in done:
            record = Record._make(item.record)
            if record.kind == "sidecar":
                add("INFO", "Sidecar copied", file=item.path, dest=item.dest)
                if record.problem:
                    add("WARNING", "Sidecar not as its schema says", file=item.path, detail=record.problem)
                continue
            detail = f"replaced, backup {item.backup}" if replaced else "published"
            add("INFO", "Processing file", file=item.path, detail=detail, dest=item.dest, checksum=item.sha256)
            if replaced:
                add("WARNING", "Source changed since it was published", file=item.path)
        for item, reason in refused:
            add("ERROR", _phrase(reason), file=item.path, detail=reason)
        for answer in others:
            path = recordable(f"{self._raw}/{answer.path}")
            self._log_other(answer, path)
        self._run.log.flush()
        self._run.ctx.env.failpoints.reach("log.written")

    def _log_other(self, answer: Staged, path: str) -> None:
        add = self._run.log.add
        if answer.kind == "revalidated":
            add("INFO", "Processing file", file=path, checksum=answer.sha256)
            add("INFO", "Revalidated, not rewritten", file=path)
        elif answer.kind == "unchanged":
            add("INFO", "already processed", file=path)
        elif answer.kind == "damaged":
            add("ERROR", "Checksum mismatch", file=path, detail=answer.reason, checksum=answer.sha256)
        elif answer.kind == "failed" and answer.verdict is not None:
            add("INFO", "Processing file", file=path, checksum=answer.sha256)
            causes: Any = [f"{cause}: {records}" for cause, records, _ in answer.verdict.causes]
            add("ERROR", "Validation failed", file=path, detail=answer.reason, errors=causes)
        elif answer.kind == "sidecar-left":
            add("WARNING", "Sidecar not copied", file=path, detail=answer.reason)
        elif answer.kind != "sidecar":
            add("ERROR", _phrase(answer.reason), file=path, detail=answer.reason)


def _phrase(reason: str) -> str:
    """The runbook's own words where a reason is one of those that it greps for."""
    for phrase in ("Permission denied", "Checksum mismatch"):
        if phrase in reason:
            return phrase
    return "Cannot publish"
