"""Drills: workspaces that are broken for real, each brought back by following its procedure alone.

What must hold afterwards an independent checker says (tests/faults/checker.py); nothing may be lost.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.errors import RefusedError
from console.engine.procedures import guide
from tests.engine.procedures_shipped.drilling import whole
from tests.engine.procedures_shipped.following import do_run, follow
from tests.faults import checker
from tests.faults.checker import BACKUPS, LEDGER, RAW, STATE, VALIDATED, sha256_of, tree
from tests.faults.damage import snapshot
from tests.faults.scenario import SPOILT, Scenario, add_second, first_name, make_fresh, make_waiting, migrate, run

soak = pytest.mark.soak
SCHEMA = "config/schemas/small.json"


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@soak
@pytest.mark.parametrize("again", [True, False])
def test_a_failed_migration_is_taken_back(tmp_path: Path, again: bool) -> None:
    scenario = make_waiting(tmp_path / "ws")
    before = tree(scenario.root)
    published = migrate(scenario.root)
    after = tree(scenario.root)
    answers = {
        "which": published.summary["run"],
        "decide": "Yes",
        "retry": "Yes" if again else "Not yet",
        "reason": "the schema was right after all",
    }
    followed = follow(scenario.root, "failed-migration", answers)
    assert tree(scenario.root) == (after if again else before)
    if again:
        whole(scenario, followed, spent=True)
        return
    assert (followed.session.status, followed.overridden) == ("done", [])
    assert migrate(scenario.root).summary["counts"]["processed"] == 0, "what was taken back is held"
    assert tree(scenario.root) == before
    whole_again = follow(
        scenario.root,
        "held-files",
        {"which": published.summary["run"], "how": "Yes", "reason": "it was right"},
    )
    assert tree(scenario.root) == after
    whole(scenario, whole_again, spent=True)


@soak
@pytest.mark.parametrize("failpoint", ["batch.renamed:1", "batch.intended:1", "run.recorded:1"])
def test_an_interrupted_run_is_settled(tmp_path: Path, failpoint: str) -> None:
    scenario = make_waiting(tmp_path / "ws")
    killed = migrate(scenario.root, "--foreground", failpoint=failpoint)
    assert killed.status == -signal.SIGKILL, killed.text
    followed = follow(scenario.root, "interrupted-run", {"how": "No", "go": "Publish"})
    whole(scenario, followed)


@soak
def test_files_that_changed_since_the_crash_are_decided_on(tmp_path: Path) -> None:
    scenario = make_waiting(tmp_path / "ws")
    migrate(scenario.root, "--foreground", failpoint="batch.renamed:1")
    place = scenario.root / VALIDATED / first_name(0)
    place.write_bytes(b"[]")
    refused = run(scenario.root, "verify", "--json")
    assert refused.status == 5, refused.text

    def decide(root: Path) -> None:
        place.unlink()  # the operator's decision: that one is nobody's
        again = run(root, "migrate", "--yes", "--override", "recovery", "--reason", "it was torn by hand")
        assert again.status in (0, 1), again.text

    followed = follow(scenario.root, "interrupted-run", {"how": "Yes", "touched": decide, "go": "Publish"})
    assert (followed.session.status, followed.overridden) == ("done", [])
    assert place.read_bytes() != b"[]"
    assert migrate(scenario.root).summary["counts"]["processed"] == 0


@soak
@pytest.mark.parametrize("how", ["Prune", "Room", "Take"])
def test_a_disk_that_ran_full_in_the_middle(tmp_path: Path, how: str) -> None:
    """ENOSPC at the first intent: the batch in hand was undone, the rest was not tried."""
    scenario = make_waiting(tmp_path / "ws")
    stopped = migrate(scenario.root, failpoint="batch.intended:1:28")
    assert stopped.summary["counts"]["not_tried"] > 0, stopped.text
    followed = follow(scenario.root, "full-disk", {"how": how, "which": stopped.summary["run"]})
    whole(scenario, followed, spent=True)


# ── what records it ──────────────────────────────────────────────────────────────────────────────────────────────


def _half(root: Path) -> None:
    (root / STATE).write_bytes((root / STATE).read_bytes()[:-700])


def _no_state(root: Path) -> None:
    (root / STATE).unlink()


def _garbage(root: Path) -> None:
    (root / LEDGER).write_bytes(b"no ledger at all" * 500)


def _zeroed(root: Path) -> None:
    data = bytearray((root / LEDGER).read_bytes())
    data[4096:12288] = bytes(8192)
    (root / LEDGER).write_bytes(data)


def _gone(root: Path) -> None:
    for path in (root / ".opsconsole").glob("ledger.*"):
        path.unlink()


@soak
@pytest.mark.parametrize("how", [_half, _no_state])
def test_a_state_file_that_is_damaged_is_written_again(done: Scenario, how: Callable[[Path], None]) -> None:
    before, published = json.loads((done.root / STATE).read_bytes())["processed_files"], snapshot(done.root)
    how(done.root)
    followed = follow(done.root, "damaged-state-file")
    assert "rebuild" in followed.way
    assert json.loads((done.root / STATE).read_bytes())["processed_files"].keys() == before.keys()
    assert snapshot(done.root) == published
    whole(done, followed)


@soak
def test_a_state_file_that_was_changed_by_hand_is_settled_entry_by_entry(done: Scenario) -> None:
    """The runbook's line: the file before the last run is copied over it. By evidence it is no damage."""
    before = snapshot(done.root)
    shutil.copy(done.root / f"{STATE}.bak", done.root / STATE)
    followed = follow(done.root, "damaged-state-file")
    assert "changed" in followed.way and "rebuild" not in followed.way
    assert snapshot(done.root) == before
    whole(done, followed)


@soak
@pytest.mark.parametrize("how", [_garbage, _zeroed, _gone])
def test_a_ledger_that_is_lost_is_made_anew(done: Scenario, how: Callable[[Path], None]) -> None:
    published = snapshot(done.root)
    for end in ("-wal", "-shm"):
        Path(f"{done.root / LEDGER}{end}").unlink(missing_ok=True)
    how(done.root)
    followed = follow(done.root, "damaged-ledger", {"how": "No"})
    assert snapshot(done.root) == published
    whole(done, followed)


@soak
def test_rows_that_somebody_changed_come_back(done: Scenario) -> None:
    with closing(sqlite3.connect(done.root / LEDGER)) as connection, connection:
        connection.execute("UPDATE outcomes SET backup = 'elsewhere' WHERE outcome = 'replaced'")
        connection.execute("UPDATE runs SET who = '{}' WHERE seq = 1")
    followed = follow(done.root, "damaged-ledger", {"how": "Yes"})
    assert "mend" in followed.way
    whole(done, followed)


# ── rules, rights ────────────────────────────────────────────────────────────────────────────────────────────────


@soak
def test_a_wrong_schema_is_taken_back_and_files_are_judged_again(tmp_path: Path) -> None:
    scenario = make_waiting(tmp_path / "ws")
    root = scenario.root
    right = (root / SCHEMA).read_bytes()
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        fingerprint = connection.execute("SELECT fingerprint FROM rules").fetchone()[0]
    strict = json.loads(right)
    strict["properties"]["amount"]["minimum"] = 2000
    (root / SCHEMA).write_text(json.dumps(strict))
    bad = migrate(root, "--override", "failures", "--reason", "nobody looked")
    assert bad.status == 1 and bad.summary["counts"]["failed"] > 1, bad.text
    followed = follow(root, "bad-schema", {"which": fingerprint, "did": "It refused"})
    assert (root / SCHEMA).read_bytes() == right
    scenario.remember()
    whole(scenario, followed)


@soak
@pytest.mark.parametrize("data", [b"{", None])
def test_a_schema_that_does_not_load_is_taken_back(done: Scenario, data: bytes | None) -> None:
    right = (done.root / SCHEMA).read_bytes()
    with closing(sqlite3.connect(done.root / LEDGER)) as connection:
        fingerprint = connection.execute("SELECT fingerprint FROM rules").fetchone()[0]
    (done.root / SCHEMA).write_bytes(data) if data else (done.root / SCHEMA).unlink()
    assert migrate(done.root).status in (2, 4)
    followed = follow(done.root, "bad-schema", {"which": fingerprint, "did": "It refused"})
    assert (done.root / SCHEMA).read_bytes() == right
    whole(done, followed)


@soak
@pytest.mark.parametrize("how", ["one", "many"])
def test_a_lax_schema_is_taken_back_with_what_it_let_pass(tmp_path: Path, how: str) -> None:
    scenario = make_waiting(tmp_path / "ws")
    root = scenario.root
    right = (root / SCHEMA).read_bytes()
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        fingerprint = connection.execute("SELECT fingerprint FROM rules").fetchone()[0]
    before = (root / VALIDATED / SPOILT).read_bytes()
    (root / SCHEMA).write_text(json.dumps({"type": "object"}))
    bad = migrate(root).summary["run"]
    assert (root / VALIDATED / "gamma/manual/bad.json").exists()
    assert (root / VALIDATED / SPOILT).read_bytes() != before
    answers = {"which": fingerprint, "did": f"It let bad files through in {how}", "run": bad}
    followed = follow(root, "bad-schema", answers)
    assert (root / SCHEMA).read_bytes() == right
    assert not (root / VALIDATED / "gamma/manual/bad.json").exists()
    assert (followed.session.status, followed.overridden) == ("done", [])
    if how == "many":
        assert not (root / VALIDATED / SPOILT).exists()
        return
    assert (root / VALIDATED / SPOILT).read_bytes() == before
    for path in checker.walk_files(root / BACKUPS):  # what the lax schema let pass lies in a backup
        name = f"{VALIDATED}/" + path.relative_to(root / BACKUPS).as_posix().partition("/")[2]
        scenario.known[name] = scenario.known.get(name, frozenset()) | {sha256_of(path)}
    scenario.remember()
    whole(scenario, followed, spent=True)


@soak
def test_lost_permissions_come_back(done: Scenario) -> None:
    modes = {path: path.stat().st_mode for path in (done.root / "data").rglob("*")}
    for path in (done.root / VALIDATED, done.root / RAW / "alpha"):
        for each in (path, *path.rglob("*")):
            os.chmod(each, 0o000 if each.is_file() else 0o600)
    followed = follow(done.root, "permissions")
    bad = [path for path, mode in modes.items() if path.stat().st_mode & 0o400 != mode & 0o400]
    assert bad == []
    done.remember()
    whole(done, followed)


# ── nobody lied ──────────────────────────────────────────────────────────────────────────────────────────────────


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


@soak
def test_two_sessions_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    """Maintenance that somebody else turned on is no obstacle, and is not lifted twice."""
    scenario = make_fresh(tmp_path / "ws", 6)
    migrate(scenario.root)
    add_second(scenario, 6)
    assert run(scenario.root, "maintenance", "on", "--reason", "somebody else").status == 0
    followed = follow(scenario.root, "transformed-data-corrupted")
    assert (followed.session.status, followed.overridden) == ("done", [])
