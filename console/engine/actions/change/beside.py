"""Copies laid beside their destinations by a second process, while the one that holds the lock lays others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.context import Context
from console.engine.runs.pool import Pool, close_lock, divert_stderr

CHUNK = 128  # copies that are handed over together
_WEIGHT = 12.0  # of a chunk, as runs.pool counts: two are on their way

Answer = tuple[list[bool], list[str]]  # which copies lie there; folders that had to be made


def _stage(disk: Disk, changes: list[Change]) -> Answer:
    """What does not work here is tried by whoever asked, who says why: nothing is left of it."""
    there = []
    for change in changes:
        try:
            disk.stage_copy(change)
        except Exception:  # noqa: BLE001 - tried again, and then it is said
            there.append(False)
        else:
            there.append(True)
    made, disk.made = disk.made, []
    disk.close()  # by the next chunk a folder may have gone elsewhere, and its descriptor with it
    return there, made


class StageBeside:
    """Lays part files of changes that are named by an intent already. Forks: made before there is a lock to inherit."""

    def __init__(self, ctx: Context, run: str) -> None:
        """run: its id, which names the part files."""
        root, settings = str(ctx.workspace.root), ctx.settings
        lock, stderr = str(ctx.workspace.lock), ctx.workspace.run_folder(run) / "stderr"

        def make() -> Callable[[list[Change]], Answer]:
            close_lock(lock)
            divert_stderr(stderr)
            return partial(_stage, Disk(root, settings, run, lambda name: None))

        self._pool = Pool(1, make)

    def lay(
        self, chunks: list[list[Change]], beat: Callable[[], object]
    ) -> Iterator[tuple[list[Change], list[Change], list[str]]]:
        """Takes chunks off the front of the list, until there are none, as (what lies there, what could not be laid,
        folders that had to be made). Whoever does not read it to its end closes this: else parts come into being
        when nobody expects them any more. beat: called twice a second at least."""

        def tick() -> bool:
            beat()
            return False

        def given() -> Iterator[list[Change]]:
            while chunks:
                yield chunks.pop(0)

        for chunk, answer in self._pool.run(given(), tick=tick, weigh=lambda chunk: _WEIGHT):
            if isinstance(answer, tuple):
                there, made = answer
                laid = [change for change, lies in zip(chunk, there, strict=True) if lies]
                yield laid, [change for change, lies in zip(chunk, there, strict=True) if not lies], made
            else:  # it died, or broke: what it has left is written over
                yield [], chunk, []

    def close(self) -> None:
        """At once: what it is laying is named by an intent."""
        self._pool.close(kill=True)
