"""What the tests of records share: a judge for a schema, settings with limits, oracles of the readers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from console.engine.records.judge import Judge
from console.engine.records.model import Verdict
from console.engine.records.rules import Rule, single_rule
from console.engine.settings.model import Limits, QualitySetting, RuleSetting, Settings
from tests.support import PROJECT

# A record is good if `n`, where it is there, is an integer that is not negative.
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}


class Bench:
    """A judge with one rule, ready to judge bytes."""

    def __init__(
        self,
        schema: Any = SCHEMA,
        *,
        chunk: int = 1 << 20,
        records: str = "",
        required: tuple[str, ...] = (),
        duplicate_keys: str = "error",
        quality: QualitySetting | None = None,
        now: Callable[[], datetime] | None = None,
        limits: Limits | None = None,
    ) -> None:
        settings = Settings(
            path="config/console.toml",
            kind="toml",
            digest="",
            duplicate_keys=duplicate_keys,
            limits=limits or Limits(),
        )
        setting = RuleSetting(
            schema="schema.json", records=records, required=required, quality=quality or QualitySetting()
        )
        rules = single_rule(PROJECT, settings, setting, schema=schema)
        self.rule: Rule = rules.rules[0]
        self.judge = Judge(rules, settings, now=now, chunk=chunk)

    def bytes(self, data: bytes | str, suffix: str = ".json") -> Verdict:
        return self.judge.judge_bytes(self.rule, data.encode() if isinstance(data, str) else data, suffix)

    def stream(self, data: bytes, suffix: str = ".json", piece: int = 1 << 20) -> Verdict:
        """The same through a reader that gives at most `piece` bytes a call."""
        read = io.BytesIO(data).read
        return self.judge.judge_stream(self.rule, lambda size: read(min(size, piece)), suffix)


def only_error(verdict: Verdict) -> tuple[int, int, str]:
    """(record, line, rule) of a verdict with exactly one error."""
    assert not verdict.ok
    assert verdict.errors == 1
    (failing,) = verdict.failing
    (error,) = failing.errors
    assert error.message
    return failing.number, failing.line, error.rule


def csv_rows(text: str) -> list[dict[str, str]]:
    """Rows of a CSV text by the standard library: empty cells are absent, blank lines are none."""
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    return [{k: v for k, v in zip(rows[0], row, strict=True) if v} for row in rows[1:]]


def json_records(text: str) -> list[Any]:
    document = json.loads(text)
    return document if isinstance(document, list) else [document]
