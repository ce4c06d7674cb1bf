"""Quality rules beyond a schema: dates in the future, ids used twice, empty required fields, unusual amounts.

They look at one file alone, at top-level fields, and at objects only. What is not there, or is no date, id or
amount at all, is the schema's business. Each rule is off, a warning, or an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from console.engine.records.events import fault
from console.engine.records.model import RecordError
from console.engine.records.words import VALUE_SHOWN, as_json
from console.engine.settings.model import QualitySetting

# A text that begins like this says a day (ISO 8601); anything else is no date that could be compared.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}").match
_IDS_COMPARED = 1_000_000  # records of one file; memory stays bounded at the price of repeats further apart
Found = tuple[str, RecordError]  # severity, error


def wanted(setting: QualitySetting) -> bool:
    """Whether any rule is on."""
    dates, ids = setting.future_date, setting.duplicate_id  # plain comparisons: it is asked for each file
    return not (dates == ids == setting.empty_required == setting.unusual_amount == "off")


class QualityChecks:
    """The rules of one setting, for one file: it remembers ids.

    now: asked once for the day (in the clock's own zone) if future_date is on; a date later than that day is in
    the future. required: names whose value must not be empty.
    """

    def __init__(self, setting: QualitySetting, required: frozenset[str], now: Callable[[], datetime]) -> None:
        self._setting = setting
        self._required = sorted(required)
        self._ids: set[int] = set()
        self._today = ""
        self._checks: list[tuple[str, Callable[[dict[str, Any]], list[RecordError]]]] = []
        if setting.future_date != "off":
            self._today = now().date().isoformat()
            self._checks.append((setting.future_date, self._future_date))
        if setting.duplicate_id != "off":
            self._checks.append((setting.duplicate_id, self._duplicate_id))
        if setting.empty_required != "off":
            self._checks.append((setting.empty_required, self._empty_required))
        if setting.unusual_amount != "off":
            self._checks.append((setting.unusual_amount, self._unusual_amount))

    def look(self, record: Any) -> list[Found]:
        """What is unusual about one record, in the order of the file."""
        if record.__class__ is not dict:
            return []
        return [(severity, error) for severity, check in self._checks for error in check(record)]

    def _future_date(self, record: dict[str, Any]) -> list[RecordError]:
        name = self._setting.date_field
        value = record.get(name)
        if value.__class__ is not str or not _DAY(value) or value[:10] <= self._today:
            return []
        return [_found("future-date", name, value, f"{name} lies in the future: {value[:40]}")]

    def _duplicate_id(self, record: dict[str, Any]) -> list[RecordError]:
        name = self._setting.id_field
        value = record.get(name)
        if value is None or value.__class__ not in (str, int, float):
            return []
        key = hash(value)
        if key in self._ids:
            return [
                _found("duplicate-id", name, value, f"{name} {as_json(value, 60)} is used by an earlier record too")
            ]
        if len(self._ids) < _IDS_COMPARED:
            self._ids.add(key)
        return []

    def _empty_required(self, record: dict[str, Any]) -> list[RecordError]:
        return [
            _found("empty-required", name, record[name], f"{name} is required and empty")
            for name in self._required
            if name in record and _empty(record[name])
        ]

    def _unusual_amount(self, record: dict[str, Any]) -> list[RecordError]:
        name, limit = self._setting.amount_field, self._setting.amount_limit
        value = record.get(name)
        if value.__class__ not in (int, float) or value <= limit:
            return []
        return [_found("unusual-amount", name, value, f"{name} is {value}, above {limit:g}")]


def _found(rule: str, name: str, value: Any, message: str) -> RecordError:
    return fault(rule, message, field=name, value=as_json(value, VALUE_SHOWN))


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {}) or (value.__class__ is str and not value.strip())
