"""A workspace with a past for the drills; mounts and a memory file system, as the fault batteries have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import ground, mounts, own_mounts, place
from tests.faults.scenario import Scenario, make_waiting, migrate

__all__ = ["ground", "mounts", "own_mounts", "place"]


@pytest.fixture(scope="module")
def done_template(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Both versions are published by two runs; three files fail."""
    scenario = make_waiting(tmp_path_factory.mktemp("drills") / "ws")
    assert migrate(scenario.root).status == 1
    return scenario.remember()


@pytest.fixture
def done(done_template: Scenario, tmp_path: Path) -> Scenario:
    """A copy, whose inodes a run has seen."""
    scenario = done_template.copy(tmp_path / "ws")
    assert migrate(scenario.root).status == 1
    return Scenario(scenario.root, scenario.known, restored=True).remember()
