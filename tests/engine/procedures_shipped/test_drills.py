"""All drills in-process, through the guide alone; and what only looks like one, or is not to be mended whole.

The drills themselves, which lines and keys solve too, are in tests/drills.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.errors import RefusedError
from console.engine.procedures import guide
from tests.drills.catalog import DRILLS, QUICK
from tests.drills.model import Drill
from tests.drills.ruin import SCHEMA
from tests.engine.procedures_shipped.following import do_run, follow
from tests.faults.checker import LEDGER, VALIDATED
from tests.faults.scenario import SPOILT, Scenario, first_name, make_waiting, migrate

soak = pytest.mark.soak


def solve(drill: Drill, folder: Path) -> None:
    broken = drill.broken(folder)
    try:
        followed = follow(broken.root, drill.procedure, broken.answers)
        assert (followed.session.status, followed.overridden) == ("done", [])
        drill.check_way(followed.way)
        broken.whole()
    finally:
        broken.close()


def test_corrupted_copies_are_replaced_and_nothing_else(tmp_path: Path) -> None:
    solve(QUICK, tmp_path)


@soak
@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_solved_by_the_guide_alone(drill: Drill, tmp_path: Path) -> None:
    solve(drill, tmp_path)


@soak
def test_a_lax_schema_of_many_runs_is_taken_back_with_what_it_let_pass(tmp_path: Path) -> None:
    root = make_waiting(tmp_path / "ws").root
    right = (root / SCHEMA).read_bytes()
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        fingerprint = connection.execute("SELECT fingerprint FROM rules").fetchone()[0]
    (root / SCHEMA).write_text(json.dumps({"type": "object"}))
    migrate(root)
    assert (root / VALIDATED / "gamma/manual/bad.json").exists()
    followed = follow(root, "bad-schema", {"which": fingerprint, "did": "It let bad files through in many"})
    assert (followed.session.status, followed.overridden) == ("done", [])
    assert (root / SCHEMA).read_bytes() == right
    assert not (root / VALIDATED / "gamma/manual/bad.json").exists()
    assert not (root / VALIDATED / SPOILT).exists()


@soak
def test_a_step_whose_workspace_is_not_mended_is_not_ticked(done: Scenario) -> None:
    """The run reports success; then the workspace is damaged again before the tick."""
    shutil.rmtree(done.root / VALIDATED / "alpha")
    followed = follow(done.root, "validated-lost", {"what": "Yes"}, stop_at="again")
    assert followed.session.step is not None and followed.session.step.id == "again"
    session = do_run(followed.ctx, followed.session)
    (done.root / VALIDATED / first_name(4)).unlink()
    with pytest.raises(RefusedError):
        guide.tick(followed.ctx, session)
    assert session.step is not None and session.step.id == "again"
