"""Short forms of records."""

from __future__ import annotations

import json

import pytest

from console.engine.observe.logs_brief import brief
from console.engine.text import visible


def of(line: str) -> str:
    return brief(line.encode(), visible(line))


@pytest.mark.parametrize(
    ("line", "short"),
    [
        ("2025-10-30 14:25:12 - migration - ERROR - a - b", "14:25:12 ERROR a - b"),
        ("2025-10-30 14:25:12,123 - x.y - INFO - a", "14:25:12 INFO a"),
        ("Oct 30 14:25:12 host app: a", "Oct 30 14:25:12 host app: a"),
        ('{"level": "INFO", "message": "no time"}', '{"level": "INFO", "message": "no time"}'),
        ('{"timestamp": 3, "level": [], "message": {}}', '{"timestamp": 3, "level": [], "message": {}}'),
        ("{broken", "{broken"),
        ("", ""),
    ],
)
def test_brief(line: str, short: str) -> None:
    assert of(line) == short


def test_a_structured_record_names_file_and_reason() -> None:
    record = {
        "timestamp": "2025-10-30T14:25:12.123456",
        "level": "ERROR",
        "message": "Validation failed",
        "file": "data/\x1b]52;c;x\x07.json",
        "errors": ["date is missing", {"odd": 1}],
    }
    assert (
        of(json.dumps(record)) == "14:25:12 ERROR Validation failed: data/␛]52;c;x␇.json – date is missing; {'odd': 1}"
    )
    record |= {"message": "Processing file: data/a.json", "file": "data/a.json", "errors": [], "timestamp": "now"}
    assert of(json.dumps(record)) == "now ERROR Processing file: data/a.json"
