"""Batches: stage, flush, record the intent, back up and rename, flush, record the outcome. DESIGN: "Durability"."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import orjson

from console.engine.actions.migrate.model import Staged
from console.engine.actions.migrate.rows import Record, Recorder, published_record
from console.engine.ledger.store import transaction
from console.engine.runs.active import ActiveRun, release_reserve, timestamp
from console.engine.runs.migration_log import Line
from console.engine.text import recordable
from console.engine.transfer.filesystem import BROKEN, Flusher, in_words, is_full
from console.engine.transfer.publish import Publisher, PublishItem

MAX_FILES = 2048
MAX_BYTES = 128 * 1024 * 1024
_LOOK = 16  # files between two looks at the thread


class RunStopped(Exception):
    """The run cannot go on; the batch in hand has been undone. `full`: for want of space."""

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.full = full


@dataclass(slots=True)
class _Batch:
    """What is published together."""

    items: list[PublishItem] = field(default_factory=list)
    others: list[Staged] = field(default_factory=list)  # revalidated, unchanged, failed: recorded with the batch
    made: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    done: list[tuple[PublishItem, bool]] = field(default_factory=list)  # renamed; whether something stood there
    refused: list[tuple[PublishItem, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.files > 0


class Batches:
    """Collects what workers staged and publishes it, a batch at a time, in a thread beside the collecting.

    A turn of that thread flushes once for two batches: the one that is staged, and the one before it, which the
    last turn renamed. One transaction then records the outcomes of that and the intent of this, and this is
    renamed. So every batch is flushed before and after its renames, at half the price.
    """

    def __init__(self, run: ActiveRun, recorder: Recorder, publisher: Publisher, flusher: Flusher) -> None:
        self._run, self._recorder, self._publisher, self._flusher = run, recorder, publisher, flusher
        zones = run.ctx.settings.zones
        self._raw, self._validated = zones.raw.rstrip("/"), zones.validated.rstrip("/")
        self._backups = f"{zones.backups.rstrip('/')}/{run.id}"
        self._batch = _Batch()
        self._renamed: _Batch | None = None  # by the last turn; not yet known to be durable, not yet recorded
        self._thread = ThreadPoolExecutor(1, "publish")
        self._turning: Future[None] | None = None
        self.holding = False  # while a brake wants to see more before the first rename

    def add(self, answer: Staged) -> None:
        """One answer of a worker. Hands the batch over when it is full; raises RunStopped."""
        batch = self._batch
        if answer.part:
            batch.items.append(self._item(answer))
            batch.bytes += answer.size
            batch.made += answer.made
        else:
            batch.others.append(answer)
        batch.files += 1
        if self._turning is not None and batch.files % _LOOK == 0 and self._turning.done():
            self._join()
        if not self.holding and (batch.files >= MAX_FILES or batch.bytes >= MAX_BYTES):
            self.hand_over()

    def _item(self, answer: Staged) -> PublishItem:
        path, validated = answer.path, self._validated
        rule = None if answer.kind == "sidecar" else self._recorder.rule_id(path)
        names = (f"{self._raw}/{path}", f"{validated}/{answer.part}", f"{validated}/{path}", f"{self._backups}/{path}")
        return PublishItem(*names, answer.sha256, answer.size, answer.replaces, published_record(answer, rule))

    @property
    def busy(self) -> bool:
        """Whether the thread is at work: whoever collects has time for something else."""
        return self._turning is not None and not self._turning.done()

    def hand_over(self) -> None:
        """What is staged is published from now on. Raises RunStopped for the batches before it, undone then."""
        self._join()
        self.holding = False
        batch, self._batch = self._batch, _Batch()
        self._turning = self._thread.submit(self._turn, batch)

    def finish(self) -> None:
        """Everything that was handed over is published, durable and recorded. Raises RunStopped, undone then."""
        self._join()
        self._turn(_Batch())

    def pause(self) -> None:
        """Return when the thread is at rest: a process may fork then."""
        if self._turning is not None:
            wait([self._turning])

    def close(self) -> None:
        """End the thread; what it had renamed and not recorded is settled from its intent by the next run."""
        self._thread.shutdown()

    def _join(self) -> None:
        turning, self._turning = self._turning, None
        if turning is not None:
            turning.result()

    def _turn(self, batch: _Batch) -> None:
        former, self._renamed = self._renamed or _Batch(), None
        reach = self._run.ctx.env.failpoints.reach
        in_hand = [former, batch]
        try:
            if batch.items:
                reach("batch.staged")
            self._flush(former, batch)
            if former.items:
                reach("batch.durable")
            if batch.items:
                reach("batch.flushed")
            self._record(former, batch)
            in_hand = [batch]
            if former:
                reach("batch.recorded")
            if batch.items:
                reach("batch.intended")
                self._publish(batch)
                reach("batch.renamed")
            self._renamed = batch
        except (OSError, sqlite3.OperationalError) as error:
            self._undo(in_hand, believable=getattr(error, "errno", 0) not in BROKEN)
            full = is_full(error) if isinstance(error, OSError) else "full" in str(error)
            raise RunStopped(in_words(error), full=full) from error
        finally:
            if former and in_hand[0] is batch:
                self._log(former)

    def _flush(self, former: _Batch, batch: _Batch) -> None:
        """What `former` renamed and what of `batch` is staged, durable on return."""
        if not (former.done or batch.items):
            return
        absolute = self._publisher.absolute
        files, folders = [], set()
        if self._flusher.per_file:
            files = [absolute(item.dest) for item, _ in former.done] + [absolute(item.part) for item in batch.items]
            folders = {os.path.dirname(path) for path in files}
            made = former.made + batch.made
            folders |= {absolute(f"{self._validated}/{os.path.dirname(path)}").rstrip("/") for path in made}
        self._flusher.flush(files, folders)

    def _publish(self, batch: _Batch) -> None:
        """Rename one by one; what one file alone refuses is that file's failure."""
        for item in batch.items:
            try:
                batch.done.append((item, self._publisher.publish(item)))
            except OSError as error:
                if is_full(error) or error.errno in BROKEN:
                    raise
                self._publisher.take_back(item, 0)  # the part, and the backup's name where it had been linked
                batch.refused.append((item, f"{error.strerror} ({error.filename or item.dest})"))

    def _undo(self, batches: list[_Batch], *, believable: bool) -> None:
        """Take batches back, newest first. What cannot be taken back is settled by the next run from the intent.

        believable: flushing still means something; after an error of write-back the intent has to stay.
        """
        release_reserve(self._run.ctx)
        try:
            for batch in reversed(batches):
                for item in reversed(batch.items):
                    self._publisher.take_back(item, Record._make(item.record).dest_identity[2])
                self._remove_made(batch.made)
            if not believable:
                raise OSError(errno.EIO, "what was taken back could not be flushed")
            self._flusher.flush([], {self._publisher.absolute(self._validated)})
            with self._run.guard, transaction(self._run.connection) as connection:
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
        """Remove what is staged and not handed over: the run stops before it."""
        batch, self._batch = self._batch, _Batch()
        for item in batch.items:
            self._publisher.drop(item)
        self._remove_made(batch.made)

    def _record(self, former: _Batch, batch: _Batch) -> None:
        """The outcomes of `former` and the intent of `batch`, together: one flush of the ledger."""
        if not (former or batch.items):
            return
        now = timestamp(self._run.ctx.env.now())
        with self._run.guard, transaction(self._run.connection) as connection:
            self._recorder.published(connection, former.done, now)
            self._recorder.refused(connection, former.refused, now)
            self._recorder.others(connection, former.others, now)
            connection.executemany(
                f"INSERT OR IGNORE INTO folders (run, path) VALUES ({self._run.seq}, ?)",
                # with the intent: who recovers this run could not know them
                [(f"{self._validated}/{folder}",) for folder in (*former.made, *batch.made)],
            )
            if former.items:
                connection.execute("DELETE FROM intents WHERE run = ?", [self._run.seq])
            if batch.items:
                document = orjson.dumps([(*item[:-1], tuple(item.record)) for item in batch.items]).decode()
                connection.execute(
                    "INSERT INTO intents (run, kind, item) VALUES (?, 'publish', ?)", [self._run.seq, document]
                )
            self._run.progress_in(connection)

    def _log(self, batch: _Batch) -> None:
        with self._run.log.one_moment():
            self._run.log.add_block(_lines(batch.done))
            for item, reason in batch.refused:
                self._run.log.add("ERROR", _phrase(reason), file=item.path, detail=reason)
            for answer in batch.others:
                self._log_other(answer, recordable(f"{self._raw}/{answer.path}"))
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
            mismatch = answer.reason.startswith("Checksum mismatch")
            level, said = ("ERROR", "Checksum mismatch") if mismatch else ("WARNING", "Sidecar not copied")
            add(level, said, file=path, detail=answer.reason)
        elif answer.kind != "sidecar":
            add("ERROR", _phrase(answer.reason), file=path, detail=answer.reason)


def _lines(done: Iterable[tuple[PublishItem, bool]]) -> Iterator[Line]:
    """What the log says of files and sidecars that were renamed into place."""
    for item, replaced in done:
        if item.record[0] == "sidecar":
            yield "INFO", "Sidecar copied", {"file": item.path, "dest": item.dest}
            problem = item.record[-1]
            if problem:
                yield "WARNING", "Sidecar not as its schema says", {"file": item.path, "detail": problem}
            continue
        detail = f"replaced, backup {item.backup}" if replaced else "published"
        fields = {"file": item.path, "detail": detail, "dest": item.dest, "checksum": item.sha256}
        yield "INFO", "Processing file", fields
        if replaced:
            yield "WARNING", "Source changed since it was published", {"file": item.path}


def _phrase(reason: str) -> str:
    """The runbook's own words where a reason is one of those that it greps for."""
    for phrase in ("Permission denied", "Checksum mismatch"):
        if phrase in reason:
            return phrase
    return "Cannot publish"
