"""Writing configurations and seeing them refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.engine.errors import ConfigurationError
from console.engine.settings import load_settings
from tests.support import toml

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
