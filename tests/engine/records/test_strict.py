"""The end of a value by its brackets and quotes, at once and block by block; proofs that never say too much."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.engine.records.proof import proven, too_deep
from console.engine.records.strict import Skipper, value_end

QUICK = settings(max_examples=300, deadline=None)
texts = st.text(alphabet='{}[]",:\\ a1\n', max_size=12)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@QUICK
@given(values, st.sampled_from([",", " ,", "]", "\n"]), st.text(alphabet='{}[]",\\', max_size=8))
def test_value_end(value: Any, mark: str, rest: str) -> None:
    text = json.dumps(value)
    assert value_end(f"  {text}{mark}{rest}", 2) == 2 + len(text)


@QUICK
@given(values, st.lists(st.integers(1, 9), min_size=1), st.text(alphabet='{}[]",\\', max_size=8))
@example(["\\", '"'], [1], "")
def test_skipper_finds_the_same_end_in_any_blocks(value: Any, sizes: list[int], rest: str) -> None:
    text = json.dumps(value)
    skipper, at, turn = Skipper(), 0, 0
    whole = f"{text},{rest}"
    while at < len(whole):
        size = sizes[turn % len(sizes)]
        end = skipper.end(whole[at : at + size])
        if end >= 0:
            assert at + end == len(text)
            return
        at, turn = at + size, turn + 1
    raise AssertionError("it went past the end")


def test_a_value_that_does_not_end() -> None:
    for text in ('{"a": [1, 2}', '"abc', '"abc\\"', "[[]", '{"a": "]}'):
        assert value_end(text, 0) == -1


@QUICK
@given(
    values,
    st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"indent": "\t", "separators": (" ,", " :")}]),
)
def test_what_is_proven_is_what_was_written(value: Any, style: dict[str, Any]) -> None:
    """A proof may fail, but for the usual styles it does not: else every good file would be read twice."""
    text = json.dumps(value, **style).encode()
    parsed = orjson.loads(text)
    fits = all(-(2**63) <= number < 2**64 for number in _integers(value))
    assert proven(text, parsed, duplicates=True, nesting=512) is fits


def _integers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _integers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _integers(item)]
    return [value] if isinstance(value, int) else []


@QUICK
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "\\u0061", ":", '\\":', "\\u003a"]), texts | values), max_size=4),
    st.data(),
)
def test_a_key_twice_is_never_proven_away(pairs: list[tuple[str, Any]], data: st.DataObject) -> None:
    colon = st.sampled_from([":", " :", ": ", "\t\n:", " : "])
    body = ", ".join(f'"{key}"{data.draw(colon)}{json.dumps(value)}' for key, value in pairs)
    text = f"[{{{body}}}]".encode()
    parsed = orjson.loads(text)
    if len(parsed[0]) < len(pairs):
        assert not proven(text, parsed, duplicates=True, nesting=512)


@pytest.mark.parametrize("digits", ["18446744073709551616", "-9223372036854775809", "9" * 400])
def test_a_large_integer_is_never_proven_away(digits: str) -> None:
    for text in (f"[{digits}]", f'[{{"a": {digits}}}]', f'[{{"a":{digits}, "b": "{digits}"}}]', f"[\n  {digits}\n]"):
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        assert not proven(text.encode(), parsed, duplicates=False, nesting=512)


@pytest.mark.parametrize("nesting", [5, 100, 255, 256, 512])
def test_depth_is_never_proven_away(nesting: int) -> None:
    for levels in (nesting - 1, nesting, nesting + 1, nesting + 50):
        text = "[" * levels + "]" * levels
        assert too_deep(json.loads(text), nesting) is (levels > nesting)
        for written in (text, text.replace("[]", "[ ]"), json.dumps(json.loads(text), indent=2)):
            if levels > nesting:
                assert not proven(written.encode(), orjson.loads(written), duplicates=True, nesting=nesting)
