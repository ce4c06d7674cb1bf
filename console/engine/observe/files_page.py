"""Lists of files by position, in any order, of any length: a million rows without loading them.

In the order of paths a list is surveyed once in pieces of the path index, and only where each piece begins is kept;
in every other order the ids are, eight bytes a file. Rows are read when they are looked at. A list is of the moment
at which it was surveyed; what a run changes meanwhile shows in its rows, and a new list finds what came.
"""

from __future__ import annotations

import heapq
import sqlite3
from array import array
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from operator import itemgetter
from queue import SimpleQueue
from types import EllipsisType
from typing import Any

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.observe.files_list import (
    FileRow,
    current_rules,
    file_queries,
    file_row,
    selection,
    status_filter,
    storable,
)

PIECE = 2000  # files from one kept place to the next
PIECE_OF_HITS = 500  # the same where a filter leaves gaps between them
FIRST = 200  # rows that are read with the survey, before it goes on
FEW = 5000  # hits of a filter that are kept one by one: to find them again would be to look through everything
PARTS = 16  # of all paths; whoever filters looks through two at once, and shows FIRST hits as soon as they are found
_CHUNK = 5000  # ids at a time
ORDERS = ("path", "records", "errors", "size", "at")  # at: when it was last judged


@dataclass(frozen=True, slots=True)
class FileQuery:
    """Which files, in which order. status, source, filter: as list_files has them. cause: files that fail for it
    (`required:date`), answered for or not. since: those that a run did something to which ended after that time
    (UTC, the ledger's form). order: one of ORDERS. descending: the other way round; paths within stay ascending.
    """

    status: str = ""
    source: str = ""
    filter: str = ""
    cause: str = ""
    since: str = ""
    order: str = "path"
    descending: bool = False

    @property
    def by_index(self) -> bool:
        """Whether the index of paths alone answers it."""
        return not (self.status or self.cause or self.since or self.descending) and self.order == "path"


_Paths = list[tuple[str, int]]  # path, id


class Cancelled(Exception):
    """Another list is wanted by now."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """The files behind the path `after`; rank: how many are before them."""

    after: str
    rank: int


class Listing:
    """One list. `survey` it once in a thread; `rows` from any thread, at any time.

    count: rows that are known by now; complete: they are all. first: the first rows, as soon as there are any.
    """

    def __init__(
        self, ctx: Context, query: FileQuery, rules: list[int] | EllipsisType | None = ..., marks: Sequence[str] = ()
    ) -> None:
        """rules: what current_rules said, where it is known already. marks: those of an earlier list. Raises
        UsageError for another status or order.
        """
        if query.order not in ORDERS:
            raise UsageError(f"files are not listed by {query.order!r}", next_step="one of: " + ", ".join(ORDERS))
        self.query = query
        self.count = 0
        self.complete = False
        self.first: tuple[FileRow, ...] = ()
        self.rules = rules
        self._ctx = ctx
        self._wanted = status_filter(query.status)
        self._where, self._values = selection(ctx, query.source, query.filter, "")
        self._values["status"] = self._wanted
        if query.cause:
            self._where += (
                " AND §.path IN (SELECT y.path FROM failure_causes c JOIN failures y ON y.id = c.failure"
                " WHERE c.cause = :cause)"
            )
            self._values["cause"] = storable(query.cause)
        if query.since:
            self._where += (
                " AND §.path IN (SELECT o.path FROM runs r JOIN outcomes o ON o.run = r.seq WHERE r.ended_at > :since)"
            )
            self._values["since"] = query.since
        self._pieces: list[_Piece] = []
        self._ids = array("q")
        self._few = False
        self._piece = PIECE_OF_HITS if query.filter else PIECE
        self._cancelled = self._enough = False
        self._connections: list[sqlite3.Connection] = []
        self._marks = tuple(marks)

    @property
    def marks(self) -> tuple[str, ...]:
        """Paths that cut all files into parts of about one length, as far as this list knows any."""
        if self.query != FileQuery() or not self.complete:
            return self._marks
        step = max(1, len(self._pieces) // PARTS)
        return tuple(piece.after for piece in self._pieces[step::step])

    # ── once ──────────────────────────────────────────────────────────────────────────────────────────────────

    def cancel(self) -> None:
        """Stop the survey, from any thread; it raises Cancelled."""
        self._cancelled = self._enough = True
        self._interrupt(self._connections)

    @staticmethod
    def _interrupt(connections: Sequence[sqlite3.Connection]) -> None:
        for connection in list(connections):
            with suppress(sqlite3.ProgrammingError):  # it closed at this moment
                connection.interrupt()

    def survey(self, progress: Callable[[Listing], None] = lambda listing: None) -> None:
        """Find out how many files there are and where. progress: called when `first` is there and as `count` grows.

        Raises Cancelled, LedgerError.
        """
        with reading(self._ctx.workspace.ledger) as connection:
            if connection is not None:
                self._connections.append(connection)
                try:
                    self._survey(connection, progress)
                except sqlite3.OperationalError:
                    if self._cancelled:
                        raise Cancelled from None
                    raise
                finally:
                    self._connections.remove(connection)
        self.complete = True
        progress(self)

    def _survey(self, connection: sqlite3.Connection, progress: Callable[[Listing], None]) -> None:
        if self.rules is ...:
            self.rules = current_rules(self._ctx, connection)
        found = self._by_index(connection) if self.query.by_index else self._by_ids(connection)
        with closing(found):  # it may have a thread
            for count in found:
                if self._cancelled:
                    raise Cancelled
                self.count = count
                progress(self)

    def _queries(self, where: str = "1", status: str = "") -> tuple[str, str]:
        rules = self.rules if isinstance(self.rules, list) else None
        return file_queries(rules, f"{self._where} AND {where}", status)

    # ── in the order of paths ─────────────────────────────────────────────────────────────────────────────────

    def _paths(
        self, connection: sqlite3.Connection, which: int, after: str, limit: int, upto: str | None = None
    ) -> _Paths:
        """The next paths, with their ids, of one of the two queries."""
        bound = "§.path > :after" + ("" if upto is None else " AND §.path <= :upto")
        values = self._values | {"after": after, "upto": upto, "limit": limit}
        query = self._queries(bound)[which]
        rows = connection.execute(f"SELECT path, id FROM ({query}) LIMIT :limit", values)
        return [(row[0], row[1]) for row in rows]

    def _counts(
        self, connection: sqlite3.Connection, which: int, after: str, upto: str | None, limit: int
    ) -> tuple[int, str]:
        """How many there are in a range of paths, at most `limit`, and the last of these."""
        bound = "§.path > :after" + ("" if upto is None else " AND §.path <= :upto")
        values = self._values | {"after": after, "upto": upto, "limit": limit}
        query = self._queries(bound)[which]
        row = connection.execute(
            f"SELECT count(*), max(path) FROM (SELECT path FROM ({query}) LIMIT :limit)", values
        ).fetchone()
        return row[0], row[1] or ""

    def _by_index(self, connection: sqlite3.Connection) -> Generator[int, None, None]:
        limit = FEW if self.query.filter else FIRST
        self._pieces = [_Piece("", 0)]
        failed: _Paths | None = None
        published: _Paths = []
        for found in self._published(connection, limit):
            published += found
            if failed is None:  # by now another thread looks, too
                failed = self._paths(connection, 1, "", limit)
            if not self.first and len(published) >= FIRST:
                yield self._begin(connection, _merged([published, _upto(failed, published[-1][0])]))
        assert failed is not None
        merged = _merged([published, failed])
        if len(published) < limit and len(failed) < limit:
            self._few = True
            yield self._take(connection, [number for _, number in merged])
            return
        if not self.first:
            yield self._begin(connection, merged)
        after, rank = "", 0
        while True:
            here, last = self._counts(connection, 0, after, None, self._piece)
            upto = last if here == self._piece else None
            for piece in self._split(connection, after, upto, here):
                rank += piece
                yield max(rank, len(self.first))
            if upto is None:
                return
            after = upto
            self._pieces.append(_Piece(after, rank))

    def _published(self, connection: sqlite3.Connection, limit: int) -> Iterator[_Paths]:
        """The first paths that are published, at least `limit` where there are so many, in order and as they are
        found. Whoever filters waits for a look at every path: two threads share it, part by part.
        """
        if not self.query.filter or not self._marks:
            yield self._paths(connection, 0, "", limit)
            return
        head = self._paths(connection, 0, "", FIRST, self._marks[0])
        begin, whole = "", len(head) < FIRST
        if not whole:  # most paths hold it: these are shown before another thread wants Python's lock
            yield head
            begin = head[-1][0]
        parts = list(zip((begin, *self._marks), (*self._marks, None), strict=True))
        others: SimpleQueue[_Paths | Exception] = SimpleQueue()
        with ThreadPoolExecutor(1, "filter") as pool:
            pool.submit(self._every_other, parts[1::2], limit, others)
            had = 0
            try:
                for at, (after, upto) in enumerate(parts):
                    if at % 2:
                        found = others.get()
                    elif at or not whole:
                        found = self._paths(connection, 0, after, limit, upto)
                    else:
                        found = head
                    if isinstance(found, Exception):
                        raise found
                    yield found
                    had += len(found)
                    if had >= limit:
                        return
            finally:
                self._enough = True
                self._interrupt([other for other in self._connections if other is not connection])

    def _every_other(
        self, parts: Sequence[tuple[str, str | None]], limit: int, found: SimpleQueue[_Paths | Exception]
    ) -> None:
        """In a thread: what is published in these parts of all paths, until there is enough; or why it is not known."""
        try:
            with reading(self._ctx.workspace.ledger) as connection:
                if connection is None:  # it was there a moment ago
                    for _ in parts:
                        found.put([])
                    return
                self._connections.append(connection)
                try:
                    for after, upto in parts:
                        if self._enough:
                            raise Cancelled
                        found.put(self._paths(connection, 0, after, limit, upto))
                finally:
                    self._connections.remove(connection)
        except Exception as error:  # noqa: BLE001 - whoever waits hears of it
            found.put(Cancelled() if self._cancelled else error)

    def _split(self, connection: sqlite3.Connection, after: str, upto: str | None, published: int) -> Iterator[int]:
        """The sizes of pieces of a range that has so many published files, and any number that only ever failed."""
        rank = self._pieces[-1].rank
        while True:
            failed, last = self._counts(connection, 1, after, upto, self._piece)
            if failed < self._piece:
                yield published + failed
                return
            here = self._counts(connection, 0, after, last, -1)[0] if published else 0
            published -= here
            rank += here + failed
            yield here + failed
            after = last
            self._pieces.append(_Piece(after, rank))

    # ── in every other order, and by what the index does not know ─────────────────────────────────────────────

    def _by_ids(self, connection: sqlite3.Connection) -> Generator[int, None, None]:
        queries = self._queries(status=self._wanted)
        rows: Iterator[Sequence[Any]]
        if self.query.order == "path" and not self.query.descending:
            streams = [connection.execute(f"SELECT path, id FROM ({query})", self._values) for query in queries]
            rows = heapq.merge(*streams, key=itemgetter(0))
        else:
            way = "DESC" if self.query.descending else "ASC"
            key = self.query.order
            both = " UNION ALL ".join(f"SELECT id, path, {key} AS key FROM ({query})" for query in queries)
            rows = connection.execute(f"SELECT path, id FROM ({both}) ORDER BY key {way}, path {way}", self._values)
        chunk: list[int] = []
        for row in rows:
            chunk.append(row[1])
            if len(chunk) >= (_CHUNK if self._ids else FIRST):
                yield self._take(connection, chunk)
                chunk = []
        yield self._take(connection, chunk)

    def _begin(self, connection: sqlite3.Connection, found: _Paths) -> int:
        self.first = tuple(self._read_ids(connection, [number for _, number in found[:FIRST]]))
        return len(self.first)

    def _take(self, connection: sqlite3.Connection, chunk: list[int]) -> int:
        if not self._ids and not self.first:
            self.first = tuple(self._read_ids(connection, chunk[:FIRST]))
        self._ids.extend(chunk)
        return len(self._ids)

    # ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self, start: int, number: int) -> list[FileRow]:
        """So many rows from this position on; fewer at the end, and where files are not listed any more.

        Raises LedgerError.
        """
        if start + number <= len(self.first):
            return list(self.first[start : start + number])
        with reading(self._ctx.workspace.ledger) as connection:
            if connection is None:
                return []
            if self._few or not self.query.by_index:
                return self._read_ids(connection, self._ids[start : start + number])
            piece = self._pieces[max(0, bisect_right(self._pieces, start, key=lambda piece: piece.rank) - 1)]
            skip = start - piece.rank
            merged = _merged([self._paths(connection, which, piece.after, skip + number) for which in (0, 1)])
            return self._read_ids(connection, [number for _, number in merged[skip : skip + number]])

    def _read_ids(self, connection: sqlite3.Connection, ids: Sequence[int]) -> list[FileRow]:
        rules = self.rules if isinstance(self.rules, list) else None
        found: dict[int, FileRow] = {}
        for which, sign in ((0, 1), (1, -1)):
            some = ", ".join(str(abs(number)) for number in ids if number * sign > 0)
            if some:
                query = file_queries(rules, f"§.id IN ({some})")[which]
                found |= {row["id"]: file_row(row) for row in connection.execute(query, self._values)}
        return [found[number] for number in ids if number in found]

    def place(self, path: str) -> int | None:
        """Where a path stands, or would stand, in a list in the order of paths; None in another order, or when the
        survey has not come so far.

        Raises LedgerError.
        """
        path = storable(path)
        if not self.query.by_index or not self._pieces:
            return None
        at = bisect_right(self._pieces, path, key=lambda piece: piece.after) - 1
        if at == len(self._pieces) - 1 and not self.complete:
            return None
        piece = self._pieces[max(0, at)]
        with reading(self._ctx.workspace.ledger) as connection:
            if connection is None:
                return None
            before = [self._counts(connection, which, piece.after, path, -1)[0] for which in (0, 1)]
        return max(0, piece.rank + sum(before) - 1)


def _upto(paths: _Paths, last: str) -> _Paths:
    return [path for path in paths if path[0] <= last]


def _merged(streams: Sequence[_Paths]) -> _Paths:
    """Two lists sorted by path as one; code points sort as their UTF-8 does, which is how SQLite compares."""
    return list(heapq.merge(*streams)) if all(streams) else streams[0] or streams[1]
