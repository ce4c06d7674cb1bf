"""A change of one name of the workspace, and a plan made of such changes, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from console.engine.errors import LedgerError
from console.engine.model import ActionParams, GateItem
from console.engine.text import keepable, on_disk, plural

Row = tuple[str, str, dict[str, Any] | None]  # table, key, the row as it will be (None: there will be none)


class Change(NamedTuple):
    """One name that changes, as its intent records it (a JSON array, in this order). Paths relative to the root.

    put: `path` gets the bytes of `source`, as a new file; what stands there goes to `keep`.
    take: what stands at `path` goes to `keep`, where nothing may stand.
    note: nothing on the disk, only `rows`; path and keep are ''.
    mode: the file or folder at `path` gets the permissions `after`; `before` are those it has (permissions_text).
    """

    kind: str  # put | take | mode | note
    path: str
    keep: str  # '' where nothing stands at `path`
    source: str  # put only
    before: str  # sha256 of what stands at `path`, '' for nothing
    after: str  # sha256 of what will stand there, '' for nothing
    size: int  # bytes of the file that is put or taken
    outcome: str  # model.Outcome
    subject: str  # the file that it is about, most often the raw one
    reason: str = ""
    rows: list[Row] = []  # noqa: RUF012 - what the ledger says once it is done; never changed
    mode: int = -1  # of the file that put makes; -1: as `source` has it
    mtime_ns: int = -1


def packed(change: Change) -> tuple[Any, ...]:
    """A change as its intent keeps it: names that are no UTF-8 as text that JSON can hold."""
    if f"{change.path}{change.keep}{change.source}{change.subject}".isascii():  # as nearly always
        return tuple(change)
    return tuple(_renamed(change, keepable))


def unpacked(item: Sequence[Any]) -> Change:
    """What `packed` was given."""
    return _renamed(Change(*item), on_disk)


def _renamed(change: Change, name: Callable[[str], str]) -> Change:
    return change._replace(
        path=name(change.path), keep=name(change.keep), source=name(change.source), subject=name(change.subject)
    )


class Left(NamedTuple):
    """A file with which nothing is done, and why."""

    subject: str
    dest: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One line of a plan. what: restore remove archive return repair … ; detail: from where, to where."""

    path: str
    what: str
    detail: str = ""
    size: int = 0


NAMED = 1000  # changes and files left alone that a plan lists; the others are counted


@dataclass(slots=True)
class ChangePlan:
    """What an action would do, computed without changing anything; the same form for every action of this kind.

    facts: what is read first, label and value. items, left, kept: the first NAMED of each; left: what could not be
    changed, kept: what is not meant to. counts: keys as model.Counts
    where they exist there. unsettled: files of a batch that a run which died left; only once it is settled is it known
    how many of them change. undo: how it is taken back, or that it cannot be. word: what has to be typed, '' nothing.
    """

    action: str
    params: ActionParams
    command: str
    made_at: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    items: list[PlannedChange] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    files: int = 0  # how many would change
    unsettled: int = 0
    unread: LedgerError | None = None  # why the ledger does not load: what would change is not known then
    left_files: int = 0
    kept_files: int = 0
    bytes: int = 0
    undo: str = ""
    word: str = ""
    notes: list[str] = field(default_factory=list)
    gate: list[GateItem] = field(default_factory=list)
    recovery: list[str] = field(default_factory=list)
    binding: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> list[GateItem]:
        return [item for item in self.gate if item.refuses]

    @property
    def unsettled_words(self) -> str:
        """What is said of those files; '' where there are none."""
        up_to = f"up to {plural(self.unsettled, 'file')} that it had in hand when it stopped"
        return f"{up_to}: how many is known once it is settled, which comes first" if self.unsettled else ""

    def add(self, item: PlannedChange, counted: str) -> None:
        """One more change, counted under `counted`."""
        self.files += 1
        self.bytes += item.size
        self.counts[counted] = self.counts.get(counted, 0) + 1
        if len(self.items) < NAMED:
            self.items.append(item)

    def keep(self, path: str, reason: str) -> None:
        """One more that stays on purpose."""
        self.kept_files += 1
        if len(self.kept) < NAMED:
            self.kept.append((path, reason))

    def leave(self, path: str, reason: str) -> None:
        """One more file that is left as it is."""
        self.left_files += 1
        self.counts["left_alone"] = self.left_files
        if len(self.left) < NAMED:
            self.left.append((path, reason))
