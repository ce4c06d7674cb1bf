"""The reading itself, the same for a run and for a session that writes nothing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from console.engine.actions.verify.found import Bad, bad_files, record, rightly_gone
from console.engine.actions.verify.good import GoodCopies
from console.engine.actions.verify.items import Items
from console.engine.actions.verify.model import BAD, Answer, Item, State, VerifyParams, in_part
from console.engine.actions.verify.reader import DISK, DROPPED, MEMORY, FileReader
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.ledger.digests import broken_digests, ledger_problems
from console.engine.observe.doctor_ledger import odd_rows
from console.engine.runs.active import timestamp
from console.engine.runs.pool import Pool, TaskError, WorkerDied
from console.engine.text import plural

_FILES, _BYTES = 64, 32 * 1024 * 1024  # of one task
_RECORDED = 4096  # answers that are recorded together
Task = list[Item]


@dataclass(slots=True)
class Scrubbed:
    """What a verify came to. states: files by State. ledger: sentences about the ledger's own form. broken: sentences
    about runs whose rows changed. odd: manifests that say other than the ledger. how: where --readback read."""

    states: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    with_good: int = 0
    ledger: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)
    how: Counter[str] = field(default_factory=Counter)

    @property
    def files(self) -> int:
        """Files that were looked at."""
        return sum(number for state, number in self.states.items() if state != State.GONE)

    @property
    def bad(self) -> int:
        return sum(self.states[state] for state in BAD)

    @property
    def found(self) -> bool:
        """Whether something is wrong."""
        return bool(self.bad or self.ledger or self.broken or self.odd)

    def sentence(self) -> str:
        """The result in a sentence, with what to do."""
        parts = [f"{plural(self.files, 'file')} read: {plural(self.states[State.WHOLE], 'whole', 'whole')}"]
        parts += [f"{self.states[state]:,} {state}" for state in (*BAD, State.CHANGED) if self.states[state]]
        told = [", ".join(parts)]
        if self.bad:
            rest = self.bad - self.with_good
            if self.with_good:
                told.append(f"a good copy of {self.with_good:,}: `opsconsole verify --repair`")
            if rest:
                told.append(f"no good copy of {rest:,}: `opsconsole verify --repair --dry-run` names them")
        told += self.ledger[:3] + self.broken[:3] + [f"{path}: {text}" for path, text in list(self.odd.items())[:3]]
        if self.how:
            told.append(self.read_from())
        return "; ".join(told)

    def read_from(self) -> str:
        """Where --readback read."""
        words = {
            DISK: "straight from the disk (O_DIRECT)",
            DROPPED: "after the cache was dropped (posix_fadvise)",
            MEMORY: "from memory: that file system has no disk",
        }
        return ", ".join(f"{number:,} {words[how]}" for how, number in self.how.most_common())


class Scrub:
    """One pass over everything that `params` chooses. The pool's workers are forked when it is made."""

    def __init__(self, ctx: Context, params: VerifyParams, workers: int, prepare: Callable[[], None]) -> None:
        """prepare: runs first in each worker. Raises UsageError for a part that there is not."""
        self._ctx, self._params = ctx, params
        self._number, self._parts = params.part()
        self._prepare = prepare
        self.pool = Pool(workers, self._make_handler)

    def _make_handler(self) -> Callable[[Task], list[tuple[Any, ...]]]:
        self._prepare()
        reader = FileReader(self._ctx, readback=self._params.readback)
        return lambda task: [tuple(reader.read(Item(*item))) for item in task]

    def about(self, connection: sqlite3.Connection) -> int:
        """How many files that is, about."""
        return Items(self._ctx, connection, self._params.source).about() // self._parts

    def run(
        self,
        connection: sqlite3.Connection,
        seq: int,
        *,
        tick: Callable[[], bool],
        told: Callable[[int, int], None],
        commit: Callable[[list[tuple[Item, Answer]]], None],
    ) -> Scrubbed:
        """Read and compare. tick: as of Pool.run. told(files, bytes) as they are read. commit records answers.

        Raises EngineError where a worker fails.
        """
        result = Scrubbed()
        items = Items(self._ctx, connection, self._params.source)
        answers: list[tuple[Item, Answer]] = []
        for task, given in self.pool.run(self._tasks(items), tick=tick):
            for item, answer in self._answers(connection, task, given):
                result.states[answer.state] += 1
                result.bytes += answer.size
                if answer.how:
                    result.how[answer.how] += 1
                answers.append((item, answer))
            told(result.files, result.bytes)
            if len(answers) >= _RECORDED:
                commit(answers)
                answers = []
        commit(answers)
        if not self._params.source:
            result.odd = items.odd
        return result

    def _answers(self, connection: sqlite3.Connection, task: Task, given: object) -> Iterator[tuple[Item, Answer]]:
        if isinstance(given, TaskError):
            raise EngineError(f"files could not be verified: {given}", file=task[0].path)
        for place, item in enumerate(task):
            if isinstance(given, WorkerDied):
                answer = Answer(State.UNREADABLE, reason=str(given))
            else:
                assert isinstance(given, list)
                answer = Answer(*given[place])
            if answer.state == State.MISSING and rightly_gone(connection, item):
                answer = Answer(State.GONE)
            yield item, answer

    def _tasks(self, items: Items) -> Iterator[Task]:
        chunk: Task = []
        size = 0
        for item in items.all():
            if not in_part(item.path, self._number, self._parts):
                continue
            chunk.append(item)
            size += item.size
            if len(chunk) >= _FILES or size >= _BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk


def look_for_good(ctx: Context, connection: sqlite3.Connection, run: int, *, tick: Callable[[], bool]) -> Iterator[Bad]:
    """What this run found bad, with where a good copy lies."""
    good = GoodCopies(ctx, connection, run)
    for bad in bad_files(connection, run=run):
        if tick():
            break
        yield bad._replace(good=good.find(bad.zone, bad.path, bad.expected, bad.subject))
    good.close()


def check_ledger(connection: sqlite3.Connection, result: Scrubbed) -> None:
    """The ledger's own form, and the digests of all runs that ended."""
    problems = ledger_problems(connection)
    if problems:
        result.ledger.append(f"the ledger is damaged: {'; '.join(problems[:5])}: `opsconsole doctor --repair`")
        return
    for broken in broken_digests(connection):
        result.broken.append(
            f"rows of run {broken.run} changed since it ended (digest {broken.recorded[:12]}, now {broken.now[:12]}):"
            " `opsconsole doctor --repair`"
        )
    odd = odd_rows(connection)
    if odd:
        result.broken.append(
            f"{plural(len(odd), 'file')} with another checksum in the ledger than any run published, the first"
            f" {odd[0]}: `opsconsole doctor --repair`"
        )


def record_now(
    ctx: Context, connection: sqlite3.Connection, answers: list[tuple[Item, Answer]], run: int, *, mends: bool
) -> None:
    """`record` at this moment."""
    record(connection, answers, run, timestamp(ctx.env.now()), mends=mends)
