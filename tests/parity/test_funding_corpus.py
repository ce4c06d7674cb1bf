"""The real corpus: 40 of 77 files pass, counts and causes as VERIFY.json and as jsonschema, record by record."""

from __future__ import annotations

import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from console.engine.records.events import Batch
from console.engine.records.explain import reference_validator
from console.engine.records.judge import Judge, format_of
from console.engine.records.model import Verdict
from console.engine.records.rules import load_rules
from console.engine.records.schema_errors import causes_of
from console.engine.records.window import Window
from console.engine.settings.model import Limits, RuleSetting, Settings
from tests.parity.oracle import causes
from tests.support import shared_corpus

pytestmark = pytest.mark.corpus

SMALL_CHUNK = 50_000  # bytes: so that files of the corpus are read in many pieces


@lru_cache
def judge(chunk: int = 1 << 20, kept: int = 100) -> tuple[Judge, Any]:
    settings = Settings(
        path="config/console.toml",
        kind="toml",
        digest="",
        rules=(RuleSetting(schema="config/schemas/funding_data_v1.json"),),
        limits=Limits(failing_records_kept=kept),
    )
    rules = load_rules(shared_corpus("incumbent"), settings)
    assert not rules.problems
    return Judge(rules, settings, chunk=chunk), rules.rules[0]


@lru_cache
def expected() -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = json.loads((shared_corpus("funding") / "VERIFY.json").read_text())["files"]
    return files


def raw_file(name: str) -> Path:
    return shared_corpus("funding") / "raw" / "funding_sources" / name


def verdict_of(name: str, chunk: int = 1 << 20) -> Verdict:
    the_judge, rule = judge(chunk)
    path = raw_file(name)
    return the_judge.judge_bytes(rule, path.read_bytes(), path.suffix)


def test_exactly_forty_files_pass() -> None:
    passed = [row["file"] for row in expected() if verdict_of(row["file"]).ok]
    assert len(expected()) == 77
    assert len(passed) == 40
    assert passed == [row["file"] for row in expected() if row["valid_format"] == row["records"]]


@pytest.mark.parametrize("chunk", [1 << 20, SMALL_CHUNK])
def test_counts_and_causes_of_every_file(chunk: int) -> None:
    for row in expected():
        verdict = verdict_of(row["file"], chunk)
        assert verdict.records == row["records"], row["file"]
        assert verdict.records - verdict.failed_records == row["valid_format"], row["file"]
        assert {cause: records for cause, records, _ in verdict.causes} == row["errors"], row["file"]
        assert len(verdict.failing) == min(100, verdict.failed_records)


def test_streaming_says_the_same() -> None:
    the_judge, rule = judge(SMALL_CHUNK)
    for row in expected():
        path = raw_file(row["file"])
        with path.open("rb", buffering=0) as stream:
            streamed = the_judge.judge_stream(rule, lambda size, s=stream: s.read(min(size, 7001)), path.suffix)
        assert streamed == verdict_of(row["file"]), row["file"]


def test_lines_point_at_the_failing_records() -> None:
    """The line named holds the beginning of that record: its text can be read back from there."""
    seen = 0
    for row in expected():
        path = raw_file(row["file"])
        if path.suffix not in (".json", ".jsonl") or row["records"] < 2:
            continue
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        document = json.loads("\n".join(lines)) if path.suffix == ".json" else [json.loads(x) for x in lines if x]
        for failing in verdict_of(row["file"]).failing[:20]:
            rest = "\n".join(lines[failing.line - 1 :])
            record = document[failing.number - 1]
            if len(lines) < 5:  # a compact array: every record begins on its only line
                continue
            begun = rest.lstrip(" ,[\t\r")
            assert json.JSONDecoder().raw_decode(begun)[0] == record
            seen += 1
    assert seen > 100


def compare_with_jsonschema(every: int) -> int:
    """Causes of each n-th record of each file by both libraries; how many records were compared."""
    the_judge, rule = judge()
    oracle = reference_validator(rule)
    compared = 0
    for row in expected():
        path = raw_file(row["file"])
        step = every if row["records"] > 200 else 1
        for event in the_judge.events(rule, Window(io.BytesIO(path.read_bytes()).read), format_of(path.suffix)):
            if not isinstance(event, Batch):
                continue
            for record in event.records[::step]:
                assert causes_of(rule, record) == causes(oracle, record), (row["file"], record)
                compared += 1
    return compared


def test_record_by_record_with_jsonschema() -> None:
    assert compare_with_jsonschema(every=25) > 5000


@pytest.mark.soak
def test_every_record_with_jsonschema() -> None:
    assert compare_with_jsonschema(every=1) == 85627
