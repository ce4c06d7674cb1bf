"""The tasks that workers are given: whole folders, about as much as a few hundredths of a second's work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from console.engine.actions.migrate.model import Group, PackedGroup, Staged, pack_groups

_CHUNK_FILES = 64
_CHUNK_BYTES = 16 * 1024 * 1024

Task = tuple[str, Any]


def chunks(groups: Iterable[PackedGroup]) -> Iterator[Task]:
    """Whole folders, about as much as a worker does in a few hundredths of a second."""
    chunk: list[PackedGroup] = []
    files = size = 0
    for group in groups:
        chunk.append(group)
        files += len(group[1]) + 1
        for candidate in group[1]:
            size += candidate[2]
        if files >= _CHUNK_FILES or size >= _CHUNK_BYTES:
            yield "stage", chunk
            chunk, files, size = [], 0, 0
    if chunk:
        yield "stage", chunk


def weight(task: Task) -> float:
    """A chunk of large files counts as several: what is staged ahead of a batch stays under 100 MB a worker."""
    size: int = sum(candidate[2] for group in task[1] for candidate in group[1])
    return max(1.0, size / 4_000_000)


def changed_since_plan(path: str, identity: tuple[int, int, int]) -> Staged:
    return Staged(path, "changed-since-plan", *identity, reason="it changed after the plan was made; left alone")


def split_chunk(groups: list[Group], reason: str, split: deque[Task]) -> list[Staged]:
    """A chunk whose worker died twice: its files one by one; a file that does it alone is to blame."""
    if sum(len(group.candidates) for group in groups) <= 1:
        return [
            Staged(c.path, "unreadable", *c[2:5], reason=f"{reason} (out of memory?)")
            for group in groups
            for c in group.candidates
        ]
    for group in groups:
        for number, candidate in enumerate(group.candidates):
            alone = group._replace(candidates=[candidate], sidecar=group.sidecar if number == 0 else None)
            split.append(("stage", pack_groups([alone])))
    return []
