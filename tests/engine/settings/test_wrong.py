"""Wrong keys, wrong types, wrong values: each is an error that names file and key; nothing else ever happens."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from console.engine.errors import ConfigurationError
from console.engine.settings import load_settings
from console.engine.settings.check import faults, schema_document
from tests.engine.settings.configurations import INCUMBENT, refused, write
from tests.support import PROJECT, toml

# -- keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key", "nearest"),
    [
        ({"operaton": "copy"}, "operaton", "`operation`"),
        ({"create-backups": True}, "create-backups", "`create_backups`"),
        ({"zones": {"Raw": "x"}}, "zones.Raw", "`zones.raw`"),
        ({"rules": [{"shema": "x"}]}, "rules[0].shema", "`rules[0].schema`"),
        ({"rules": [{}, {"quality": {"future": "warn"}}]}, "rules[1].quality.future", "future_date"),
        ({"nesting": 3}, "nesting", "[limits]"),
        ({"limits": {"workers": 3}}, "limits.workers", "at the top"),
        ({"sidecar": {"xyz": 3}}, "sidecar.xyz", ""),
        ({"source_dir": "x"}, "source_dir", ""),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_right_one(
    tmp_path: Path, config: dict[str, Any], key: str, nearest: str
) -> None:
    error = refused(tmp_path, config)
    assert error.key == key
    assert nearest in error.what


def test_an_unknown_key_of_the_incumbent(tmp_path: Path) -> None:
    error = refused(tmp_path, {"sorce_dir": "x"}, INCUMBENT)
    assert (error.key, "`source_dir`" in error.what) == ("sorce_dir", True)


def test_several_faults_are_all_named(tmp_path: Path) -> None:
    error = refused(tmp_path, {"operation": "mov", "workers": -1, "limits": {"nesting": "x"}})
    said = f"{error.key} {error.what}"
    assert all(key in said for key in ("operation", "workers", "limits.nesting"))


def leaves(schema: dict[str, Any], path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Every place in the configuration where a value stands, with the schema for it."""
    found = [(path, schema)] if path else []
    for name, inner in schema.get("properties", {}).items():
        found += leaves(inner, (*path, name))
    if "items" in schema:
        found += leaves(schema["items"], (*path, 0))
    return found


WRONG = ["text", "", "../x", 7, -1, 2**70, 1.5, float("nan"), True, [], [1], [[]], {}, {"x": 1}]


def _place(path: tuple[str | int, ...], value: Any) -> Any:
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


@pytest.mark.parametrize("kind", ["toml", "incumbent"])
def test_a_wrong_type_at_any_key_names_that_key(tmp_path: Path, kind: str) -> None:
    name = INCUMBENT if kind == "incumbent" else "config/console.toml"
    types = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    tried = 0
    for path, schema in leaves(schema_document(kind)):
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        for value in WRONG:
            right = any(isinstance(value, types[name]) for name in wanted)  # type: ignore[arg-type]
            if right and not (isinstance(value, bool) and "boolean" not in wanted):
                continue
            if value != value and kind == "incumbent":
                continue  # NaN does not even parse there
            error = refused(tmp_path, _place(path, value), name)
            assert _dotted(path) in (error.key, *error.what.split("; wrong too: ")[1:]), (path, value, error.lines())
            tried += 1
    assert tried > 60


def test_a_date_a_time_and_no_number_are_named_too(tmp_path: Path) -> None:
    for text in (b"name = 2024-01-01", b"name = 10:00:00", b"name = 2024-01-01T10:00:00Z"):
        assert refused(tmp_path, text).key == "name"
    assert refused(tmp_path, b"[brakes]\nmissing_percent = inf").key == "brakes.missing_percent"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"operation": "cpoy"}, "operation"),
        ({"workers": 257}, "workers"),
        ({"limits": {"nesting": 0}}, "limits.nesting"),
        ({"limits": {"nesting": 513}}, "limits.nesting"),
        ({"suffixes": []}, "suffixes"),
        ({"suffixes": [".txt"]}, "suffixes[0]"),
        ({"suffixes": [".json", ".json"]}, "suffixes"),
        ({"gate": {"space": "maybe"}}, "gate.space"),
        ({"gate": {"Disk Space": "warn"}}, "gate.Disk Space"),
        ({"gate": {"lock": "off"}}, "gate.lock"),
        ({"rules": [{"records": "grants"}]}, "rules[0].records"),
        ({"rules": [{"match": "../**"}]}, "rules[0].match"),
        ({"rules": [{"match": "a"}, {"match": "[a"}]}, "rules[1].match"),
        ({"ignore": [{"match": "/x", "reason": "y"}]}, "ignore[0].match"),
        ({"ignore": [{"match": "x"}]}, "ignore[0].reason"),
        ({"sidecar": {"name": "a/b"}}, "sidecar.name"),
        ({"time_zone": "Europe/Berln"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "Europe"}, "time_zone"),
    ],
)
def test_a_value_that_cannot_be(tmp_path: Path, config: dict[str, Any], key: str) -> None:
    assert refused(tmp_path, config).key == key


def test_a_near_value_is_proposed(tmp_path: Path) -> None:
    assert "Europe/Berlin" in refused(tmp_path, {"time_zone": "europe/berln"}).next_step
    assert "move" in refused(tmp_path, {"operation": "mov"}).next_step


# -- whatever it is, it is never anything but settings or a configuration error ----------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", ["toml", "incumbent"])
@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_document(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    known = sorted(schema_document(kind)["properties"])
    document = data.draw(st.dictionaries(st.sampled_from(known) | st.text(max_size=8), values, max_size=4))
    _agrees_with_a_whole_validator(document, kind)
    _only_configuration_errors(tmp_path, json.dumps(document).encode(), INCUMBENT)
    if kind == "toml":
        text = toml.dumps(document).encode("utf-8", "surrogatepass")
        _only_configuration_errors(tmp_path, text, "config/console.toml")


def _agrees_with_a_whole_validator(document: object, kind: str) -> None:
    """Our check knows a few keywords only; what it says of their places is what a whole validator says."""
    validator = jsonschema.Draft202012Validator(schema_document(kind))
    ours = {fault.path for fault in faults(document, schema_document(kind))}
    theirs: set[tuple[str | int, ...]] = set()
    for error in validator.iter_errors(document):
        names: list[str] = []
        if error.validator == "required":
            names = [name for name in error.validator_value if name not in error.instance]
        elif error.validator == "additionalProperties":
            names = [name for name in error.instance if name not in error.schema["properties"]]
        theirs |= {(*error.absolute_path, name) for name in names} or {tuple(error.absolute_path)}
    assert ours == theirs


@pytest.mark.parametrize("kind", ["toml", "incumbent"])
@examples(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_check_agrees_with_a_whole_validator_near_the_truth(kind: str, data: st.DataObject) -> None:
    """Documents of the right shape with a value changed here and there."""
    schema = schema_document(kind)
    _agrees_with_a_whole_validator(data.draw(_shaped(schema)), kind)


def _shaped(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    wanted = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    near: st.SearchStrategy[Any]
    if wanted == "object":
        near = st.fixed_dictionaries({}, optional={n: _shaped(s) for n, s in schema["properties"].items()})
    elif wanted == "array":
        near = st.lists(_shaped(schema["items"]), max_size=3)
    elif wanted == "string":
        near = st.sampled_from([*schema.get("enum", []), "", "/a~0/b", "~2", "x" * 101, "a/b", "warn", "\0"])
    elif wanted == "boolean":
        near = st.booleans()
    else:
        bounds = [schema.get("minimum", 0), schema.get("maximum", 5)]
        near = st.sampled_from([edge + step for edge in bounds for step in (-1, 0, 1, 0.5)])
    return near if wanted == "object" else st.one_of(near, near, near, near, values)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 5000), put=st.binary(max_size=3), cut=st.integers(0, 3))
def test_the_shipped_configuration_with_a_slip(tmp_path: Path, at: int, put: bytes, cut: int) -> None:
    text = (PROJECT / "config/console.toml").read_bytes()
    _only_configuration_errors(tmp_path, text[:at] + put + text[at + cut :], "config/console.toml")


def _only_configuration_errors(root: Path, data: bytes, name: str) -> None:
    write(root, data, name)
    try:
        settings = load_settings(root, name)
    except ConfigurationError as error:
        assert error.file == name and error.what
    else:
        assert settings.digest == hashlib.sha256(data).hexdigest()
