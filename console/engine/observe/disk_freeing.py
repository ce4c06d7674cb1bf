"""What could be freed: backups run by run and closed log segments, as a scan counted them; and one folder's files."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.observe.disk_scan import zone_places
from console.engine.observe.disk_tree import BLOCK, FolderRow, FolderTree

FILES = 500  # files of one folder that are named; the rest is counted
_CLOSED = re.compile(r".*\.(?:log|json)\.\d+(?:\.gz)?")


@dataclass(frozen=True, slots=True)
class Freeing:
    """Sizes in bytes. backups: a row each folder in the backups zone, the newest name first. backups_frees: by removing
    them all. logs_frees: by archiving closed (rotated) segments, `segments` of them. None: not scanned."""

    backups: tuple[FolderRow, ...] = ()
    backups_size: int | None = None
    backups_frees: int = 0
    logs_size: int | None = None
    logs_frees: int = 0
    segments: int = 0


def freeing(ctx: Context, tree: FolderTree) -> Freeing:
    """What the tree says of backups and logs; lists the log folder itself. Raises nothing."""
    places = zone_places(ctx)
    backups, logs = tree.find(places["backups"]), tree.find(places["logs"])
    runs = sorted(tree.inside(backups), key=lambda row: row.name, reverse=True) if backups is not None else []
    whole = tree.row(backups) if backups is not None else None
    frees, segments = _segments(places["logs"])
    return Freeing(
        tuple(runs),
        whole.size if whole else None,
        _all_frees(tree, whole, runs),
        tree.row(logs).size if logs is not None else None,
        frees,
        segments,
    )


def _all_frees(tree: FolderTree, whole: FolderRow | None, runs: list[FolderRow]) -> int:
    """What removing all runs frees: what each frees, and files with names in several of them."""
    if whole is None:
        return 0
    if whole.collapsed:
        return whole.frees
    return sum(row.frees for row in runs) + max(0, tree.freed[whole.id]) * BLOCK


def _segments(folder: str) -> tuple[int, int]:
    """Bytes that closed log segments hold alone, and how many there are."""
    size = number = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _CLOSED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    number += 1
                    size += found.st_blocks * BLOCK if found.st_nlink == 1 else 0
    except OSError:
        return size, number
    return size, number


@dataclass(frozen=True, slots=True)
class FileOnDisk:
    """Sizes in bytes; newest: mtime; names: how many names the file has."""

    name: str
    size: int
    apparent: int
    newest: int
    names: int


@dataclass(frozen=True, slots=True)
class FilesHere:
    """The largest files of one folder, and how many more with which size together."""

    files: tuple[FileOnDisk, ...]
    more: int
    more_size: int


def files_in(path: str, *, cancelled: Callable[[], bool] = lambda: False, limit: int = FILES) -> FilesHere | None:
    """The files directly in a folder, the largest first; None when cancelled() became true. Raises EngineError."""
    largest: list[tuple[int, str, FileOnDisk]] = []
    more = more_size = seen = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                seen += 1
                if seen % 1000 == 0 and cancelled():
                    return None
                try:
                    if entry.is_dir(follow_symlinks=False):
                        continue
                    at = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                size = at.st_blocks * BLOCK
                item = (size, entry.name, FileOnDisk(entry.name, size, at.st_size, int(at.st_mtime), at.st_nlink))
                if len(largest) < limit:
                    heapq.heappush(largest, item)
                    continue
                least = heapq.heappushpop(largest, item)
                more, more_size = more + 1, more_size + least[0]
    except OSError as error:
        raise EngineError(f"the folder cannot be read: {error.strerror}", file=path) from error
    return FilesHere(tuple(item for _, _, item in sorted(largest, reverse=True)), more, more_size)
