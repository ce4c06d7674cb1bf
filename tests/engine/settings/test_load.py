"""The configuration: where it is found and what it may say; the incumbent's too."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from console.engine.checks.gate import RELEASABLE
from console.engine.errors import ConfigurationError
from console.engine.settings import Settings, load_settings
from console.engine.settings.check import schema_document
from console.engine.settings.model import DEFAULT_IGNORE, RuleSetting, SidecarSetting, Zones
from tests.engine.settings.configurations import INCUMBENT, refused, write
from tests.support import PROJECT, shared_corpus


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
        shown = (f"\n{key} = ", f"\n# {key} = ", f"\n#   {key} = ", f"[{key}", f".{key}]", f", {key} = ")
        assert any(way in text for way in shown), key


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
