"""jsonschema and we say the same of generated records, but for the differences that are named and reviewed."""

from __future__ import annotations

import json
import string
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.records.explain import explain_record, reference_validator
from console.engine.records.judge import Judge
from console.engine.records.rules import Rule, RuleSet, single_rule
from console.engine.records.schema_errors import causes_of
from console.engine.settings.model import RuleSetting, Settings
from tests.parity.known_differences import JSONSCHEMA
from tests.parity.oracle import causes
from tests.support import PROJECT

SETTINGS = Settings(path="config/console.toml", kind="toml", digest="")
DRAFTS = (
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)


def rule_of(schema: dict[str, Any], required: tuple[str, ...] = ()) -> tuple[RuleSet, Rule]:
    rules = single_rule(PROJECT, SETTINGS, RuleSetting(schema="x.json", required=required), schema=schema)
    return rules, rules.rules[0]


@pytest.mark.parametrize("name", JSONSCHEMA)
def test_named_differences_are_still_differences(name: str) -> None:
    schema, instance, theirs, _ = JSONSCHEMA[name]
    rules, rule = rule_of(schema)
    assert reference_validator(rule).is_valid(instance) is theirs
    verdict = Judge(rules, SETTINGS).judge_bytes(rule, json.dumps([instance]).encode(), ".json")
    assert verdict.ok is not theirs


# Every keyword that a table of records is likely to use, in the spelling of all five drafts.
COMMON: dict[str, Any] = {
    "type": "object",
    "required": ["id", "amount"],
    "minProperties": 2,
    "maxProperties": 7,
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "minLength": 2, "maxLength": 6, "pattern": "^[A-Z]"},
        "amount": {"type": "number", "minimum": 0, "maximum": 1000},
        "count": {"type": "integer", "multipleOf": 5},
        "kind": {"enum": ["a", "b", 1, None, False, {"x": 1}]},
        "date": {"type": ["string", "null"], "format": "date"},
        "mail": {"format": "email"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1, "maxItems": 3},
        "place": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}, "zip": {"type": "integer"}},
        },
        "either": {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]},
        "one": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        "none": {"not": {"type": "null"}},
    },
}
plain = st.text(alphabet=string.ascii_letters + string.digits + " -é😀", max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-10, 10),
    st.floats(allow_nan=False, allow_infinity=False),
    plain,
    st.sampled_from(["AB", "a", "2024-02-29", "2023-02-29", "x@y.org", "nothing"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=3), max_leaves=8
)
likely: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["AB", "A", "abc", "ABCDEFGH"]),
    "amount": st.one_of(st.integers(-5, 1005), st.floats(0, 1000)),
    "count": st.integers(-20, 20),
    "kind": st.sampled_from(["a", "b", "c", 1, 1.0, True, 0, False, None, {"x": 1}, {"x": 1.0}, {"x": True}]),
    "date": st.sampled_from(["2024-02-29", "2023-02-29", "2024-13-01", None, "2024-1-1"]),
    "mail": st.sampled_from(["x@y.org", "nothing", 5]),
    "tags": st.lists(st.one_of(plain, st.integers(0, 2)), max_size=5),
    "place": st.fixed_dictionaries({}, optional={"city": values, "zip": values}),
    "either": values,
    "one": values,
    "none": values,
}
# named: multiple-of-huge; integers are divided alike
either = {name: (strategy, plain if name == "count" else values) for name, strategy in likely.items()}
records = st.one_of(
    values.filter(lambda value: not isinstance(value, dict) or "count" not in value),
    st.fixed_dictionaries({}, optional={name: strategy | other for name, (strategy, other) in either.items()}),
    st.fixed_dictionaries(
        {"id": likely["id"], "amount": likely["amount"]},
        optional={name: likely[name] for name in ("count", "kind", "date", "mail", "tags", "place", "either")},
    ),
)


@lru_cache
def both(draft: str) -> tuple[Judge, Rule, Any]:
    schema = {"$schema": draft, **COMMON}
    if draft in DRAFTS[:2]:  # named: date-in-draft-4
        schema["properties"] = {**COMMON["properties"], "date": {"type": ["string", "null"], "format": "date-time"}}
    rules, rule = rule_of(schema)
    return Judge(rules, SETTINGS), rule, reference_validator(rule)


@pytest.mark.parametrize("draft", DRAFTS)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records, min_size=1, max_size=4))
def test_generated_records(draft: str, several: list[Any]) -> None:
    judge, rule, oracle = both(draft)
    expected = [causes(oracle, record) for record in several]
    assert [causes_of(rule, record) for record in several] == expected
    verdict = judge.judge_bytes(rule, json.dumps(several).encode(), ".json")
    assert verdict.records == len(several)
    assert verdict.failed_records == sum(1 for found in expected if found)
    assert verdict.errors == sum(sum(found.values()) for found in expected)
    assert [failing.number for failing in verdict.failing] == [n for n, found in enumerate(expected, 1) if found]


@settings(max_examples=100, deadline=None)
@given(records)
def test_every_failing_record_is_explained(record: Any) -> None:
    _, rule, oracle = both(DRAFTS[2])
    words = explain_record(rule, record)
    assert bool(words) is not oracle.is_valid(record)


@settings(max_examples=200, deadline=None)
@given(record=st.dictionaries(st.sampled_from("abc"), scalars) | values)
@pytest.mark.parametrize("schema", [{"required": ["a", "b"]}, {"$defs": {"x": True}, "$ref": "#/$defs/x"}, {}])
def test_required_columns_count_once(schema: dict[str, Any], record: Any) -> None:
    rules, rule = rule_of(schema, required=("b", "c"))
    names = {"b", "c", *(schema.get("required", ()) if isinstance(record, dict) else ())}
    missing = {name for name in names if not isinstance(record, dict) or name not in record}
    assert causes_of(rule, record) == {f"required:{name}": 1 for name in missing}
    verdict = Judge(rules, SETTINGS).judge_bytes(rule, json.dumps([record]).encode(), ".json")
    assert verdict.ok is not bool(missing)
    assert verdict.errors == len(missing)
    assert {cause for cause, _, _ in verdict.causes} == {f"required:{name}" for name in missing}
