"""Workspaces for the terminal tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import PROJECT, make_workspace, valid_record


def copy_sample(root: Path) -> Path:
    """The sample workspace, copied to `root`."""
    for name in ("config", "data"):
        shutil.copytree(PROJECT / name, root / name, ignore=shutil.ignore_patterns("transformed", "_backups"))
    (root / "logs").mkdir()
    config = root / "config/console.toml"
    # how full the disk of whoever runs the tests is, is no matter of theirs
    text = config.read_text(encoding="utf-8").replace("\noff = []\n", '\noff = ["disk"]\n')
    config.write_text(text.replace("\n[gate]\n", '\n[gate]\ndisk = "off"\n'), encoding="utf-8")
    return root


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample workspace."""
    return copy_sample(tmp_path)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A workspace whose migrate takes some seconds, by one worker."""
    files = {f"src/{number // 100:03}/{number:05}.json": [valid_record(number)] for number in range(6000)}
    return make_workspace(tmp_path / "large", files, {"workers": 1, "gate": {"disk": "off"}})
