"""Copies laid beside their destinations by a second process, while the one that holds the lock lays others."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.context import Context
from console.engine.runs.pool import Pool, close_lock, divert_stderr
from console.engine.transfer.filesystem import BROKEN

SHARED = 64  # copies of a batch from which on two processes lay them
_CHUNK = 128  # copies that are handed over together, at most
_CHUNKS = 8  # of a batch, at least: the first one is waited for
_WEIGHT = 12.0  # of a chunk, as runs.pool counts: two are on their way

_LAID, _REFUSED = 0, -1  # and the errno of an OSError


def _lay(disk: Disk, changes: list[Change]) -> list[int]:
    """What came of each. What is refused here is tried by whoever asked, who says why."""
    found = []
    for change in changes:
        try:
            disk.stage_copy(change)
        except OSError as error:
            found.append(error.errno or _REFUSED)
        except Exception:  # noqa: BLE001 - tried again, and then it is said
            found.append(_REFUSED)
        else:
            found.append(_LAID)
    disk.made.clear()  # they are those that the intent says will have to be made
    disk.close()  # by the next chunk a folder may have gone elsewhere, and its descriptor with it
    return found


class StageBeside:
    """Lays part files of changes that are named by an intent already. Forks: made before there is a lock to inherit."""

    def __init__(self, ctx: Context, run: str) -> None:
        """run: its id, which names the part files. Raises OSError where no process can be started."""
        root, settings = str(ctx.workspace.root), ctx.settings
        lock, stderr = str(ctx.workspace.lock), ctx.workspace.run_folder(run) / "stderr"

        def make() -> Callable[[list[Change]], list[int]]:
            close_lock(lock)
            divert_stderr(stderr)
            return partial(_lay, Disk(root, settings, run, lambda name: None))

        self._pool = Pool(1, make)

    def share(
        self, puts: list[Change], own: Callable[[Change], object], laid: list[Change], beat: Callable[[], object]
    ) -> None:
        """Lay every copy: some in the other process, those go to `laid`; the rest, and what is refused there, by `own`.

        beat: called twice a second at least. Raises what `own` and `beat` raise, and OSError where a file system is
        broken; then the other process has been ended, and parts of changes in neither list may lie about.
        """
        size = max(1, min(_CHUNK, len(puts) // _CHUNKS))
        chunks = deque(puts[at : at + size] for at in range(0, len(puts), size))
        refused: list[Change] = []
        try:
            for chunk, came in self._answers(chunks, beat):
                laid += [change for change, number in zip(chunk, came, strict=True) if number == _LAID]
                refused += [change for change, number in zip(chunk, came, strict=True) if number != _LAID]
                for change, number in zip(chunk, came, strict=True):
                    if number in BROKEN:
                        raise OSError(number, os.strerror(number), change.path)
                if chunks:
                    for change in chunks.pop():  # it takes from the front, we from the end
                        own(change)
            for change in [*refused, *(change for chunk in chunks for change in chunk)]:
                own(change)
        except BaseException:
            self.close()
            raise

    def _answers(
        self, chunks: deque[list[Change]], beat: Callable[[], object]
    ) -> Iterator[tuple[list[Change], list[int]]]:
        """Hands over chunks as long as there are any. Where the process dies and no other can be started, what it had
        is refused, and `chunks` keeps the rest."""
        handed: deque[list[Change]] = deque()

        def tick() -> bool:
            beat()
            return False

        def given() -> Iterator[list[Change]]:
            while chunks:
                handed.append(chunks.popleft())
                yield handed[-1]

        answers = self._pool.run(given(), tick=tick, weigh=lambda chunk: _WEIGHT)
        try:
            for chunk, answer in answers:
                handed.remove(chunk)
                yield chunk, answer if isinstance(answer, list) else [_REFUSED] * len(chunk)  # it died over it
        except OSError:
            self.close()
        for chunk in handed:
            yield chunk, [_REFUSED] * len(chunk)

    def close(self) -> None:
        """At once: from here on no part comes into being."""
        self._pool.close(kill=True)
