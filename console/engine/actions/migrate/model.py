"""What travels between the scan, the workers and the batches of a migrate. Tuples: they are pickled by the thousand.

Paths of raw files are relative to the raw zone here, with `/`.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from console.engine.records.model import Verdict


class Candidate(NamedTuple):
    """A raw file that the run will read."""

    path: str
    status: str  # model.FileStatus, or 'check' with --checksum
    size: int
    mtime_ns: int
    inode: int
    known_sha256: str = ""  # what the ledger has of it
    known_identity: tuple[int, int, int] | None = None  # size, mtime_ns, inode then
    known_dest: tuple[int, int, int] | None = None  # identity of the published copy then


class Group(NamedTuple):
    """The candidates of one folder: they share its sidecar, which goes with the first one that is published."""

    folder: str
    candidates: list[Candidate]
    sidecar: Candidate | None
    sidecar_alone: bool  # something of this folder is published already: the sidecar goes in any case


# A Group as plain tuples, its parts in the same order: pickled and unpickled in a quarter of the time.
PackedGroup = tuple[str, list[tuple[Any, ...]], tuple[Any, ...] | None, bool]


class Groups:
    """Many groups in little memory: kept pickled, some at a time; gone through in the order of their folders.

    What is handed to `extend` is in that order already, one source at a time.
    """

    _TOGETHER = 256

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self._packed: list[tuple[str, bytes]] = []  # the first folder, the groups
        self._count = 0
        self.extend(pack_groups(groups))

    def extend(self, groups: list[PackedGroup]) -> None:
        for start in range(0, len(groups), self._TOGETHER):
            some = groups[start : start + self._TOGETHER]
            self._packed.append((some[0][0], pickle.dumps(some, protocol=pickle.HIGHEST_PROTOCOL)))
        self._count += len(groups)

    def __iter__(self) -> Iterator[Group]:
        return unpack_groups(self.packed())

    def packed(self) -> Iterator[PackedGroup]:
        """The groups as they are kept: for those who look at each and need no names for its parts."""
        self._packed.sort(key=lambda packed: packed[0])
        for _, data in self._packed:
            yield from pickle.loads(data)

    def __len__(self) -> int:
        return self._count


class SourceScan(NamedTuple):
    """What one source holds, compared with the ledger."""

    source: str
    files: int  # data files there
    groups: list[PackedGroup]
    counts: dict[str, int]
    ignored: list[tuple[str, str]]
    unreadable: list[tuple[str, str]]
    vanished: list[str]
    altered: list[str]  # published copies that somebody changed
    unchanged: list[str]  # the first few found unchanged, for the log


class Facts(NamedTuple):
    """What the ledger keeps of a verdict that was good."""

    records: int = 0
    format: str = "json"
    columns: tuple[str, ...] = ()
    warnings: int = 0


def facts_of(verdict: Verdict) -> Facts:
    warnings = sum(number for _, number in verdict.warnings) if verdict.warnings else 0
    return Facts(verdict.records, verdict.format, verdict.columns, warnings)


class Staged(NamedTuple):
    """What a worker says of one file."""

    path: str
    kind: str  # staged revalidated unchanged failed unreadable damaged changed-while-read full sidecar skipped
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0  # -1: read too soon after it was written for its identity to be trusted
    sha256: str = ""
    facts: Facts = Facts()
    verdict: Verdict | None = None  # of a file that failed
    part: str = ""  # relative to the validated zone
    dest_identity: tuple[int, int, int] = (0, 0, 0)
    replaces: str = ""  # sha256 of what stands at the destination
    made: tuple[str, ...] = ()  # folders made, relative to the validated zone
    reason: str = ""
    problem: str = ""  # a sidecar that its schema refuses


def pack_answers(answers: list[Staged]) -> list[tuple[Any, ...]]:
    """Answers as plain tuples: pickled and unpickled in a quarter of the time."""
    return [(*answer[:6], tuple(answer.facts), *answer[7:]) for answer in answers]


def unpack_answers(packed: list[tuple[Any, ...]]) -> list[Staged]:
    """What `pack_answers` was given."""
    make = tuple.__new__  # as _make, which counts the fields first
    return [make(Staged, (*answer[:6], make(Facts, answer[6]), *answer[7:])) for answer in packed]


def pack_groups(groups: Iterable[Group]) -> list[PackedGroup]:
    """Groups as plain tuples."""
    return [
        (folder, [tuple(candidate) for candidate in candidates], sidecar and tuple(sidecar), alone)
        for folder, candidates, sidecar, alone in groups
    ]


def unpack_groups(packed: Iterable[PackedGroup]) -> Iterator[Group]:
    """What `pack_groups` was given."""
    make = tuple.__new__
    for folder, candidates, sidecar, alone in packed:
        its = make(Candidate, sidecar) if sidecar else None
        yield Group(folder, [make(Candidate, candidate) for candidate in candidates], its, alone)
