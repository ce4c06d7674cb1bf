"""Counting while a file is judged; what is kept is bounded, whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterable

from console.engine.records.events import Columns, Note, Warned
from console.engine.records.model import FailingRecord, RecordError, Verdict

_CAUSES = 500  # different causes counted apart; further ones share OTHER
_ERRORS_LISTED = 20  # of one record
_WARNINGS = 100
OTHER = "other"
NO_RECORDS = "no records"


class Tally:
    """What is known of a file so far.

    kept: failing records kept with their errors, the rest is counted.
    """

    def __init__(self, format: str, kept: int) -> None:
        self._format, self._kept = format, kept
        self.records = 0
        self._failed = 0
        self._errors = 0
        self._failing: list[FailingRecord] = []
        self._causes: dict[str, list[int]] = {}
        self._warnings: dict[str, int] = {}
        self._notes: list[str] = []
        self._columns: tuple[str, ...] = ()

    @property
    def keeps(self) -> bool:
        """Whether one more failing record would be kept."""
        return len(self._failing) < self._kept

    def fail(self, number: int, line: int, excerpt: str, errors: Iterable[RecordError]) -> None:
        """A failing record with all its errors; number 0 is the file itself."""
        listed: list[RecordError] = []
        causes: dict[str, int] = {}
        for error in errors:
            if len(listed) < _ERRORS_LISTED:
                listed.append(error)
            causes[error.cause] = causes.get(error.cause, 0) + 1
        self.count(causes, whole_file=number == 0)
        if self.keeps:
            self._failing.append(FailingRecord(number, line, excerpt, tuple(listed)))

    def count(self, causes: dict[str, int], *, whole_file: bool = False) -> None:
        """A failing record that is not kept: cause -> errors."""
        self._failed += not whole_file
        for cause, errors in causes.items():
            self._errors += errors
            if cause not in self._causes and len(self._causes) >= _CAUSES:
                cause = OTHER
            counts = self._causes.setdefault(cause, [0, 0])
            counts[0] += not whole_file
            counts[1] += errors

    def tell(self, event: Warned | Note | Columns) -> None:
        """What a reader says beside records."""
        if isinstance(event, Warned):
            self.warn(event.text, event.records)
        elif isinstance(event, Note):
            self._notes.append(event.text)
        else:
            self._columns = event.names

    def warn(self, text: str, records: int) -> None:
        if text in self._warnings or len(self._warnings) < _WARNINGS:
            self._warnings[text] = self._warnings.get(text, 0) + records

    def verdict(self, formats: bool) -> Verdict:
        """The verdict of all that was counted."""
        ok = not self._errors
        if ok and not self.records:
            self._notes.append(NO_RECORDS)
        causes = sorted(((c, n, e) for c, (n, e) in self._causes.items()), key=lambda c: (-c[1], -c[2], c[0]))
        return Verdict(
            ok=ok,
            format=self._format,
            records=self.records,
            failed_records=self._failed,
            errors=self._errors,
            failing=tuple(self._failing),
            causes=tuple(causes),
            warnings=tuple(self._warnings.items()),
            notes=tuple(self._notes),
            columns=self._columns,
            formats_asserted=formats,
        )
