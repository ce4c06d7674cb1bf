"""Fixtures of all tests. The helpers behind them are in tests/support."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.engine.environment import Environment
from tests.support import fixed_environment, invalid_record, make_workspace, valid_record


@pytest.fixture
def env() -> Environment:
    """A fixed clock, counting tokens, one known operator."""
    return fixed_environment()


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    """A workspace of three sources and five data files in all formats, one of which fails; resolved."""
    return make_workspace(
        tmp_path / "ws",
        {
            "alpha/dumps/2024-01-01_000000/data.json": [valid_record(n) for n in range(3)],
            "alpha/dumps/2024-01-01_000000/_metadata.json": {"source_name": "alpha", "record_count": 3},
            "alpha/dumps/2024-02-01_000000/data.jsonl": [valid_record(n) for n in range(3, 7)],
            "alpha/README.md": "What this is.\n",
            "beta/dumps/2024-01-05_120000/data.csv": [valid_record(n) for n in range(10, 15)],
            "beta/dumps/2024-01-06_120000/data.json": [
                valid_record(20),
                invalid_record(21),
                invalid_record(23),
            ],
            "gamma/manual/one.json": valid_record(30),
        },
    )
