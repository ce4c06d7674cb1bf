"""Judging a stream takes constant memory and reads to its end, whatever it is: an endless line, a huge array."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support import PROJECT

# What a judge may need beside its libraries: some records' limit (16 MiB) as text and as bytes, a chunk as objects.
MOST_MIB = 120


def measure(kind: str, megabytes: int, timeout: float) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.engine.records.stream_memory", kind, str(megabytes)],
        cwd=PROJECT,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize(
    ("kind", "ok", "rules"),
    [
        ("array", True, []),
        ("pointer", True, []),
        ("jsonl", True, []),
        ("csv", True, []),
        ("one-string", False, ["record-size"]),
        ("one-list", False, ["record-size"]),
        ("one-line.jsonl", False, ["record-size"]),
        ("one-line.csv", False, ["record-size"]),
        ("commas.csv", False, ["record-size"]),
        ("blanks", False, ["empty-file"]),
        ("zeros", False, ["json"]),
    ],
)
def test_forty_megabytes(kind: str, ok: bool, rules: list[str]) -> None:
    result = measure(kind, 40, 110)
    assert result["read_all"]
    assert result["ok"] is ok
    assert result["rules"] == rules
    assert result["grown_mib"] < MOST_MIB


KINDS = [
    "array",
    "nested-array",
    "pointer",
    "jsonl",
    "csv",
    "failing-array",
    "broken-array",
    "broken.jsonl",
    "ragged.csv",
    "one-string",
    "one-string-of-escapes",
    "one-list",
    "one-object",
    "brackets",
    "digits",
    "one-line.jsonl",
    "one-line.csv",
    "one-cell.csv",
    "commas.csv",
    "blanks",
    "zeros",
    "garbage",
]


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_megabytes(kind: str) -> None:
    hostile = "broken" in kind or "ragged" in kind or "failing" in kind  # ten million errors take a while
    result = measure(kind, 40 if hostile else 200, 1800)
    assert result["read_all"]
    assert result["grown_mib"] < MOST_MIB


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["one-string", "one-line.jsonl", "one-line.csv"])
def test_one_line_of_a_gigabyte(kind: str) -> None:
    result = measure(kind, 1024, 600)
    assert result["read_all"]
    assert result["rules"] == ["record-size"]
    assert result["grown_mib"] < MOST_MIB
