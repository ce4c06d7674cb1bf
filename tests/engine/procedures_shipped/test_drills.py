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

from console.engine.errors import RefusedError
from console.engine.procedures import guide
from tests.engine.procedures_shipped.following import Followed, do_run, follow
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
    return Scenario(scenario.root, scenario.known, restored=True).remember()


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


def new_version(scenario: Scenario) -> None:
    """The file whose second version fails gets a third one: else only its published copy has the bytes of the first."""
    content = [valid_record(4711)]
    write_raw(scenario.root, SPOILT, content)
    assert migrate(scenario.root).status == 1
    scenario.known[f"{VALIDATED}/{SPOILT}"] |= {sha256_of(scenario.root / VALIDATED / SPOILT)}
    scenario.remember()


# ── what lies in the zones ───────────────────────────────────────────────────────────────────────────────────────


def test_corrupted_copies_are_replaced_and_nothing_else(done: Scenario) -> None:
    before = snapshot(done.root)
    names = [name for name in sorted(before) if name.startswith(VALIDATED) and not name.endswith("_metadata.json")]
    names = [name for name in names if not name.endswith(SPOILT)][:3]
    for name in names:
        flip(done.root / name, random.Random(name))
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "look", "verify", "what", "device", "repair", "rest", "again", "allow"]
    after = snapshot(done.root)
    zones = [name for name in before if name.startswith((VALIDATED, RAW))]
    assert {name: after[name].sha256 for name in zones} == {name: before[name].sha256 for name in zones}
    assert {name for name in zones if after[name].mtime_ns != before[name].mtime_ns} <= set(names)
    whole(done, followed)


@soak
def test_where_nothing_is_damaged_nothing_is_done(done: Scenario) -> None:
    before = snapshot(done.root)
    followed = follow(done.root, "transformed-data-corrupted")
    assert followed.way == ["stop", "look", "verify", "what", "allow"]
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


@soak
def test_an_emptied_zone_comes_back_as_it_was_published(done: Scenario) -> None:
    """Also what today's schema would refuse: nothing is judged again."""
    new_version(done)
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
    assert followed.way[:6] == ["stop", "look", "what", "verify", "rest", "repair"]
    assert tree(done.root) == before
    (done.root / SCHEMA).write_bytes(schema)
    whole(done, followed)


@soak
def test_a_copy_of_which_nothing_is_left_comes_again_from_its_owner(done: Scenario) -> None:
    """Raw has other bytes by now, which fail: of the first version only the published copy was left."""
    before = tree(done.root)
    for name in os.listdir(done.root / VALIDATED):
        shutil.rmtree(done.root / VALIDATED / name)
    followed = follow(done.root, "validated-lost", {"what": "Yes", "owner": lambda root: write_raw(root, SPOILT, "[]")})
    assert "owner" in followed.way
    gone = {name for name, digest in before.items() if tree(done.root).get(name) != digest and digest != "folder"}
    assert gone == {SPOILT}
    new_version(done)
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


@soak
@pytest.mark.parametrize("state", [False, True])
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


@soak
def test_a_foreign_backup_copied_over_is_taken_back(done: Scenario) -> None:
    """Of another workspace: other versions of our names, files in folders of ours, and one at the top."""
    before = tree(done.root)
    names = [name for name in before if name.endswith("data.json") and name != SPOILT][:2]
    for name in (*names, "alpha/dumps/extra/data.json", "data.json"):
        path = done.root / VALIDATED / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode("x.json", [valid_record(5)]))

    def move(root: Path) -> None:
        shutil.move(root / VALIDATED / "data.json", root.parent)
        shutil.move(root / VALIDATED / "alpha/dumps/extra", root.parent)

    followed = follow(done.root, "stale-backup-copied", {"flat": "Yes", "move": move})
    assert tree(done.root) == before
    for path in checker.walk_files(done.root / BACKUPS):  # what was copied over is kept
        name = f"{VALIDATED}/" + path.relative_to(done.root / BACKUPS).as_posix().partition("/")[2]
        done.known[name] = done.known.get(name, frozenset()) | {sha256_of(path)}
    whole(done, followed)


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
