"""The corpus that lies beside the project on the founders' machines, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def shared_corpus(name: str = "") -> Path:
    """`../shared/corpus`, or `name` in it. Skips the test, saying what is missing, where there is none."""
    folder = PROJECT.parent / "shared" / "corpus" / name
    if not folder.exists():
        pytest.skip(f"not shown here: needs ../shared/corpus/{name}, which is not beside this project")
    return folder
