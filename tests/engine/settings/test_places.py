"""Where a configuration says that things lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.engine.settings import load_settings
from tests.engine.settings.configurations import INCUMBENT, refused, write
from tests.support import make_workspace

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
