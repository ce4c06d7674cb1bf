"""What stands in the folder that is shown: its folders and its files as rows, sorted and filtered."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from console.engine.observe.disk_freeing import FileOnDisk, FilesHere
from console.engine.observe.disk_tree import OTHER_FILESYSTEM, FolderRow, FolderTree
from console.engine.observe.disk_words import problem_words
from console.engine.text import count, plural, size
from widgets.look import Cell, bar, short_time

SORTS = ("size", "files", "name", "time")
BAR = 10
FOLDERS = 2000  # rows; a folder with more shows the first of them in this order


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. folder: None for a file, and for the line about files that are not named."""

    name: str
    size: int
    files: int
    frees: int
    newest: int
    folder: FolderRow | None = None
    file: FileOnDisk | None = None
    note: str = ""


def entries(tree: FolderTree, here: int, files: FilesHere | None, sort: str, text: str) -> tuple[list[Entry], int]:
    """The rows of the folder `here`, and how many folders are left out. text: a part of the name, in small letters."""
    rows = tree.inside(here, by=sort, limit=FOLDERS, text=text)
    left = tree.inside_count(here) - len(rows) if len(rows) == FOLDERS else 0
    shown = [Entry(tree.outer.get(row.id) or row.name, row.size, row.files, row.frees, row.newest, row) for row in rows]
    whole = tree.row(here)
    if files is not None:
        shown += [
            Entry(each.name, each.size, 1, each.size if each.names == 1 else 0, each.newest, None, each)
            for each in files.files
            if text in each.name.lower()
        ]
        if files.more and not text:
            note = f"({plural(files.more, 'smaller file')})"
            shown.append(Entry(note, files.more_size, files.more, files.more_size, 0, note=note))
    elif whole.own_files and not text:
        note = f"({plural(whole.own_files, 'file')} here)"
        shown.append(Entry(note, whole.own_size, whole.own_files, whole.own_size, 0, note=note))
    shown.sort(key=_key(sort))
    return shown, left


def _key(sort: str) -> Callable[[Entry], tuple[object, ...]]:
    keys: dict[str, Callable[[Entry], tuple[object, ...]]] = {
        "size": lambda entry: (-entry.size, entry.name),
        "files": lambda entry: (-entry.files, -entry.size, entry.name),
        "name": lambda entry: (bool(entry.note), entry.folder is None, entry.name),
        "time": lambda entry: (-entry.newest, entry.name),
    }
    return keys[sort]


def cells(
    shown: Sequence[Entry], whole: int, zones: Mapping[int, str], zone: tzinfo | None, now: datetime
) -> list[tuple[Cell, ...]]:
    """The rows as the table draws them. whole: bytes that are a full bar; zones: what a folder is, by its number."""
    return [_cells(entry, max(1, whole), zones, zone, now) for entry in shown]


def _cells(entry: Entry, whole: int, zones: Mapping[int, str], zone: tzinfo | None, now: datetime) -> tuple[Cell, ...]:
    full, rest = bar(entry.size / whole, BAR)
    tone = "" if entry.folder is not None else "dim"
    time = "–"
    if entry.newest > 0:
        time = short_time(_moment(entry.newest), zone, now)
    return (
        (size(entry.size), tone),
        (full + rest, "accent" if entry.folder is not None else "dim"),
        f"{min(999, 100 * entry.size / whole):.0f} %",
        (count(entry.files) if entry.folder is not None or entry.note else "", tone),
        (time, "dim"),
        _name(entry, zones),
    )


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return ""  # a file of a year that no calendar has


def _name(entry: Entry, zones: Mapping[int, str]) -> Cell:
    if entry.folder is None:
        names = f"  frees nothing: {entry.file.names} names" if entry.file is not None and entry.file.names > 1 else ""
        return (entry.name + names, "dim" if entry.note else "")
    parts = [entry.name.rstrip(os.sep) + "/"]
    label = zones.get(entry.folder.id, "")
    if label:
        parts.append(f"● {label}")
    if entry.frees != entry.size:
        parts.append(f"frees {size(entry.frees)}")
    problem = entry.folder.problem
    if problem:
        parts.append(f"! {problem_words(problem)}")
    elif entry.folder.problems:
        parts.append(f"! {plural(entry.folder.problems, 'folder')} inside not read")
    elif entry.folder.collapsed:
        parts.append("(its folders are not told apart)")
    tone = "warn" if problem and problem != OTHER_FILESYSTEM else "strong"
    return ("  ".join(parts), tone)
