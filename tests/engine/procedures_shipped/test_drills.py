"""Drills: workspaces that are broken for real, each brought back by following its procedure alone.

What must hold afterwards an independent checker says (tests/faults/checker.py); nothing may be lost.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.engine.procedures import guide
from tests.engine.procedures_shipped.following import Followed, follow
from tests.faults import checker
from tests.faults.checker import BACKUPS, LEDGER, RAW, STATE, VALIDATED, sha256_of, tree
from tests.faults.damage import flip, snapshot
from tests.faults.scenario import SPOILT, Scenario, add_second, first_name, make_fresh, make_waiting, migrate, run
from tests.support import SMALL_SCHEMA, valid_record, write_raw
from tests.support.workspace import encode

soak = pytest.mark.soak
SCHEMA = "config/schemas/small.json"


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
    return Scenario(scenario.root, scenario.known).remember()


def whole(scenario: Scenario, followed: Followed, **more: Any) -> None:
    """The procedure came to its end with nothing overridden, the checker finds nothing, and no run has work left."""
    assert (followed.session.status, followed.overridden) == ("done", [])
    assert not (scenario.root / ".opsconsole/maintenance.json").exists()
    assert scenario.examine(**more) == []
    last = migrate(scenario.root)
    assert last.status == 1, last.text  # those that failed from the beginning
    counts = last.summary["counts"]
    assert (counts["processed"], counts["revalidated"]) == (0, 0), last.text
    assert scenario.examine(**more) == []


def last_run(root: Path) -> str:
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        return str(connection.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()[0])


# ── what lies in the zones ───────────────────────────────────────────────────────────────────────────────────────


def test_corrupted_copies_are_replaced_and_nothing_else(done: Scenario) -> None:
    before = snapshot(done.root)
    names = [f"{VALIDATED}/{name}" for name in sorted(tree(done.root)) if not name.endswith("_metadata.json")][:3]
    for name in names:
        flip(done.root / name, random.Random(name))
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "verify", "what", "device", "repair", "rest", "again", "allow"]
    after = snapshot(done.root)
    zones = [name for name in before if name.startswith((VALIDATED, RAW))]
    assert {name: after[name].sha256 for name in zones} == {name: before[name].sha256 for name in zones}
    assert {name for name in zones if after[name].mtime_ns != before[name].mtime_ns} <= set(names)
    whole(done, followed)


@soak
def test_where_nothing_is_damaged_nothing_is_done(done: Scenario) -> None:
    before = snapshot(done.root)
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "verify", "what", "allow"]
    assert snapshot(done.root) == before
    whole(done, followed)


@soak
def test_a_corrupted_raw_file_gets_its_bytes_back(done: Scenario, tmp_path: Path) -> None:
    path = f"{RAW}/{first_name(4)}"
    before = sha256_of(done.root / path)
    flip(done.root / path, random.Random(1))
    (tmp_path / "kept").mkdir()
    answers = {"which": path, "folder": str(tmp_path / "kept")}
    followed = follow(done.root, "raw-data-corrupted", answers)
    assert "repair" in followed.way
    assert sha256_of(done.root / path) == before
    assert len(list((tmp_path / "kept").iterdir())) == 1
    done.remember()
    whole(done, followed)


@soak
def test_a_raw_file_without_a_copy_comes_again_from_its_source(done: Scenario, tmp_path: Path) -> None:
    """Raw and published copy are damaged, alike; a new version takes their place, and readers see it whole."""
    path = first_name(4)
    for zone in (RAW, VALIDATED):
        flip(done.root / zone / path, random.Random(1))
    (tmp_path / "kept").mkdir()
    content = [valid_record(99)]
    answers: dict[str, Any] = {
        "which": f"{RAW}/{path}",
        "folder": str(tmp_path / "kept"),
        "how": "No",
        "import": lambda root: write_raw(root, path, content),
    }
    followed = follow(done.root, "raw-data-corrupted", answers)
    new = encode(path, content)
    assert (done.root / VALIDATED / path).read_bytes() == new
    done.known[f"{VALIDATED}/{path}"] |= {sha256_of(done.root / VALIDATED / path)}
    done.remember()
    kept = [sha256_of(file) for file in checker.walk_files(done.root / BACKUPS) if file.name == Path(path).name]
    done.known[f"{VALIDATED}/{path}"] |= set(kept)  # the damaged copy lies in the run's backup
    whole(done, followed)


def test_an_emptied_zone_comes_back_as_it_was_published(done: Scenario) -> None:
    """Also what today's schema would refuse: nothing is judged again."""
    before = tree(done.root)
    strict = json.loads(json.dumps(SMALL_SCHEMA))
    strict["properties"]["amount"]["minimum"] = 10_000_000
    schema = (done.root / SCHEMA).read_bytes()
    (done.root / SCHEMA).write_text(json.dumps(strict))
    for name in os.listdir(done.root / VALIDATED):
        shutil.rmtree(done.root / VALIDATED / name)
    refused = migrate(done.root)
    assert refused.status == 4 and "missing" in refused.text
    followed = follow(done.root, "validated-lost", {"what": "Yes"})
    assert followed.way[:5] == ["stop", "what", "verify", "rest", "repair"]
    assert tree(done.root) == before
    (done.root / SCHEMA).write_bytes(schema)
    whole(done, followed)


@soak
def test_a_zone_that_is_not_mounted_is_mounted_and_nothing_is_copied(done: Scenario) -> None:
    aside = done.root.parent / "aside"
    (done.root / VALIDATED).rename(aside)
    (done.root / VALIDATED).mkdir()
    before = {path: path.stat().st_ino for path in checker.walk_files(aside)}

    def mount(root: Path) -> None:
        (root / VALIDATED).rmdir()
        aside.rename(root / VALIDATED)

    followed = follow(done.root, "validated-lost", {"what": "No", "mount": mount})
    assert "repair" not in followed.way
    assert sorted(path.stat().st_ino for path in checker.walk_files(done.root / VALIDATED)) == sorted(before.values())
    whole(done, followed)


@soak
def test_raw_files_that_are_back_are_found_whole(done: Scenario) -> None:
    aside = done.root.parent / "aside"
    (done.root / RAW).rename(aside)
    (done.root / RAW).mkdir()
    assert migrate(done.root).status == 4

    def mount(root: Path) -> None:
        (root / RAW).rmdir()
        aside.rename(root / RAW)

    whole(done, follow(done.root, "raw-not-mounted", {"what": "No", "mount": mount}))


@pytest.mark.parametrize("state", [False, pytest.param(True, marks=soak)])
def test_an_old_backup_copied_over_is_taken_back(done: Scenario, state: bool) -> None:
    before = tree(done.root)
    backup = next(path for path in sorted((done.root / BACKUPS).iterdir()))
    subprocess.run(f"cp -r {backup}/* {done.root / VALIDATED}/", shell=True, check=True)
    if state:  # the runbook's next line
        shutil.copy(done.root / f"{STATE}.bak", done.root / STATE)
    assert tree(done.root) != before
    followed = follow(done.root, "stale-backup-copied", {"flat": "No"})
    assert tree(done.root) == before
    whole(done, followed)


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("again", [True, pytest.param(False, marks=soak)])
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


@pytest.mark.parametrize(
    "failpoint", ["batch.renamed:1", *(pytest.param(f"{p}:1", marks=soak) for p in ("batch.intended", "run.recorded"))]
)
def test_an_interrupted_run_is_settled(tmp_path: Path, failpoint: str) -> None:
    scenario = make_waiting(tmp_path / "ws")
    killed = migrate(scenario.root, "--foreground", failpoint=failpoint)
    assert killed.status == -signal.SIGKILL, killed.text
    followed = follow(scenario.root, "interrupted-run", {"go": "Publish"})
    whole(scenario, followed)


# ── what records it ──────────────────────────────────────────────────────────────────────────────────────────────


def _half(root: Path) -> None:
    (root / STATE).write_bytes((root / STATE).read_bytes()[:-700])


def _garbage(root: Path) -> None:
    (root / LEDGER).write_bytes(b"no ledger at all" * 500)


def _zeroed(root: Path) -> None:
    data = bytearray((root / LEDGER).read_bytes())
    data[4096:12288] = bytes(8192)
    (root / LEDGER).write_bytes(data)


def _gone(root: Path) -> None:
    for path in (root / ".opsconsole").glob("ledger.*"):
        path.unlink()


@pytest.mark.parametrize("how", [_half, pytest.param(lambda root: (root / STATE).unlink(), marks=soak, id="gone")])
def test_a_state_file_that_is_damaged_is_written_again(done: Scenario, how: Callable[[Path], None]) -> None:
    before, published = json.loads((done.root / STATE).read_bytes())["processed_files"], snapshot(done.root)
    how(done.root)
    followed = follow(done.root, "damaged-state-file")
    assert "rebuild" in followed.way
    assert json.loads((done.root / STATE).read_bytes())["processed_files"].keys() == before.keys()
    assert snapshot(done.root) == published
    whole(done, followed)


@pytest.mark.parametrize("how", [_garbage, pytest.param(_zeroed, marks=soak), pytest.param(_gone, marks=soak)])
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
def test_a_lax_schema_is_taken_back_and_what_it_let_pass_is_withdrawn(tmp_path: Path) -> None:
    scenario = make_waiting(tmp_path / "ws")
    root = scenario.root
    right = (root / SCHEMA).read_bytes()
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        fingerprint = connection.execute("SELECT fingerprint FROM rules").fetchone()[0]
    (root / SCHEMA).write_text(json.dumps({"type": "object"}))
    migrate(root)
    assert (root / VALIDATED / "gamma/manual/bad.json").exists()
    followed = follow(root, "bad-schema", {"which": fingerprint, "did": "It let"})
    assert (root / SCHEMA).read_bytes() == right
    assert not (root / VALIDATED / "gamma/manual/bad.json").exists()
    assert (followed.session.status, followed.overridden) == ("done", [])
    assert (root / VALIDATED / SPOILT).exists()


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


def test_a_step_whose_workspace_is_not_mended_is_not_ticked(done: Scenario) -> None:
    """The run reports success; then the workspace is damaged again before the tick."""
    from console.engine.errors import RefusedError

    for name in os.listdir(done.root / VALIDATED):
        shutil.rmtree(done.root / VALIDATED / name)
    followed = follow(done.root, "validated-lost", {"what": "Yes"}, stop_at="again")
    from tests.engine.procedures_shipped.following import do_run

    session = do_run(followed.ctx, followed.session)
    (done.root / VALIDATED / first_name(4)).unlink()
    with pytest.raises(RefusedError):
        guide.tick(followed.ctx, session)
    assert session.step is not None and session.step.id == "again"


def test_two_sessions_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    """Maintenance that somebody else turned on is no obstacle, and is not lifted twice."""
    scenario = make_fresh(tmp_path / "ws", 6)
    migrate(scenario.root)
    add_second(scenario, 6)
    assert run(scenario.root, "maintenance", "on", "--reason", "somebody else").status == 0
    followed = follow(scenario.root, "transformed-data-corrupted")
    assert (followed.session.status, followed.overridden) == ("done", [])
