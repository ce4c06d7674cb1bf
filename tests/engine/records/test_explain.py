"""Explanations in the words of jsonschema; judging never loads it."""

from __future__ import annotations

import subprocess
import sys

from console.engine.records.explain import explain_bytes, explain_record
from tests.engine.records.support import Bench
from tests.support import PROJECT

SCHEMA = {"required": ["date"], "properties": {"n": {"anyOf": [{"type": "integer"}, {"maxLength": 1}]}}}


def test_a_record() -> None:
    bench = Bench(SCHEMA, required=("other",))
    words = explain_record(bench.rule, {"n": "long"})
    assert words[0].startswith(
        "n: 'long' is not valid under any of the given schemas; it: 'long' is not of type 'integer'"
    )
    assert words[1] == "the record: 'date' is a required property"
    assert words[2] == "other: a required property of the configuration"
    assert explain_record(bench.rule, {"date": 1, "other": 2}) == ()


def test_the_first_failing_records_of_a_file() -> None:
    bench = Bench(SCHEMA)
    data = b'[{"date": 1},\n{},\n{"date": NaN},\n{"n": 5},\n{}]'
    explained = explain_bytes(bench.judge, bench.rule, data, ".json", most=3)
    assert [(one.number, one.line) for one in explained] == [(2, 2), (3, 3), (4, 4)]
    assert explained[1].words == ("date: NaN is no JSON value",)
    assert [one.number for one in explain_bytes(bench.judge, bench.rule, b"", ".json")] == [0]
    assert explain_bytes(bench.judge, bench.rule, b'[{"date": 1}]', ".json") == []


def test_judging_loads_neither_jsonschema_nor_more_than_it_needs() -> None:
    code = (
        "import sys\n"
        "import console.engine.records.model\n"
        "assert not {'jsonschema_rs', 'orjson', 'csv'} & set(sys.modules), 'a verdict is data'\n"
        "from tests.engine.records.support import Bench\n"
        "assert not Bench().bytes('[{\"n\": null}]').ok\n"
        "import console.engine.records.validate\n"
        "assert 'jsonschema' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], env={"PYTHONPATH": str(PROJECT)}, check=True, timeout=60)
