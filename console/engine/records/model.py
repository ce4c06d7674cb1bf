"""What judging a file says, as plain frozen data that goes through pickle, JSON and the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from console.engine.records.words import cause_in_words
from console.engine.text import count, plural

_CAUSES_NAMED = 3  # in a reason of one line; the rest is counted


@dataclass(frozen=True, slots=True)
class RecordError:
    """One error of one record, or of the file as a whole.

    rule: the JSON Schema keyword (`required`, `type`, `enum`, `pattern`, `minimum`, `format`, ...; `false` for a
    schema that allows nothing) or one of ours: `json` (does not parse), `utf-8`, `nan`, `integer-range`,
    `number-range`, `nesting`, `record-size`, `duplicate-key`, `csv-quote`, `csv-ragged`, `csv-header`,
    `empty-file`, `not-a-list`, `future-date`, `duplicate-id`, `empty-required`, `unusual-amount`.
    field: the dotted place inside the record, '' for the record itself. For `required` the missing name.
    cause: how failures group: `required:date`, `type:amount=null`, `enum:category`, `json`, ...
    value: the offending value as JSON text, cut at 200 characters; '' where there is none.
    message: one sentence in words. Not sanitised: it may quote the file.
    """

    rule: str
    field: str
    cause: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class FailingRecord:
    """A record with at least one error. number counts from 1; line is the 1-based line it begins on (0: unknown).

    number 0 is the file itself: it is empty, breaks off, is no UTF-8 at all. Such an error counts no record.
    """

    number: int
    line: int
    excerpt: str  # the record as JSON text, cut at 400 characters
    errors: tuple[RecordError, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one file's bytes.

    ok: no errors; warnings do not count (`fail_on_warning` is the caller's to honour).
    records: complete records seen; failed_records: how many of them have an error. errors: of records and file.
    """

    ok: bool
    format: str  # json | jsonl | csv
    records: int
    failed_records: int = 0
    errors: int = 0
    failing: tuple[FailingRecord, ...] = ()  # the first limits.failing_records_kept
    causes: tuple[tuple[str, int, int], ...] = ()  # cause, records, errors; most records first
    warnings: tuple[tuple[str, int], ...] = ()  # text, how many records
    notes: tuple[str, ...] = ()  # 'BOM', 'no records'
    columns: tuple[str, ...] = ()  # CSV only
    formats_asserted: bool = True

    def reason(self) -> str:
        """One line: `12 of 96 records fail: date is missing (12)`; '' when it is ok. Not sanitised."""
        if self.ok:
            return ""
        whole = [f.errors[0].message for f in self.failing if f.number == 0 and f.errors]
        parts = whole[:1]
        if self.failed_records:
            causes = [(cause, records) for cause, records, _ in self.causes if records]
            named = ", ".join(f"{cause_in_words(cause)} ({count(n)})" for cause, n in causes[:_CAUSES_NAMED])
            rest = len(causes) - _CAUSES_NAMED
            more = f" and {plural(rest, 'more cause')}" if rest > 0 else ""
            verb = "fails" if self.records == 1 else "fail"
            records = plural(self.records, "record")
            parts.append(f"{count(self.failed_records)} of {records} {verb}: {named}{more}")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON data; what is empty is left out. `from_json` is its inverse."""
        document = {key: value for key, value in asdict(self).items() if value not in ((), 0)}
        return {**document, "ok": self.ok, "records": self.records, "formats_asserted": self.formats_asserted}

    @staticmethod
    def from_json(document: dict[str, Any]) -> Verdict:
        """A verdict from what `to_json` made, before or after a journey through JSON text."""
        failing = tuple(
            FailingRecord(
                int(record["number"]),
                int(record["line"]),
                record["excerpt"],
                tuple(RecordError(**error) for error in record["errors"]),
            )
            for record in document.get("failing", ())
        )
        return Verdict(
            ok=bool(document["ok"]),
            format=document["format"],
            records=int(document["records"]),
            failed_records=int(document.get("failed_records", 0)),
            errors=int(document.get("errors", 0)),
            failing=failing,
            causes=tuple((cause, int(records), int(errors)) for cause, records, errors in document.get("causes", ())),
            warnings=tuple((text, int(records)) for text, records in document.get("warnings", ())),
            notes=tuple(document.get("notes", ())),
            columns=tuple(document.get("columns", ())),
            formats_asserted=bool(document.get("formats_asserted", True)),
        )
