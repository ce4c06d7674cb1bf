"""What verify is asked to do, what it reads, and what it says of each file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from console.engine.errors import UsageError
from console.engine.model import ActionParams

ZONES = ("raw", "validated", "backups", "archive")


class State(StrEnum):
    """What reading a file said. `BAD` are those that a repair mends."""

    WHOLE = "whole"
    DAMAGED = "damaged"  # other bytes than were recorded
    MISSING = "missing"
    UNREADABLE = "unreadable"  # the system refuses to read it
    CHANGED = "changed"  # raw: another identity than at first sight; the next migrate judges it
    GONE = "gone"  # rightly not there: archived, withdrawn, or never published; nothing is recorded of it


BAD = (State.DAMAGED, State.MISSING, State.UNREADABLE)
IS_BAD = "state IN ('damaged', 'missing', 'unreadable')"  # as the partial index of `verified` has it


@dataclass(frozen=True, slots=True)
class VerifyParams(ActionParams):
    """subset: `N/M`, the N-th of M parts, '' for everything. source: one source's name, '' for all."""

    subset: str = ""
    source: str = ""
    readback: bool = False  # from the disk, not from memory

    def part(self) -> tuple[int, int]:
        """N and M; 1, 1 for everything. Raises UsageError."""
        if not self.subset:
            return 1, 1
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.subset)
        number, parts = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= parts:
            raise UsageError(
                f"`--subset {self.subset}` names no part",
                untouched="everything",
                next_step="write it as 1/7, 2/7 … 7/7: seven nights cover all",
            )
        return number, parts


class Item(NamedTuple):
    """One file that the ledger vouches for. path, subject: relative to the root."""

    zone: str  # one of ZONES
    path: str
    subject: str  # the raw file that it is of
    expected: str  # sha256
    size: int = 0  # as recorded; 0 where it is not
    identity: tuple[int, int, int] | None = None  # size, mtime_ns, inode when it was recorded
    published: bool = True  # raw: a copy of it was published; one that never was and is gone is no loss


class Answer(NamedTuple):
    """What reading it said. how: of --readback, `disk`, `cache dropped`, `memory` or ''."""

    state: str  # State
    found: str = ""
    size: int = 0
    reason: str = ""
    how: str = ""


def in_part(path: str, number: int, parts: int) -> bool:
    """Whether `path` belongs to part `number` (from 1) of `parts`: the same one on every machine and every day."""
    if parts == 1:
        return True
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % parts == number - 1
