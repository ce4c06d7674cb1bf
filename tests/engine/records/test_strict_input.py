"""Every kind of bad input has a defined verdict: which record, which line, which rule; the rest is still judged."""

from __future__ import annotations

import pytest

from console.engine.settings.model import Limits
from tests.engine.records.support import Bench, only_error

GOOD = '{"n": 1}'
HUGE = "9" * 5000

# name -> (a record's text, the rule it breaks)
RECORDS = {
    "NaN": ('{"n": NaN}', "nan"),
    "Infinity": ('{"n": Infinity}', "nan"),
    "minus Infinity": ('{"n": -Infinity}', "nan"),
    "NaN deep inside": ('{"a": [1, {"b": NaN}]}', "nan"),
    "key twice": ('{"n": 1, "n": 2}', "duplicate-key"),
    "key twice, escaped": ('{"n": 1, "\\u006e": 2}', "duplicate-key"),
    "key twice, spaced": ('{"n": 1, "n" : 2}', "duplicate-key"),
    "key twice, tabs": ('{"n"\t\t: 1, "n": 2}', "duplicate-key"),
    "key twice, inside": ('{"a": {"b": 1, "b": 1}}', "duplicate-key"),
    "key twice, in a list": ('{"a": [{"b": 1, "b": 1}]}', "duplicate-key"),
    "key twice, braces in text": ('{"a": "{", "a": "}"}', "duplicate-key"),
    "integer of 65 bits": ('{"n": 18446744073709551616}', "integer-range"),
    "negative integer of 65 bits": ('{"n": -9223372036854775809}', "integer-range"),
    "huge integer": (f'{{"n": {HUGE}}}', "integer-range"),
    "huge integer in a list": (f'{{"a": [1,{HUGE}]}}', "integer-range"),
    "1e999": ('{"n": 1e999}', "number-range"),
    "lone surrogate": ('{"n": 1, "a": "\\ud800"}', "utf-8"),
    "lone surrogate as key": ('{"\\uDC00": 1}', "utf-8"),
    "comma missing": ('{"n": 1 "a": 2}', "json"),
    "comma too many": ('{"n": 1,}', "json"),
    "single quotes": ("{'n': 1}", "json"),
    "leading zero": ('{"n": 01}', "json"),
    "control character": ('{"a": "x\x01y"}', "json"),
    "bare word": ('{"n": none}', "json"),
    "bad escape": ('{"a": "\\x41"}', "json"),
}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("chunk", [8, 1 << 20])
def test_bad_record_in_an_array(name: str, chunk: int) -> None:
    text, rule = RECORDS[name]
    bench = Bench(chunk=chunk)
    verdict = bench.bytes(f"[\n{GOOD},\n{text},\n{GOOD},\n{GOOD}\n]\n")
    assert only_error(verdict) == (2, 3, rule)
    assert (verdict.records, verdict.failed_records) == (4, 1)
    assert verdict.causes[0][0].split(":")[0] == rule
    assert verdict.reason().startswith("1 of 4 records fail: ")


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("chunk", [8, 1 << 20])
def test_bad_record_in_json_lines(name: str, chunk: int) -> None:
    text, rule = RECORDS[name]
    verdict = Bench(chunk=chunk).bytes(f"{GOOD}\n\n{text}\n{GOOD}\n{GOOD}", ".jsonl")
    assert only_error(verdict) == (2, 3, rule)
    assert (verdict.records, verdict.failed_records) == (4, 1)


@pytest.mark.parametrize("name", RECORDS)
def test_bad_single_document(name: str) -> None:
    text, rule = RECORDS[name]
    verdict = Bench().bytes(f"\n {text}\n")
    assert only_error(verdict) == (1, 2, rule)
    assert verdict.records == 1


@pytest.mark.parametrize("name", RECORDS)
def test_bad_record_at_a_pointer(name: str) -> None:
    text, rule = RECORDS[name]
    verdict = Bench(records="/a/list", chunk=8).bytes(f'{{"x": 1, "a": {{"list": [\n{GOOD},\n{text}]}}, "y": []}}')
    assert only_error(verdict) == (2, 3, rule)
    assert verdict.records == 2


def test_good_neighbours_of_bad_input() -> None:
    """What looks alike and is fine."""
    fine = [
        '{"n": 18446744073709551615}',
        '{"a": -9223372036854775808}',
        '{"a": 18446744073709551616.5}',
        '{"a": 1e19, "b": 1E+20, "c": 123456789012345678901234567890e0}',
        '{"a": "18446744073709551616 and \\": twice\\": "}',
        '{"a": "99999999999999999999"}',
        '{"a": "\\ud83d\\ude00", "b": "\U0001f600"}',
        '{"a": "NaN", "b": "{[", "c": "\\\\"}',
        '{"a": {"b": 1}, "b": {"b": 1}}',
        '{"": 1, " ": 2}',
        '{"a": "\\u0000\x7f"}',
        "[]",
    ]
    bench = Bench({})
    for text in fine:
        assert bench.bytes(f"[{text}]").ok, text
        assert bench.bytes(text, ".jsonl").ok, text
    for chunk in (8, 100, 1 << 20):
        verdict = Bench({}, chunk=chunk).bytes("[" + ",\n".join(fine) + "]")
        assert verdict.ok
        assert verdict.records == len(fine)


def test_duplicate_keys_as_warning_or_not_at_all() -> None:
    text = '[{"n": -1, "n": 1}, {"n": 1}, {"a": 1, "a": 2}]'
    warned = Bench(duplicate_keys="warn").bytes(text)
    assert warned.ok
    assert warned.warnings == (("a key is there twice", 2),)
    ignored = Bench(duplicate_keys="off").bytes(text)
    assert ignored.ok
    assert not ignored.warnings


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_nesting(suffix: str) -> None:
    def nested(levels: int) -> str:
        return '{"a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    bench = Bench({})
    assert bench.bytes(nested(512), suffix).ok
    for levels in (513, 600, 900, 1100, 5000, 200_000):
        verdict = bench.bytes(
            f"{GOOD}\n{nested(levels)}\n{GOOD}" if suffix == ".jsonl" else f"[{nested(levels)}]", suffix
        )
        number, _, rule = only_error(verdict)
        assert (number, rule) == ((2, "nesting") if suffix == ".jsonl" else (1, "nesting")), levels
    objects = '{"a":' * 600 + "1" + "}" * 600
    assert only_error(bench.bytes(objects, suffix))[2] == "nesting"


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t\n ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n" * 1])
def test_empty_file(suffix: str, data: bytes) -> None:
    verdict = Bench().bytes(data, suffix)
    assert only_error(verdict) == (0, 1, "empty-file")
    assert (verdict.records, verdict.failed_records) == (0, 0)
    assert "empty" in verdict.reason() or "white space" in verdict.reason()


@pytest.mark.parametrize(
    ("data", "suffix"), [(b"[]", ".json"), (b" [ \n ] ", ".json"), (b"a,b\n", ".csv"), (b"a,b", ".csv")]
)
def test_no_records_is_no_error_but_noted(data: bytes, suffix: str) -> None:
    verdict = Bench().bytes(data, suffix)
    assert verdict.ok
    assert verdict.records == 0
    assert verdict.notes == ("no records",)
    assert Bench().stream(data, suffix, piece=1) == verdict


@pytest.mark.parametrize(
    ("data", "suffix"),
    [(b'[{"n": 1}]', ".json"), (b'{"n": 1}', ".json"), (b'{"n": 1}\n', ".jsonl"), (b"n\n1\n", ".csv")],
)
def test_bom_is_accepted_and_noted(data: bytes, suffix: str) -> None:
    verdict = Bench().bytes(b"\xef\xbb\xbf" + data, suffix)
    assert verdict.ok
    assert verdict.records == 1
    assert verdict.notes == ("BOM",)
    assert not Bench().bytes(data, suffix).notes


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_foreign_encodings_are_named(suffix: str, encoding: str) -> None:
    verdict = Bench().bytes('[{"n": 1}]'.encode(encoding), suffix)
    assert only_error(verdict) == (0, 1, "utf-8")
    assert encoding[:6].upper() in verdict.reason()


BAD_BYTES = {"lone byte": b"\xff", "cut off": b"\xc3", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80"}


@pytest.mark.parametrize("bad", BAD_BYTES.values(), ids=list(BAD_BYTES))
@pytest.mark.parametrize("chunk", [8, 1 << 20])
def test_invalid_utf8(bad: bytes, chunk: int) -> None:
    bench = Bench(chunk=chunk)
    record = b'{"a": "x' + bad + b'y"}'
    array = bench.bytes(b'[{"n": 1},\n' + record + b',\n{"n": 1}]')
    assert only_error(array) == (2, 2, "utf-8")
    assert array.records == 3
    lines = bench.bytes(b'{"n": 1}\n' + record + b'\n{"n": 1}\n', ".jsonl")
    assert only_error(lines) == (2, 2, "utf-8")
    assert lines.records == 3
    rows = bench.bytes(b"n,a\n1,x\n2,x" + bad + b"y\n3,z\n", ".csv")
    assert only_error(rows) == (2, 3, "utf-8")
    assert rows.records == 3
    assert only_error(bench.bytes(b"n,a" + bad + b"\n1,2\n", ".csv"))[2] == "utf-8"


# name -> (text, line and column that the message must name, records that were read before)
BROKEN = {
    "cut off in a record": ('[{"n": 1},\n{"n": ', "line 2", 1),
    "cut off in a string": ('[{"n": 1},\n{"a": "xyz', "line 2", 1),
    "cut off after a record": ('[{"n": 1}\n', "line 2, column 1", 1),
    "cut off after a comma": ('[{"n": 1},\n', "line 2, column 1", 1),
    "comma before the end": ('[{"n": 1},\n]', "line 2, column 1", 1),
    "comma missing": ('[{"n": 1}\n{"n": 2}]', "line 2, column 1", 1),
    "something behind": ('[{"n": 1}]\n[]', "line 2, column 1", 1),
    "something behind an object": ('{"n": 1}\n{"n": 2}', "line 2, column 1", 1),
    "bracket of the other kind": ('[{"n": 1},\n{"n": 2]]', "line 2, column 8", 2),
    "only an opening bracket": ("[", "line 1", 0),
    "not closed": ('{"n": 1', "line 1", 0),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("chunk", [8, 1 << 20])
def test_broken_structure_is_an_error_of_the_file(name: str, chunk: int) -> None:
    text, place, records = BROKEN[name]
    verdict = Bench(chunk=chunk).bytes(text)
    assert not verdict.ok
    assert verdict.records == records
    assert {error.rule for failing in verdict.failing for error in failing.errors} == {"json"}
    assert place in verdict.failing[-1].errors[0].message
    assert verdict.reason()


def test_a_scalar_document_is_one_record() -> None:
    assert Bench().bytes("5").causes == (("type:(root)=int", 1, 1),)
    assert Bench({}).bytes('"x"').records == 1
    assert only_error(Bench({}).bytes("nope"))[2] == "json"


def test_record_size() -> None:
    bench = Bench(limits=Limits(record_bytes=1000))
    large = '{"a": "' + "x" * 2000 + '"}'
    for chunk in (8, 1 << 20):
        bench = Bench(limits=Limits(record_bytes=1000), chunk=chunk)
        array = bench.bytes(f"[{GOOD},\n{large},\n{GOOD}]")
        assert only_error(array) == (2, 2, "record-size")
        assert array.records == 3
        lines = bench.bytes(f"{GOOD}\n{large}\n{GOOD}\n", ".jsonl")
        assert only_error(lines) == (2, 2, "record-size")
        assert lines.records == 3
        assert only_error(bench.bytes(large)) == (1, 1, "record-size")
        rows = bench.bytes("n,a\n1,x\n2," + "y" * 2000 + "\n3,z\n", ".csv")
        assert only_error(rows) == (2, 3, "record-size")
        assert rows.records == 3
        quoted = bench.bytes('n,a\n1,x\n2,"' + ("y" * 300 + "\n") * 5 + '"\n3,z\n', ".csv")
        assert quoted.failing[0].errors[0].rule == "record-size"
        assert quoted.failing[0].number == 2


@pytest.mark.parametrize("size", [998, 999, 1000, 1001, 1002])
def test_record_size_to_the_byte(size: int) -> None:
    """The limit is of the record's own text; in CSV of its row with the line end."""
    bench = Bench(limits=Limits(record_bytes=1000))
    record = '{"a": "' + "x" * (size - 9) + '"}'
    assert len(record) == size
    row = "1," + "x" * (size - 3) + "\n"
    assert len(row) == size
    assert bench.bytes(f"[{GOOD},{record}]").ok is (size <= 1000)
    assert bench.bytes(record).ok is (size <= 1000)
    assert bench.bytes(f"{GOOD}\n{record}\n", ".jsonl").ok is (size <= 1000)
    assert bench.bytes(f"n,a\n{row}", ".csv").ok is (size <= 1000)


def test_failing_records_are_kept_up_to_a_limit_and_counted_beyond() -> None:
    bench = Bench(limits=Limits(failing_records_kept=3))
    verdict = bench.bytes("[" + ",".join(['{"n": -1}', '{"n": 1}', '{"n": "x"}'] * 10) + "]")
    assert (verdict.records, verdict.failed_records, verdict.errors) == (30, 20, 20)
    assert [failing.number for failing in verdict.failing] == [1, 3, 4]
    assert verdict.causes == (("minimum:n", 10, 10), ("type:n=str", 10, 10))


def test_hostile_values_are_cut_and_kept_as_they_are() -> None:
    """The judge sanitises nothing: fronts do. It only keeps messages short."""
    evil = "\x1b]52;c;AAAA\x07[@click=app.quit]x"
    bench = Bench()
    verdict = bench.bytes('[{"n": "' + evil.encode("unicode_escape").decode().replace("\\x", "\\u00") + 'y"}]')
    (error,) = verdict.failing[0].errors
    assert "[@click=app.quit]" in error.value
    long = bench.bytes('[{"n": "' + "z" * 100_000 + '", "x": "' + "w" * 100_000 + '"}]')
    (error,) = long.failing[0].errors
    assert len(error.value) <= 200
    assert len(error.message) <= 400
    assert len(long.failing[0].excerpt) <= 400


def test_many_different_causes_stay_bounded() -> None:
    schema = {"additionalProperties": {"type": "integer"}}
    records = ",".join(f'{{"key{number}": "x"}}' for number in range(3000))
    verdict = Bench(schema).bytes(f"[{records}]")
    assert verdict.failed_records == 3000
    assert len(verdict.causes) <= 501
    assert sum(records for _, records, _ in verdict.causes) == 3000
    assert verdict.causes[0][0] == "other"


@pytest.mark.parametrize("text", ["# a comment\nname = 1\n", "<html>\n", "name: x\n", "{'a': 1} x"])
def test_a_document_that_is_no_json_at_all_is_one_error(text: str) -> None:
    assert only_error(Bench().bytes(text))[2] == "json"


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a+)+\\1$", "^(?=(a+)+b)", "^(a|a)*?(?!x)\\1c$"])
def test_a_pattern_that_backtracks_for_ever_is_an_error_soon(pattern: str) -> None:
    bench = Bench({"properties": {"a": {"pattern": pattern}}})
    verdict = bench.bytes('[{"a": "' + "a" * 5000 + '!"}, {"b": 5}]')
    assert only_error(verdict) == (1, 1, "pattern")
    assert verdict.causes == (("pattern:a", 1, 1),)
