"""Short forms of records, and records laid out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.observe.logs_brief import brief
from console.engine.observe.logs_lines import Chunk
from console.engine.observe.logs_record import LINES, describe_record, indent
from console.engine.observe.logs_view import Row
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


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(_VALUES, st.sampled_from([None, 1]))
def test_laid_out_it_is_the_same_json(value: object, spaces: int | None) -> None:
    assert indent(json.dumps(value, indent=spaces)) == json.dumps(value, indent=2).split("\n")


def described(data: bytes) -> list[str]:
    (line,) = Chunk(0, len(data), data).lines()
    return [text for text, _ in describe_record(Row(1, line), data.rstrip(b"\n"))]


def test_numbers_and_doubled_keys_stay_as_they_are_written() -> None:
    lines = described(b'{"n": 123456789012345678901234567890, "f": 1.10, "n": 2}\n')
    assert lines[2:] == ["{", '  "n": 123456789012345678901234567890,', '  "f": 1.10,', '  "n": 2', "}"]


def test_deep_and_long_records_are_bounded() -> None:
    assert len(described(b"[" * 900 + b"]" * 900)) < 2000
    assert len(described(b"[" + b"1," * 9000 + b"1]")) <= LINES + 5
    assert described(b"[" * 5000)[2] == "[" * 5000  # no JSON: shown as it is
