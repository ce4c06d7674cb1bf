"""The configuration: what it may say, and that everything else is an error that names file and key."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from console.engine.checks.gate import RELEASABLE
from console.engine.errors import ConfigurationError
from console.engine.settings import Settings, load_settings
from console.engine.settings.check import faults, schema_document
from console.engine.settings.model import DEFAULT_IGNORE, RuleSetting, SidecarSetting, Zones
from tests.support import PROJECT, make_workspace, shared_corpus, toml

INCUMBENT = "scripts/migration/config.json"


def write(root: Path, config: object, name: str = "config/console.toml") -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(config, bytes):
        file.write_bytes(config)
    elif name.endswith(".json"):
        file.write_text(json.dumps(config), encoding="utf-8")
    else:
        assert isinstance(config, dict)
        file.write_text(toml.dumps(config), encoding="utf-8")


def refused(root: Path, config: object, name: str = "config/console.toml") -> ConfigurationError:
    """The error for this configuration; it names the file."""
    write(root, config, name)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(root, name)
    assert caught.value.file == name
    assert caught.value.exit_status == 2
    return caught.value


def test_an_empty_configuration_is_all_defaults(tmp_path: Path) -> None:
    write(tmp_path, b"")
    settings = load_settings(tmp_path)
    assert settings == Settings("config/console.toml", "toml", hashlib.sha256(b"").hexdigest())
    assert settings.ignore == DEFAULT_IGNORE


def test_the_shipped_configuration_shows_every_key_with_its_default() -> None:
    settings = load_settings(PROJECT)
    text = (PROJECT / "config/console.toml").read_text(encoding="utf-8")
    default = Settings(settings.path, "toml", settings.digest)
    differs = {name for name in Settings.__dataclass_fields__ if getattr(settings, name) != getattr(default, name)}
    assert differs == {"rules", "sidecar"}  # and the file says so beside them
    (rule,) = settings.rules
    columns = ("grant_id", "amount", "date", "source")
    assert rule == RuleSetting(schema="config/schemas/funding_data_v1.json", required=columns)
    assert settings.sidecar == SidecarSetting(schema="config/schemas/source_metadata_v1.json")
    for key in _keys(schema_document("toml")):
        assert f"\n{key} = " in text or f"\n# {key} = " in text or f"[{key}" in text or f".{key}]" in text, key


def _keys(schema: dict[str, Any]) -> set[str]:
    keys: set[str] = set()
    for name, inner in schema.get("properties", {}).items():
        keys |= {name} | _keys(inner) | _keys(inner.get("items", {}))
    return keys


def test_every_item_of_the_gate_that_may_be_released_can_be_configured() -> None:
    items = set(schema_document("toml")["properties"]["gate"]["properties"])
    assert items == {*RELEASABLE, "space", "inodes"} - {"recovery"}  # that one is for a run, never for all


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = b'name = "x" # \xc3\xa4\n'
    write(tmp_path, data)
    assert load_settings(tmp_path).digest == hashlib.sha256(data).hexdigest()


def test_the_incumbents_keys_mean_what_they_mean_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "source_dir": "in",
            "dest_dir": "./out/",
            "backup_dir": "kept",
            "log_dir": "log",
            "state_file": "log/state.json",
            "required_columns": ["id"],
            "validation_schema": "schema.json",
            "fail_on_warning": True,
            "create_backups": False,
            "operation": "move",
        },
        INCUMBENT,
    )
    settings = load_settings(tmp_path, INCUMBENT)
    assert settings.kind == "incumbent" and settings.path == INCUMBENT
    assert settings.zones == Zones(raw="in", validated="out", backups="kept")
    assert (settings.log_dir, settings.state_file) == ("log", "log/state.json")
    assert settings.rules == (RuleSetting("**", "schema.json", required=("id",)),)
    assert settings.fail_on_warning and not settings.create_backups and settings.operation == "move"
    assert [warning.split(" ")[0] for warning in settings.warnings] == ["create_backups", "operation"]
    assert settings.ignore == DEFAULT_IGNORE and settings.sidecar.name == "_metadata.json"


def test_what_the_incumbent_leaves_out_has_its_defaults(tmp_path: Path) -> None:
    write(tmp_path, {}, INCUMBENT)
    settings = load_settings(tmp_path, INCUMBENT)
    assert settings.zones == Zones()
    assert settings.rules[0].required == ("grant_id", "amount", "date", "source")
    assert settings.rules[0].schema == ""
    assert any("validation_schema" in warning for warning in settings.warnings)


def test_the_real_incumbent_configuration() -> None:
    settings = load_settings(shared_corpus("incumbent"), INCUMBENT)
    assert settings.zones == Zones()
    assert settings.rules == load_settings(PROJECT).rules
    assert settings.warnings == ()


def test_backups_switched_off_is_accepted_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {"create_backups": False})
    assert "create_backups is false" in load_settings(tmp_path).warnings[0]


# -- missing, unreadable, not even a text ------------------------------------------------------------------


def test_a_missing_configuration_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert caught.value.file == "config/console.toml"
    assert "opsconsole init" in caught.value.next_step
    assert INCUMBENT not in caught.value.next_step
    write(tmp_path, {}, INCUMBENT)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert f"--config {INCUMBENT}" in caught.value.next_step


@pytest.mark.parametrize("name", ["nowhere.toml", "config/nowhere.json", "console.yaml", "console"])
def test_a_named_file_never_falls_back_to_a_default(ws: Path, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(ws, name)
    assert caught.value.file == name


@pytest.mark.parametrize("kind", ["folder", "fifo", "loop", "unreadable"])
def test_what_is_no_readable_file(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "config/console.toml"
    file.parent.mkdir()
    if kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "loop":
        file.symlink_to("console.toml")
    else:
        file.write_text("")
        file.chmod(0)
        if os.geteuid() == 0:
            pytest.skip("not shown here: root reads what nobody may")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert caught.value.file == "config/console.toml"


@pytest.mark.parametrize(
    "data",
    [
        b"name = ",
        b"\x00",
        b"\xff\xfe\x00",
        b"name = '\xe4'",
        b"\x7fELF\x02\x01\x01" + bytes(range(256)),
        b"a = 1\na = 2",
        b"[[rules]]\n[rules]",
        b"x = " + b"[" * 5000,
        b"x = " + b"{a=" * 2000,
        b"a." * 120_000 + b"b = 1",
        b"# " + b"x" * 300_000,
        b"{}",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_not_toml(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n",
        b"null",
        b"[]",
        b"3",
        b'{"operation": "copy"',
        b'{"operation": "copy", "operation": "move"}',
        b'{"fail_on_warning": NaN}',
        b"[" * 5000,
        b'{"a":' * 5000,
        b"\xff",
        b'name = "x"',
        b'{"source_dir": "\\ud800"}',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_not_the_incumbents_json(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, data, INCUMBENT)


def test_where_the_text_is_broken_is_said(tmp_path: Path) -> None:
    assert "line 2" in refused(tmp_path, b'name = "x"\noperation = copy\n').what
    assert "line 2" in refused(tmp_path, b'{"operation":\n oops}', INCUMBENT).what
    assert "line 3" in refused(tmp_path, b'\n\nname = "\xff"').what


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


# -- paths and zones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["../x", "a/../../x", "..", "nul\0l", "~/x", ".opsconsole", "a/../.opsconsole/x"])
@pytest.mark.parametrize("key", ["zones.raw", "log_dir", "state_file", "sidecar.schema", "rules[0].schema"])
def test_no_path_leads_out_of_the_root_or_into_our_folder(tmp_path: Path, key: str, path: str) -> None:
    config: dict[str, Any] = {
        "zones.raw": {"zones": {"raw": path}},
        "sidecar.schema": {"sidecar": {"schema": path}},
        "rules[0].schema": {"rules": [{"schema": path}]},
    }.get(key, {key: path})
    assert refused(tmp_path, config).key == key


@pytest.mark.parametrize("key", ["source_dir", "dest_dir", "backup_dir", "log_dir", "state_file", "validation_schema"])
def test_nor_do_the_incumbents(tmp_path: Path, key: str) -> None:
    assert refused(tmp_path, {key: "../x"}, INCUMBENT).key == key


def test_absolute_paths(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, {"zones": {"validated": "/srv/published", "raw": f"{root}//in/"}, "log_dir": "/var/log/pipeline"})
    settings = load_settings(root)
    assert settings.zones.validated == "/srv/published"
    assert settings.zones.raw == "in"
    assert settings.log_dir == "/var/log/pipeline"
    assert refused(root, {"rules": [{"schema": "/etc/schema.json"}]}).key == "rules[0].schema"
    write(root, {"rules": [{"schema": f"{root}/s.json"}]})
    assert load_settings(root).rules[0].schema == "s.json"


@pytest.mark.parametrize(
    ("zones", "key"),
    [
        ({"validated": "data/raw/funding_sources"}, "zones.validated"),
        ({"validated": "data/raw/funding_sources/out"}, "zones.validated"),
        ({"raw": "data"}, "zones.raw"),
        ({"raw": "."}, "zones.raw"),
        ({"validated": "a", "backups": "a/b"}, "zones.backups"),
        ({"cleaned": "data/transformed/validated/c"}, "zones.cleaned"),
        ({"archive": "x", "backups": "x"}, "zones.archive"),
    ],
)
def test_zones_do_not_lie_in_one_another(tmp_path: Path, zones: dict[str, str], key: str) -> None:
    assert refused(tmp_path, {"zones": zones}).key == key


def test_zones_do_not_lie_in_one_another_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "data/raw/funding_sources/x").mkdir(parents=True)
    (tmp_path / "out").symlink_to("data/raw/funding_sources/x")
    assert refused(tmp_path, {"zones": {"validated": "out"}}).key == "zones.validated"


def test_an_archive_inside_the_raw_zone_is_ignored_there(tmp_path: Path) -> None:
    write(tmp_path, {"source_dir": "data/raw"}, INCUMBENT)
    assert load_settings(tmp_path, INCUMBENT).ignore[0].match == "_archive/**"


def test_logs_do_not_lie_in_a_zone(tmp_path: Path) -> None:
    assert refused(tmp_path, {"log_dir": "data/raw/funding_sources/logs"}).key == "log_dir"
    assert refused(tmp_path, {"state_file": "data/transformed/validated/s.json"}, INCUMBENT).key == "state_file"


def test_a_configuration_elsewhere_is_named_in_full(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "root")
    (tmp_path / "other.toml").write_text('name = "other"')
    assert load_settings(root, str(tmp_path / "other.toml")).path == str(tmp_path / "other.toml")
    assert load_settings(root, f"{root}/config/../config/console.toml").path == "config/console.toml"


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
