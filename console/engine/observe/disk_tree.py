"""FolderTree: what a scan found, summed up a folder; a few numbers each, whatever the number of files.

A file with several names is counted once in every folder that holds one of them, as `du` of that folder alone would.
`frees` is what removing the folder would really free: of such a file nothing, unless all its names are inside.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

ROOT = 0
BLOCK = 512  # bytes of one st_blocks
FOLDERS = 200_000  # more than these are counted with the folder above them
DEPTH = 100
LINKED = 1_000_000  # files with several names of which not all were seen yet, that are remembered at a time
OTHER_FILESYSTEM = -1  # as a problem: another file system begins here, and was not entered


@dataclass(frozen=True, slots=True)
class FolderRow:
    """One folder with everything below it. Sizes in bytes.

    size: room on disk; apparent: length of the files; frees: what its removal would free; files: names of files;
    newest: mtime of the newest file, seconds since the epoch, 0 where there is none. problem: errno of what could not
    be read in this very folder, OTHER_FILESYSTEM, or 0. problems: folders at or below it with one. collapsed: its
    folders are not told apart.
    """

    id: int
    name: str
    size: int
    apparent: int
    frees: int
    files: int
    folders: int
    newest: int
    problem: int = 0
    problems: int = 0
    collapsed: bool = False
    own_files: int = 0
    own_size: int = 0


def _numbers() -> array[int]:
    return array("q")


@dataclass(slots=True)
class _Sums:
    """Totals of each folder and everything below."""

    blocks: array[int] = field(default_factory=_numbers)
    kept: array[int] = field(default_factory=_numbers)  # blocks of files that have names elsewhere too
    bytes: array[int] = field(default_factory=_numbers)
    files: array[int] = field(default_factory=_numbers)
    folders: array[int] = field(default_factory=_numbers)
    newest: array[int] = field(default_factory=_numbers)
    problems: array[int] = field(default_factory=_numbers)


class FolderTree:
    """Folders by number, each above those inside it; ROOT is the first. Not safe for two threads that both add.

    at: when it was made (UTC, ledger form), '' while it is being made; seconds: how long that took.
    """

    def __init__(self, root: str) -> None:
        self.root = root  # absolute path
        self.at = ""
        self.seconds = 0.0
        self.inexact = False  # files with several names were too many: some are counted more than once
        self.names = [""]
        self.parents = array("i", [-1])
        self.depths = array("h", [0])
        self.blocks, self.bytes = array("q", [0]), array("q", [0])
        self.files, self.newest = array("q", [0]), array("q", [0])
        self.linked = array("q", [0])  # blocks of files with several names, as they count from here upwards
        self.linked_bytes = array("q", [0])
        self.freed = array("q", [0])  # blocks of those whose names are all here or below, and in no folder below
        self.problems: dict[int, int] = {}
        self.collapsed: set[int] = set()
        self.outer: dict[int, str] = {}  # folders that lie outside of the root: where
        self._inside: list[list[int]] = [[]]
        self._links: dict[tuple[int, int], int | list[int]] = {}  # a place, or: names seen, places
        self._sums: _Sums | None = None
        self.changed = 0  # counts up

    def __len__(self) -> int:
        return len(self.names)

    # ── making it ─────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, parent: int, name: str, outer: str = "") -> int:
        """The number of a folder inside `parent`; the parent's own where there are too many to tell apart."""
        if (len(self.names) >= FOLDERS or self.depths[parent] >= DEPTH) and not outer:
            self.collapsed.add(parent)
            return parent
        number = len(self.names)
        self.names.append(name)
        self.parents.append(parent)
        self.depths.append(self.depths[parent] + 1)
        for column in (
            self.blocks,
            self.bytes,
            self.files,
            self.newest,
            self.linked,
            self.linked_bytes,
            self.freed,
        ):
            column.append(0)
        self._inside[parent].append(number)
        self._inside.append([])
        if outer:
            self.outer[number] = outer
        return number

    def count(self, folder: int, blocks: int, size: int, files: int, newest: int, problem: int) -> None:
        """What was found in this folder itself."""
        self.blocks[folder] += blocks
        self.bytes[folder] += size
        self.files[folder] += files
        if newest > self.newest[folder]:
            self.newest[folder] = newest
        if problem and folder not in self.problems:
            self.problems[folder] = problem
        self.changed += 1

    def link(self, folder: int, device: int, inode: int, names: int, blocks: int, size: int) -> None:
        """One name of a file that has `names` of them."""
        key = (device, inode)
        seen = self._links.get(key)
        if seen is None:
            if len(self._links) < LINKED:
                self._links[key] = folder
            else:
                self.inexact = True
            self.linked[folder] += blocks
            self.linked_bytes[folder] += size
            return
        if isinstance(seen, int):
            seen = self._links[key] = [1, seen]
        seen[0] += 1
        if folder not in seen[1:]:
            # it counts here too, and not twice where the ways meet
            meeting = max((self._meet(folder, each) for each in seen[1:]), key=self.depths.__getitem__)
            self.linked[folder] += blocks
            self.linked_bytes[folder] += size
            self.linked[meeting] -= blocks
            self.linked_bytes[meeting] -= size
            seen.append(folder)
        if seen[0] >= names:
            del self._links[key]
            self.freed[self._above_all(seen[1:])] += blocks

    def _meet(self, one: int, other: int) -> int:
        """The deepest folder that holds both."""
        while one != other:
            if one > other:  # the folder above always has the smaller number
                one = self.parents[one]
            else:
                other = self.parents[other]
        return one

    def _above_all(self, places: list[int]) -> int:
        meeting = places[0]
        for each in places[1:]:
            meeting = self._meet(meeting, each)
        return meeting

    def finished(self, at: str, seconds: float) -> None:
        """Nothing more comes."""
        self.at, self.seconds = at, seconds
        self._links.clear()
        self.changed += 1
        self.sum_up()

    # ── reading it ────────────────────────────────────────────────────────────────────────────────────────────

    def sum_up(self) -> None:
        """Bring the totals up to date."""
        count = len(self.names)
        blocks = array("q", map(int.__add__, self.blocks[:count], self.linked[:count]))
        kept = array("q", map(int.__sub__, self.linked[:count], self.freed[:count]))
        size = array("q", map(int.__add__, self.bytes[:count], self.linked_bytes[:count]))
        files, newest = self.files[:count], self.newest[:count]
        folders, problems = array("q", bytes(8 * count)), array("q", bytes(8 * count))
        for number in list(self.problems):
            if number < count:
                problems[number] += 1
        parents = self.parents
        for number in range(count - 1, 0, -1):
            above = parents[number]
            blocks[above] += blocks[number]
            kept[above] += kept[number]
            size[above] += size[number]
            files[above] += files[number]
            folders[above] += folders[number] + 1
            problems[above] += problems[number]
            if newest[number] > newest[above]:
                newest[above] = newest[number]
        self._sums = _Sums(blocks, kept, size, files, folders, newest, problems)

    def row(self, number: int) -> FolderRow:
        """One folder, as the totals were when they were last summed up."""
        sums = self._totals()
        if number >= len(sums.blocks):
            return FolderRow(number, self.names[number], 0, 0, 0, 0, 0, 0)
        return FolderRow(
            number,
            self.names[number],
            sums.blocks[number] * BLOCK,
            sums.bytes[number],
            (sums.blocks[number] - sums.kept[number]) * BLOCK,
            sums.files[number],
            sums.folders[number],
            sums.newest[number],
            self.problems.get(number, 0),
            sums.problems[number],
            number in self.collapsed,
            self.files[number],
            (self.blocks[number] + self.linked[number]) * BLOCK,
        )

    def inside(self, number: int, *, by: str = "", limit: int = 0, text: str = "") -> list[FolderRow]:
        """The folders directly inside; by size, files, name or time, the largest, newest, first of them in front.

        limit: at most so many; with `by` alone. text: only those whose name holds it, in small letters.
        """
        found = list(self._inside[number])
        if text:
            found = [each for each in found if text in (self.outer.get(each) or self.names[each]).lower()]
        if by == "name":
            found = heapq.nsmallest(limit or len(found), found, key=self.names.__getitem__)
        elif by:
            sums = self._totals()
            column = {"size": sums.blocks, "files": sums.files, "time": sums.newest}[by]
            known = len(column)
            found = [each for each in found if each < known]  # the newest are counted when the totals are
            found = heapq.nlargest(limit or len(found), found, key=column.__getitem__)
        return [self.row(each) for each in found]

    def inside_count(self, number: int) -> int:
        """How many folders are directly inside."""
        return len(self._inside[number])

    def _totals(self) -> _Sums:
        if self._sums is None:
            self.sum_up()
        assert self._sums is not None
        return self._sums

    def largest(self, depth: int, limit: int, start: int = ROOT) -> list[tuple[int, FolderRow]]:
        """The folders down to `depth` below `start`, at most `limit` of them and the largest, as an outline.

        Each with its depth, the folder above before those inside it, larger before smaller.
        """
        wanted = [each for each in self._below(start, depth)]
        chosen = {start, *heapq.nlargest(limit, wanted, key=lambda each: (self.row(each).size, -each))}
        for each in list(chosen):  # nobody stands without those above
            while each != start:
                each = self.parents[each]
                chosen.add(each)
        out: list[tuple[int, FolderRow]] = []
        stack = [(0, start)]
        while stack:
            level, number = stack.pop()
            out.append((level, self.row(number)))
            rows = [self.row(each) for each in self._inside[number] if each in chosen]
            rows.sort(key=lambda row: (-row.size, row.name))
            stack += [(level + 1, row.id) for row in reversed(rows)]
        return out

    def _below(self, start: int, depth: int) -> Iterator[int]:
        level = list(self._inside[start])
        for _ in range(depth):
            yield from level
            level = [inner for each in level for inner in self._inside[each]]

    def path(self, number: int) -> str:
        """The absolute path of a folder."""
        names: list[str] = []
        while number != ROOT:
            if number in self.outer:
                return "/".join([self.outer[number], *reversed(names)])
            names.append(self.names[number])
            number = self.parents[number]
        return "/".join([self.root.rstrip("/"), *reversed(names)]) or "/"

    def find(self, path: str) -> int | None:
        """The number of the folder at this absolute path; None where the scan met none."""
        for number, place in self.outer.items():
            if path == place or path.startswith(place.rstrip("/") + "/"):
                return self._find(number, path[len(place) :])
        base = self.root.rstrip("/")
        if path != self.root and not path.startswith(base + "/"):
            return None
        return self._find(ROOT, path[len(base) :])

    def _find(self, number: int, rest: str) -> int | None:
        for name in filter(None, rest.split("/")):
            for each in self._inside[number]:
                if self.names[each] == name and each not in self.outer:
                    number = each
                    break
            else:
                return None
        return number

    def problem_paths(self, limit: int) -> list[tuple[str, int]]:
        """Folders that could not be read in full, with errno; those of other file systems not."""
        found = [(number, why) for number, why in list(self.problems.items()) if why != OTHER_FILESYSTEM]
        return [(self.path(number), why) for number, why in found[:limit]]
