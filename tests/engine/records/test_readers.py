"""Reading in pieces of any size says what reading whole says; json and csv of the standard library are the oracles."""

from __future__ import annotations

import csv
import io
import json
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.records.events import Batch, Columns, Event, Unreadable
from console.engine.records.window import Window
from console.engine.settings.model import Limits
from tests.engine.records.support import SCHEMA, Bench, csv_rows, json_records, only_error

EASY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CHUNKS = st.sampled_from([1, 2, 7, 16, 50, 200, 1000, 1 << 20])
PIECES = st.sampled_from([1, 3, 10, 64, 1 << 20])

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    st.sampled_from(
        [
            '"',
            "\\",
            '":',
            "},{",
            "}\n,{",
            "[",
            "]",
            "{",
            '\\"',
            "NaN",
            "\u2028",
            "\r\n",
            "9" * 25,
            "x 99999999999999999999",
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["n", "a", "b}", 'c"', ":"]), inner, max_size=3)
    ),
    max_leaves=6,
)
records = st.one_of(
    st.dictionaries(st.sampled_from(["n", "a", "b"]), values, max_size=3),
    st.fixed_dictionaries(
        {"n": st.integers(-3, 9), "list": st.lists(st.fixed_dictionaries({"n": scalars}), max_size=3)}
    ),
    values,
)
STYLES: list[dict[str, Any]] = [
    {},
    {"separators": (",", ":"), "ensure_ascii": False},
    {"indent": 2},
    {"indent": 2, "ensure_ascii": False},
    {"indent": "\t", "separators": (" ,", " : ")},
    {"separators": ("\n,\r\n", "\t:\n")},
]


@lru_cache
def bench(chunk: int, records: str = "") -> Bench:
    return Bench(chunk=chunk, records=records, limits=Limits(failing_records_kept=1000))


def read(the_bench: Bench, data: bytes, suffix: str, piece: int = 1 << 20) -> tuple[list[Any], list[int]]:
    """Records and their lines as the readers give them; whatever else they say fails the test."""
    stream = io.BytesIO(data)
    window = Window(lambda size: stream.read(min(size, piece)))
    found: list[Any] = []
    lines: list[int] = []
    for event in the_bench.judge.events(the_bench.rule, window, suffix.removeprefix(".")):
        assert isinstance(event, Batch | Columns), event
        if isinstance(event, Batch):
            found += event.records
            lines += [event.line_of(index) for index in range(len(event.records))]
    return found, lines


def is_good(record: Any) -> bool:
    """SCHEMA, by hand."""
    if not isinstance(record, dict):
        return False
    n = record.get("n", 0)
    whole = n.is_integer() if isinstance(n, float) else isinstance(n, int) and not isinstance(n, bool)
    return bool(whole and n >= 0)


def test_the_oracle_knows_the_schema() -> None:
    assert SCHEMA == {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}


def same(left: list[Any], right: list[Any]) -> bool:
    """Equal, types included: 1 is not 1.0 and not True."""
    return json.dumps(left) == json.dumps(right)


@EASY
@given(several=st.lists(records, max_size=8), style=st.sampled_from(STYLES), chunk=CHUNKS, piece=PIECES)
def test_arrays(several: list[Any], style: dict[str, Any], chunk: int, piece: int) -> None:
    text = json.dumps(several, **style)
    data = text.encode()
    found, lines = read(bench(chunk), data, ".json", piece)
    assert same(found, json_records(text))
    starts = _starts(text)
    assert lines == [text.count("\n", 0, start) + 1 for start in starts]
    verdict = bench(chunk).bytes(data)
    assert verdict == bench(chunk).stream(data, piece=piece) == bench(1 << 20).bytes(data)
    assert [failing.number for failing in verdict.failing] == [
        number for number, record in enumerate(several, 1) if not is_good(record)
    ]


def _starts(text: str) -> list[int]:
    """Where each element of a JSON array begins, by the standard library's scanner."""
    decoder, starts = json.JSONDecoder(), []
    position = text.index("[") + 1
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return starts
        starts.append(position)
        position = decoder.raw_decode(text, position)[1]


@EASY
@given(
    several=st.lists(records, max_size=6),
    around=st.dictionaries(st.sampled_from(["a", "z", "items"]), values, max_size=2),
    style=st.sampled_from(STYLES),
    chunk=CHUNKS,
    piece=PIECES,
)
def test_lists_inside_of_an_object(
    several: list[Any], around: dict[str, Any], style: dict[str, Any], chunk: int, piece: int
) -> None:
    document = {**around, "x/y": {"items": [0, several], "more": around}, "end": around}
    data = json.dumps(document, **style).encode()
    found, _ = read(bench(chunk, "/x~1y/items/1"), data, ".json", piece)
    assert same(found, several)
    verdict = bench(chunk, "/x~1y/items/1").bytes(data)
    assert verdict == bench(1 << 20, "/x~1y/items/1").bytes(data)
    assert verdict.ok is all(map(is_good, several))


@EASY
@given(
    several=st.lists(records, max_size=8),
    chunk=CHUNKS,
    piece=PIECES,
    end=st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n"]),
    last=st.booleans(),
)
def test_json_lines(several: list[Any], chunk: int, piece: int, end: str, last: bool) -> None:
    text = end.join(json.dumps(record, ensure_ascii=False) for record in several) + (end if last else "")
    if not text.strip():
        return
    data = text.encode()
    found, lines = read(bench(chunk), data, ".jsonl", piece)
    assert same(found, [json.loads(line) for line in text.split("\n") if line.strip()])
    assert lines == [number for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    verdict = bench(chunk).bytes(data, ".jsonl")
    assert verdict == bench(chunk).stream(data, ".jsonl", piece=piece) == bench(1 << 20).bytes(data, ".jsonl")
    assert verdict.failed_records == sum(not is_good(record) for record in several)


cells = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
    st.sampled_from(["", "1", "-2", "3.50", "007", " 1", "1e3", "a,b", 'a"b', "x\ny", "x\r\ny", "\r", "٣", "\u2028"]),
)


@EASY
@given(
    rows=st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8),
    chunk=CHUNKS,
    piece=PIECES,
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    bom=st.booleans(),
)
def test_csv(rows: list[list[str]], chunk: int, piece: int, end: str, quoting: Any, bom: bool) -> None:
    out = io.StringIO(newline="")
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # the writer leaves a lone \r without quotes
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(["n", "a", "b\n"])
    writer.writerows(rows)
    text = out.getvalue()
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    found, _ = read(bench(chunk), data[3:] if bom else data, ".csv", piece)
    assert same(found, [{**row, **_number(row)} for row in csv_rows(text)])
    verdict = bench(chunk).bytes(data, ".csv")
    assert verdict == bench(chunk).stream(data, ".csv", piece=piece) == bench(1 << 20).bytes(data, ".csv")
    assert verdict.columns == ("n", "a", "b\n")
    assert verdict.records == len(csv_rows(text))


def _number(row: dict[str, str]) -> dict[str, Any]:
    cell = row.get("n", "")
    plain = cell.lstrip("-") if cell.count("-") < 2 else ""
    if plain and set(plain) <= set("0123456789.") and cell.isascii():
        whole, _, fraction = plain.partition(".")
        if whole and (fraction or "." not in plain) and "." not in fraction:
            return {"n": float(cell) if "." in cell else int(cell)}
    return {}


@EASY
@given(
    text=st.text(alphabet='{}[]",:\\ \n\r1a-.eNu', max_size=40),
    suffix=st.sampled_from([".json", ".jsonl", ".csv"]),
    chunk=CHUNKS,
    piece=PIECES,
    pointer=st.sampled_from(["", "/a"]),
)
def test_nonsense_is_refused_alike_in_any_pieces(text: str, suffix: str, chunk: int, piece: int, pointer: str) -> None:
    data = text.encode()
    verdict = bench(1 << 20, pointer).bytes(data, suffix)
    assert bench(chunk, pointer).stream(data, suffix, piece=piece) == verdict
    if suffix == ".json" and not pointer:
        try:
            valid = [is_good(record) for record in _strictly(text)]
        except ValueError:
            assert not verdict.ok
        else:
            assert verdict.ok is all(valid)


def _strictly(text: str) -> list[Any]:
    """Records of a JSON text by the standard library, made as strict as we are. Raises ValueError."""

    def refuse(word: str) -> Any:
        raise ValueError(word)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) < len(items):
            raise ValueError("twice")
        return dict(items)

    def number(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise ValueError(digits)
        return value

    def integer(digits: str) -> int:
        if not -(2**63) <= int(digits) < 2**64:
            raise ValueError(digits)
        return int(digits)

    document = json.loads(text, parse_constant=refuse, object_pairs_hook=pairs, parse_float=number, parse_int=integer)
    json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate is a ValueError too
    return document if isinstance(document, list) else [document]


@EASY
@given(
    several=st.lists(records, min_size=1, max_size=6),
    style=st.sampled_from(STYLES),
    cut=st.integers(0, 300),
    put=st.sampled_from(["", ",", "]", "}", '"', "\\", "NaN", "\n", "1"]),
    chunk=CHUNKS,
)
def test_damage_is_seen_alike_in_any_pieces(
    several: list[Any], style: dict[str, Any], cut: int, put: str, chunk: int
) -> None:
    """A character lost or put in: whatever json makes of it, we make the same of it, in any pieces."""
    text = json.dumps(several, **style)
    cut %= len(text)
    text = text[:cut] + put + text[cut + (not put) :]
    verdict = bench(1 << 20).bytes(text.encode())
    assert bench(chunk).bytes(text.encode()) == verdict
    try:
        valid = [is_good(record) for record in _strictly(text)]
    except ValueError:
        assert not verdict.ok
    else:
        assert verdict.ok is all(valid)
        assert verdict.records == len(valid)


# --- CSV, case by case -----------------------------------------------------------------------------------------


def rows_of(text: str, numbers: str = "n") -> list[Any]:
    schema = {"properties": {name: {"type": "number"} for name in numbers.split()}}
    return read(Bench(schema), text.encode(), ".csv")[0]


def test_csv_cells() -> None:
    text = 'n,t\n1,1\n-2,\n3.50,x\n007, 7\n,"a ""b"", c"\n1e3,"x\ny"\n+5,"$1,000"\n.5,5.\n'
    assert rows_of(text) == [
        {"n": 1, "t": "1"},
        {"n": -2},
        {"n": 3.5, "t": "x"},
        {"n": 7, "t": " 7"},
        {"t": 'a "b", c'},
        {"n": "1e3", "t": "x\ny"},
        {"n": "+5", "t": "$1,000"},
        {"n": ".5", "t": "5."},
    ]


def test_csv_lines_count_newlines_inside_of_cells() -> None:
    text = 'n,t\r\n1,"a\r\nb\r\nc"\r\n\r\n2,d\r\n-1,e\r\n'
    assert read(Bench({}), text.encode(), ".csv")[1] == [2, 6, 7]
    verdict = Bench().bytes(text, ".csv")
    assert only_error(verdict) == (3, 7, "minimum")


def test_csv_with_old_macintosh_line_ends() -> None:
    text = "n,t\r1,a\r2,b"
    for chunk in (4, 1 << 20):
        assert read(Bench(chunk=chunk), text.encode(), ".csv")[0] == [{"n": 1, "t": "a"}, {"n": 2, "t": "b"}]


@pytest.mark.parametrize(
    ("text", "number", "line", "rule"),
    [
        ("n,t\n1,a\n2\n3,c\n", 2, 3, "csv-ragged"),
        ("n,t\n1,a\n2,b,c\n3,c\n", 2, 3, "csv-ragged"),
        ('n,t\n1,a\n2,"b\n3,c\n', 2, 3, "csv-quote"),
        ('n,t\n1,a\n2,"b"x\n3,c\n', 2, 3, "csv-quote"),
        ("n,t\n1,a\n99999999999999999999,b\n3,c\n", 2, 3, "integer-range"),
        (f"n,t\n1,a\n{'9' * 400}.5,b\n3,c\n", 2, 3, "number-range"),
        ("n,,t\n1,2,3\n", 0, 1, "csv-header"),
        ("n,t,n\n1,2,3\n", 0, 1, "csv-header"),
        ('n,"t\n1,2\n', 0, 1, "csv-header"),
    ],
)
def test_csv_errors(text: str, number: int, line: int, rule: str) -> None:
    schema = {"properties": {"n": {"type": "number"}}}
    for chunk in (4, 1 << 20):
        verdict = Bench(schema, chunk=chunk).bytes(text, ".csv")
        assert only_error(verdict) == (number, line, rule)


def test_csv_number_columns_are_found_through_references() -> None:
    schema = {
        "$defs": {"money": {"type": "number"}, "base": {"properties": {"b": {"type": ["integer", "null"]}}}},
        "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"c": {"allOf": [{"type": "number"}]}}}],
        "properties": {
            "a": {"$ref": "#/$defs/money"},
            "text": {"type": ["string", "number"]},
            "free": {},
        },
    }
    found, _ = read(Bench(schema), b"a,b,c,text,free\n1,2,3,4,5\n", ".csv")
    assert found == [{"a": 1, "b": 2, "c": 3, "text": "4", "free": "5"}]


def test_csv_integer_with_leading_zeros_is_no_range_error() -> None:
    assert rows_of(f"n\n{'0' * 30}12\n-{'0' * 30}\n") == [{"n": 12}, {"n": 0}]


def test_events_come_in_the_order_of_the_file() -> None:
    the_bench = Bench()
    text = '[{"n": 1}, {"n": NaN}, {"n": 2}]'
    events: list[Event] = list(the_bench.judge.events(the_bench.rule, Window(io.BytesIO(text.encode()).read), "json"))
    assert [type(event) for event in events] == [Batch, Unreadable, Batch]


def test_a_number_is_whole_wherever_a_piece_ends() -> None:
    """`1`, `1.` and `1e+` could all go on: what is in memory must show that they do not."""
    for ones in range(12, 36):
        for text in ("0.5", "1e+300", "-2.5E-7", "-0.0"):
            # what looks like a large integer, in a string, makes the exact reader look at all of it
            document = f'[{"1," * ones}{text},{"1," * ones}22,{text},"x {"9" * 20}"]'
            for chunk in (1, 200, 1 << 20):
                assert same(read(Bench({}, chunk=chunk), document.encode(), ".json")[0], json.loads(document))


# --- pointers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"b": []}', '{"a": {}}', '{"a": 5}', '{"a": "x"}', "5", '{"a": {"a": []}}'],
)
def test_no_list_where_the_rule_looks_for_it(text: str) -> None:
    verdict = Bench(records="/a").bytes(text)
    assert only_error(verdict) == (0, 1, "not-a-list")
    assert "/a" in verdict.reason()


def test_pointer_whose_key_is_there_twice_is_refused_whatever_the_setting() -> None:
    for text in ('{"a": [{"n": 1}], "a": [{"n": -1}]}', '{"a": [{"n": 1}], "a": [{"n": 1}]}'):
        for setting in ("error", "warn", "off"):
            for chunk in (4, 1 << 20):
                verdict = Bench(records="/a", duplicate_keys=setting, chunk=chunk).bytes(text)
                assert only_error(verdict)[2] == "duplicate-key"


def test_what_stands_around_the_list_is_read_strictly() -> None:
    for around in ('"x": NaN', '"x": {"y": 1, "y": 2}', '"x": 1e999', '"x": 99999999999999999999'):
        for text in (f'{{{around}, "a": [{{"n": 1}}]}}', f'{{"a": [{{"n": 1}}], {around}}}'):
            verdict = Bench(records="/a").bytes(text)
            assert not verdict.ok, text
            assert verdict.failing[0].number == 0
            assert verdict.records == 1
