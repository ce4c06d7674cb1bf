"""Workspaces with a past, whole, for drills to break."""

from __future__ import annotations

from pathlib import Path

from tests.faults.checker import VALIDATED, sha256_of
from tests.faults.scenario import SPOILT, Scenario, make_waiting, migrate
from tests.support import valid_record, write_raw

SCHEMA = "config/schemas/small.json"


def waiting(folder: Path) -> Scenario:
    """One run has published the first version; the second, and new files, wait."""
    return make_waiting(folder / "ws")


def done(folder: Path) -> Scenario:
    """Both versions are published by two runs; three files fail."""
    scenario = waiting(folder)
    assert migrate(scenario.root).status == 1
    return scenario.remember()


def new_version(scenario: Scenario) -> None:
    """The file whose second version fails gets a third one: else only its published copy has the bytes of the first."""
    content = [valid_record(4711)]
    write_raw(scenario.root, SPOILT, content)
    assert migrate(scenario.root).status == 1
    scenario.known[f"{VALIDATED}/{SPOILT}"] |= {sha256_of(scenario.root / VALIDATED / SPOILT)}
    scenario.remember()
