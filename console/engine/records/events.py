"""What the readers of the three formats say of a file, piece by piece and in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from console.engine.records.model import RecordError
from console.engine.records.words import cut


class Batch(NamedTuple):
    """Complete records. line_of: the 1-based line on which the i-th of them begins; asked only for failing ones."""

    records: list[Any]
    line_of: Callable[[int], int]


class Unreadable(NamedTuple):
    """One record that cannot be taken as it is: it is counted, but no schema judges it."""

    line: int
    excerpt: str
    errors: tuple[RecordError, ...]


class Broken(NamedTuple):
    """What is wrong with the file itself; no record is counted for it."""

    line: int
    error: RecordError


class Warned(NamedTuple):
    """Something to warn of, and in how many records."""

    text: str
    records: int


class Note(NamedTuple):
    """Something to know that is neither error nor warning."""

    text: str


class Columns(NamedTuple):
    """The header of a CSV file."""

    names: tuple[str, ...]


Event = Batch | Unreadable | Broken | Warned | Note | Columns


def fault(rule: str, message: str, *, field: str = "", value: str = "") -> RecordError:
    """An error of ours: its cause is the rule, with the field where there is one."""
    cause = f"{rule}:{field}" if field and rule not in _WITHOUT_FIELD else rule
    return RecordError(rule, field, cause, cut(value, 200), cut(message, 400))


# Faults of the text rather than of the data: the field is where, not why.
_WITHOUT_FIELD = ("json", "utf-8", "nan", "integer-range", "number-range", "nesting", "duplicate-key")
