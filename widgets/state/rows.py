"""LazyRows: the rows of a list of any length; those that nobody looked at yet are asked for when they are drawn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import overload

from console.engine.observe.files_list import FileRow
from widgets.look import Cell

BLOCK = 200
KEPT = 24  # blocks
AHEAD = 60  # rows before the end of a block at which the next one is asked for


class LazyRows(Sequence[Sequence[Cell]]):
    """length: how many there are; keep_all: they are all here, none is let go.

    cells: makes a row's cells. want: called with the first position of a block that is needed."""

    def __init__(self, cells: Callable[[FileRow], Sequence[Cell]], want: Callable[[int], None]) -> None:
        self.length = 0
        self.keep_all = False
        self._cells, self._want = cells, want
        self._blocks: OrderedDict[int, Sequence[FileRow]] = OrderedDict()
        self._asked: set[int] = set()

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> Sequence[Cell]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[Cell]]: ...
    def __getitem__(self, index: int | slice) -> Sequence[Cell] | Sequence[Sequence[Cell]]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self.length))]
        row = self.row(index)
        inside = index % BLOCK
        if inside >= BLOCK - AHEAD and index - inside + BLOCK < self.length:
            self._need(index - inside + BLOCK)
        elif inside < AHEAD and index >= BLOCK:
            self._need(index - inside - BLOCK)
        return (("…", "dim"),) if row is None else self._cells(row)

    def row(self, index: int) -> FileRow | None:
        """The file at this position, None while it is not here; then it has been asked for."""
        start = index - index % BLOCK
        block = self._need(start)
        if block is None:
            return None
        at = index - start
        return block[at] if 0 <= at < len(block) else None

    def _need(self, start: int) -> Sequence[FileRow] | None:
        block = self._blocks.get(start)
        if block is not None:
            self._blocks.move_to_end(start)
        elif start not in self._asked:
            self._asked.add(start)
            self._want(start)
        return block

    def put(self, start: int, rows: Sequence[FileRow]) -> None:
        """A block that was asked for, or that came unasked."""
        self._asked.discard(start)
        self._blocks[start] = rows
        self._blocks.move_to_end(start)
        while len(self._blocks) > KEPT and not self.keep_all:
            self._blocks.popitem(last=False)

    def forget(self, start: int) -> None:
        """A block that could not be read: asked for again when it is looked at."""
        self._asked.discard(start)

    def find(self, path: str) -> int | None:
        """The position of a path among the rows that are here."""
        for start, block in self._blocks.items():
            for at, row in enumerate(block):
                if row.path == path:
                    return start + at
        return None
