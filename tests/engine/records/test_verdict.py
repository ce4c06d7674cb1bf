"""Verdicts: one line of reason, through JSON and back, words for causes."""

from __future__ import annotations

import json
import pickle

import pytest

from console.engine.records.model import Verdict
from console.engine.records.words import as_json, cause_in_words
from tests.engine.records.support import Bench


def some_verdicts() -> list[Verdict]:
    bench = Bench({"required": ["date"], "properties": {"n": {"type": "integer"}}})
    return [
        bench.bytes("[]"),
        bench.bytes('[{"date": 1}]'),
        bench.bytes('\ufeff[{"n": "x"}, {"date": 1}]'),
        bench.bytes("", ".csv"),
        bench.bytes("n,date\n1,2\nx,\n", ".csv"),
        bench.bytes('[{"n": NaN}, '),
    ]


@pytest.mark.parametrize("number", range(6))
def test_through_json_and_pickle(number: int) -> None:
    verdict = some_verdicts()[number]
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert pickle.loads(pickle.dumps(verdict)) == verdict


def test_reasons() -> None:
    bench = Bench(
        {
            "required": ["date"],
            "properties": {"n": {"type": "integer"}, "a": {"minimum": 0}, "b": {"enum": [1]}, "c": {"pattern": "x"}},
        }
    )
    assert bench.bytes("[]").reason() == ""
    assert bench.bytes('[{}, {"date": 1}]').reason() == "1 of 2 records fail: date is missing (1)"
    assert bench.bytes("[{}]").reason() == "1 of 1 record fails: date is missing (1)"
    many = bench.bytes('[{"n": "x", "a": -1, "b": 2, "c": "y"}, {"n": null, "a": -1, "date": 0}]')
    assert many.reason() == (
        "2 of 2 records fail: a is below the minimum (2), b is none of the allowed values (1),"
        " c does not match its pattern (1) and 3 more causes"
    )
    assert bench.bytes(b"").reason() == "the file is empty"
    assert bench.bytes("[{},").reason().startswith("no valid JSON at line 1, column 5")
    assert bench.bytes("[{},").reason().endswith("; 1 of 1 record fails: date is missing (1)")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("required:date", "date is missing"),
        ("required:place/zip", "place.zip is missing"),
        ("type:amount=null", "amount is null"),
        ("type:(root)=list", "the record is a list"),
        ("type:a=b=str", "a=b is text"),
        ("enum:category", "category is none of the allowed values"),
        ("format:url", "url has the wrong format"),
        ("additionalProperties:(root)", "the record has properties that are not allowed"),
        ("json", "it is no valid JSON"),
        ("strange:tags/*", "tags.* breaks strange"),
        ("other", "other"),
    ],
)
def test_causes_in_words(cause: str, words: str) -> None:
    assert cause_in_words(cause) == words


def test_errors_say_field_rule_and_value() -> None:
    schema = {
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "place": {"properties": {"zip": {"type": ["integer", "null"]}}, "required": ["city"]},
            "tags": {"items": {"maxLength": 2}},
            "url": {"format": "uri"},
        }
    }
    record = {"kind": "c", "place": {"zip": "x"}, "tags": ["ok", "long"], "url": "a b"}
    (failing,) = Bench(schema).bytes(json.dumps(record)).failing
    assert [(e.rule, e.field, e.cause, e.value, e.message) for e in failing.errors] == [
        ("enum", "kind", "enum:kind", '"c"', 'kind is none of "a", "b"'),
        ("required", "place.city", "required:place/city", "", "place.city is missing"),
        ("type", "place.zip", "type:place/zip=str", '"x"', "place.zip is text, not null or integer"),
        ("maxLength", "tags.1", "maxLength:tags/*", '"long"', "tags.1 has more characters than 2"),
        ("format", "url", "format:url", '"a b"', "url is no valid uri"),
    ]


def test_values_as_json_never_grow() -> None:
    assert as_json("x" * 10, 5) == '"xxx…'
    assert as_json({"a": [1, None, True, "é"]}, 100) == '{"a": [1, null, true, "é"]}'
    assert len(as_json("y" * 10_000_000, 200)) == 200
    assert as_json(float("nan"), 10) == "NaN"
    assert as_json("\ud800", 10) == '"\\ud800"'  # the ledger cannot hold it as it is


def test_good_verdicts_of_small_files_are_shared() -> None:
    bench = Bench()
    assert bench.bytes('[{"n": 1}]') is bench.bytes('[{"n": 2}]')
    assert bench.bytes('[{"n": 1}]') is not bench.bytes('[{"n": 1}, {}]')
