"""Quality rules: off, warning or error; a clock handed in; never more than one file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.engine.settings.model import QualitySetting
from tests.engine.records.support import Bench

NOW = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
SCHEMA = {"required": ["name"]}

# rule -> (good records, bad record, its cause)
CASES = {
    "future_date": (
        '{"name": "a", "date": "2024-05-06"}',
        '{"name": "a", "date": "2024-05-07T00:00:00Z"}',
        "future-date:date",
    ),
    "duplicate_id": ('{"name": "a", "grant_id": "x"}', '{"name": "b", "grant_id": "x"}', "duplicate-id:grant_id"),
    "empty_required": ('{"name": "a", "other": ""}', '{"name": " "}', "empty-required:name"),
    "unusual_amount": ('{"name": "a", "amount": 1000}', '{"name": "a", "amount": 1000.5}', "unusual-amount:amount"),
}


def bench(rule: str, severity: str) -> Bench:
    setting = QualitySetting(**{rule: severity}, amount_limit=1000)  # type: ignore[arg-type]
    return Bench(SCHEMA, quality=setting, now=lambda: NOW)


@pytest.mark.parametrize("rule", CASES)
def test_error(rule: str) -> None:
    good, bad, cause = CASES[rule]
    verdict = bench(rule, "error").bytes(f"[{good},\n{bad}]")
    assert verdict.causes == ((cause, 1, 1),)
    assert (verdict.failing[0].number, verdict.failing[0].line) == (2, 2)
    assert verdict.failing[0].errors[0].message
    assert bench(rule, "error").bytes(f"[{good}]").ok


@pytest.mark.parametrize("rule", CASES)
def test_warning(rule: str) -> None:
    good, bad, _ = CASES[rule]
    verdict = bench(rule, "warn").bytes(f"[{good},{bad}]")
    assert verdict.ok
    assert not verdict.errors
    ((text, records),) = verdict.warnings
    assert text
    assert records == 1


@pytest.mark.parametrize("rule", CASES)
def test_off(rule: str) -> None:
    good, bad, _ = CASES[rule]
    verdict = bench(rule, "off").bytes(f"[{good},{bad}]")
    assert verdict.ok
    assert not verdict.warnings


@pytest.mark.parametrize("rule", CASES)
def test_other_shapes_are_not_its_business(rule: str) -> None:
    fine = (
        '[{"name": "a"}, {"name": "b", "date": 5, "grant_id": null, "amount": "9999"}, {"name": "c", "date": "soon"}]'
    )
    assert bench(rule, "error").bytes(fine).ok
    assert bench(rule, "error").bytes("[[1], [1]]").ok


def test_ids_are_forgotten_between_files() -> None:
    the_bench = bench("duplicate_id", "error")
    for _ in range(3):
        assert the_bench.bytes('[{"name": "a", "grant_id": 7}, {"name": "a", "grant_id": "7"}]').ok


def test_schema_errors_and_quality_errors_of_one_record_come_together() -> None:
    verdict = bench("unusual_amount", "error").bytes('[{"amount": 5000}, {"name": "a"}]')
    assert verdict.causes == (("required:name", 1, 1), ("unusual-amount:amount", 1, 1))
    assert verdict.failed_records == 1
    assert verdict.errors == 2


def test_small_good_files_are_looked_at_too() -> None:
    """The shortest way through the judge must not pass the quality rules by."""
    assert not bench("future_date", "error").bytes('[{"name": "a", "date": "2030-01-01"}]').ok


def test_the_day_is_the_clocks() -> None:
    """The judge asks the clock that it was handed, once a file, and the environment's if it was handed none."""
    record = '[{"name": "a", "date": "2024-05-07"}]'
    moments = iter([NOW, NOW + timedelta(days=1)])
    the_bench = Bench(SCHEMA, quality=QualitySetting(future_date="error"), now=lambda: next(moments))
    assert [the_bench.bytes(record).ok, the_bench.bytes(record).ok] == [False, True]
    unhanded = Bench(SCHEMA, quality=QualitySetting(future_date="error"))
    assert unhanded.bytes(record).ok
    assert not unhanded.bytes('[{"name": "a", "date": "9999-12-31"}]').ok
