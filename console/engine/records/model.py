"""What judging a file says, as plain frozen data that goes through pickle, JSON and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordError:
    """One error of one record.

    rule: the JSON Schema keyword (`required`, `type`, `enum`, `pattern`, `minimum`, `format`, ...) or one of ours:
    `json` (does not parse), `utf-8`, `nan`, `integer-range`, `number-range`, `nesting`, `record-size`,
    `duplicate-key`, `csv-quote`, `csv-ragged`, `csv-header`, `empty-file`, `not-a-list`, `future-date`,
    `duplicate-id`, `empty-required`, `unusual-amount`.
    field: the dotted place inside the record, '' for the record itself. For `required` the missing name.
    cause: how failures group: `required:date`, `type:amount=null`, `enum:category`, `json`, ...
    value: the offending value as JSON text, cut at 200 characters; '' where there is none.
    message: one sentence in words.
    """

    rule: str
    field: str
    cause: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class FailingRecord:
    """A record with at least one error. number counts from 1; line is the 1-based line it begins on (0: unknown)."""

    number: int
    line: int
    excerpt: str  # the record as JSON text, cut at 400 characters
    errors: tuple[RecordError, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one file's bytes."""

    ok: bool
    format: str  # json | jsonl | csv
    records: int
    failed_records: int = 0
    errors: int = 0
    failing: tuple[FailingRecord, ...] = ()  # the first limits.failing_records_kept
    causes: tuple[tuple[str, int, int], ...] = ()  # cause, records, errors; most records first
    warnings: tuple[tuple[str, int], ...] = ()  # text, how many records
    notes: tuple[str, ...] = ()  # 'BOM', ...
    columns: tuple[str, ...] = ()  # CSV only
    formats_asserted: bool = True

    def reason(self) -> str:
        """One line: `12 of 96 records fail: date is missing (12)`; '' when it is ok."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        raise NotImplementedError

    @staticmethod
    def from_json(document: dict[str, Any]) -> Verdict:
        raise NotImplementedError
