"""The one copy of default configuration, schemas and sample data: in the repository or the wheel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import console
from console.engine.errors import EngineError

RAW = "data/raw/funding_sources"


def shipped() -> Path:
    """The folder that holds `config` and `data` as shipped. Raises EngineError where there is none."""
    package = Path(console.__file__).parent
    for folder in (package / "_sample", package.parent):
        if (folder / "config/console.toml").is_file():
            return folder
    raise EngineError(
        "this installation lacks its default configuration",
        file=str(package / "_sample"),
        next_step="install opsconsole again",
    )


def shipped_schemas() -> list[str]:
    """Relative paths of the schemas and of the page that names their origin."""
    return [f"config/schemas/{name}" for name in sorted(os.listdir(shipped() / "config/schemas"))]


def sample_files() -> Iterator[str]:
    """Relative paths of the sample's raw data and of the page that names its origins and licences."""
    top = shipped()
    yield "data/README.md"
    for folder, folders, names in os.walk(top / RAW):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), top)
