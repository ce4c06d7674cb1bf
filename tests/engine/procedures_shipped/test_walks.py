"""The procedures of every day, and those of troubles that no fault battery makes, walked to their end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from console.engine.context import open_context
from console.engine.errors import LedgerError
from console.engine.procedures import guide
from console.engine.procedures.acts import ACTS
from console.engine.runs.query import list_runs
from tests.engine.procedures_shipped.following import Followed, follow
from tests.faults.scenario import start, wait_for
from tests.support import SMALL_SCHEMA, invalid_record, make_workspace, valid_record, write_raw
from tests.support.another import publish_as_another
from tests.support.cli import run_cli
from tests.support.hold import hold
from tests.support.workspace import RAW, VALIDATED

soak = pytest.mark.soak
BAD = f"{RAW}/b/bad.json"


def well(followed: Followed) -> None:
    assert (followed.session.status, followed.overridden) == ("done", [])


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample workspace as `init --sample` makes it: nothing has run yet."""
    assert run_cli(None, "init", str(tmp_path / "ws"), "--sample", cwd=tmp_path).returncode == 0
    return tmp_path / "ws"


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    """Six files of two sources are published, one fails."""
    files: dict[str, object] = {f"{'ab'[n % 2]}/{2020 + n}-01-01/{n}.json": [valid_record(n)] for n in range(6)}
    root = make_workspace(tmp_path / "ws", {**files, "b/bad.json": [invalid_record(1)]})
    assert run_cli(root, "migrate", "--yes").returncode == 1
    return root


def test_the_daily_check_walks_to_its_end_on_the_sample(sample: Path) -> None:
    followed = follow(sample, "daily-check", {"errors": "There are no", "waiting": "Publish"})
    assert followed.way == ["whole", "errors", "waiting", "preflight", "migrate", "checked", "numbers", "usual", "who"]
    well(followed)


@soak
def test_the_sample_through_every_day(sample: Path) -> None:
    well(follow(sample, "standard-migration", {"failed": "Nothing"}))
    well(follow(sample, "daily-check", {"errors": "There are no", "waiting": "Nothing"}))
    well(follow(sample, "weekly-check"))
    well(follow(sample, "validate-data", {"what": "All is good"}))


@soak
def test_errors_are_acknowledged_on_the_way(ws: Path) -> None:
    followed = follow(ws, "daily-check", {"words": "the funder knows", "waiting": "Nothing"})
    assert "acknowledge" in followed.way
    well(followed)


@soak
def test_a_new_source_is_published_and_one_that_fails_is_told(ws: Path) -> None:
    for n in range(8):
        write_raw(ws, f"new/{n}.json", [valid_record(n)])
        write_raw(ws, f"poor/{n}.json", [invalid_record(n)])
    well(follow(ws, "new-source", {"which": "new"}))
    assert len(list((ws / VALIDATED / "new").iterdir())) == 8
    followed = follow(ws, "new-source", {"which": "poor"})
    assert followed.way[-1] == "told"
    well(followed)


@soak
@pytest.mark.parametrize("how", ["Their copies stay", "Their copies are withdrawn"])
def test_published_files_are_judged_by_a_new_rule(ws: Path, how: str) -> None:
    schema = json.loads(json.dumps(SMALL_SCHEMA))
    schema["properties"]["amount"]["minimum"] = 1003
    (ws / "config/schemas/small.json").write_text(json.dumps(schema))
    well(follow(ws, "reprocess", {"how": how}))
    there = sum(1 for path in (ws / VALIDATED).rglob("*.json"))
    assert there == (3 if "withdrawn" in how else 6)


@soak
def test_old_data_is_archived_with_its_manifest(ws: Path) -> None:
    answers = {"until": "2022-06-01", "source": "a", "label": "old", "why": "superseded"}
    well(follow(ws, "archive", answers))
    assert len(list((ws / "data/raw/_archive/old").rglob("*.json"))) == 2
    well(follow(ws, "archive", {**answers, "source": ""}))
    assert len(list((ws / "data/raw/_archive/old").rglob("*.json"))) == 3


@soak
@pytest.mark.parametrize("how", ["Move", "Remove"])
def test_logs_are_cleaned(ws: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "to").mkdir()
    shutil.copy(ws / "logs/migration/migration.log", ws / "logs/migration/migration.log.2")
    well(follow(ws, "clean-logs", {"how": how, "folder": str(tmp_path / "to"), "days": "1"}))
    assert len(os.listdir(tmp_path / "to")) >= (how == "Move")


# ── a file that fails, or is not there ───────────────────────────────────────────────────────────────────────────


@soak
@pytest.mark.parametrize("how", ["The data", "It needs"])
def test_a_new_version_is_published(ws: Path, how: str) -> None:
    deliver = {"ask": lambda root: write_raw(root, "b/bad.json", [valid_record(7)])}
    answers = {"which": BAD, "how": how, **deliver, "clean": deliver["ask"]}
    well(follow(ws, "validation-error", answers))
    assert (ws / VALIDATED / "b/bad.json").exists()


@soak
def test_a_schema_that_was_wrong_is_changed(ws: Path) -> None:
    def change(root: Path) -> None:
        schema = json.loads(json.dumps(SMALL_SCHEMA))
        del schema["properties"]["amount"]["minimum"]
        (root / "config/schemas/small.json").write_text(json.dumps(schema))

    well(follow(ws, "validation-error", {"which": BAD, "how": "The rule", "schema": change}))
    assert (ws / VALIDATED / "b/bad.json").exists()


@soak
def test_a_failure_is_answered_for(ws: Path) -> None:
    well(follow(ws, "validation-error", {"which": BAD, "how": "It is known", "reason": "the funder says so"}))
    assert run_cli(ws, "migrate", "--yes").returncode == 0


@soak
def test_why_a_file_is_not_published(ws: Path) -> None:
    answers = {"reason": "it was right"}
    write_raw(ws, "a/late.json", [valid_record(9)])
    late = f"{RAW}/a/late.json"
    well(follow(ws, "files-not-processed", {"which": late, "why": "It waits"}))
    assert run_cli(ws, "rollback", "--last", "--yes", "--confirm", "ws").returncode == 0
    assert not (ws / VALIDATED / "a/late.json").exists()
    well(follow(ws, "files-not-processed", {"which": late, "why": "It is held", **answers}))
    (ws / VALIDATED / "a/late.json").unlink()
    well(follow(ws, "files-not-processed", {"which": late, "why": "It was published"}))
    assert (ws / VALIDATED / "a/late.json").exists()
    well(follow(ws, "files-not-processed", {"which": late}))  # by evidence: it is there


@soak
def test_a_checksum_that_does_not_agree_is_mended(ws: Path) -> None:
    path = next((ws / VALIDATED).rglob("*.json"))
    before, facts = path.read_bytes(), path.stat()
    path.write_bytes(before.replace(b"Other", b"Othes", 1))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    followed = follow(ws, "checksum-mismatch", {"what": "Copies"})
    assert path.read_bytes() == before
    well(followed)
    well(follow(ws, "checksum-mismatch"))  # by evidence: nothing repeats


# ── others ───────────────────────────────────────────────────────────────────────────────────────────────────────


@soak
def test_a_foreign_writer_is_stopped_and_settled(ws: Path) -> None:
    write_raw(ws, "c/new.json", [valid_record(20)])
    script = Path(__file__).parents[2] / "support/incumbent.py"
    (ws / "scripts/migration").mkdir(parents=True)
    shutil.copy(script, ws / "scripts/migration/migrate.py")
    command = [sys.executable, "scripts/migration/migrate.py", str(ws)]
    process = Popen(command, cwd=ws, stdin=PIPE, stdout=PIPE, text=True)
    process.communicate("\n" * 20, timeout=60)
    assert (ws / VALIDATED / "c/new.json").exists()
    followed = follow(ws, "foreign-writer")
    well(followed)
    assert run_cli(ws, "state", "reconcile").returncode == 0


@soak
def test_an_old_workspace_is_adopted(tmp_path: Path) -> None:
    root = publish_as_another(make_workspace(tmp_path / "ws", {f"a/{n}.json": [valid_record(n)] for n in range(5)}))
    before = {path: path.read_bytes() for path in (root / VALIDATED).rglob("*.json")}
    well(follow(root, "adopt-workspace", {"judge": "A portion"}))
    assert {path: path.read_bytes() for path in before} == before
    assert run_cli(root, "migrate", "--yes", "--json").returncode == 0


@soak
def test_a_lock_is_waited_for_by_asking_its_run_to_stop(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {f"a/{n}.json": [valid_record(n)] for n in range(400)})
    other = start(root, "migrate", "--yes", "--json", "--foreground")
    ctx = open_context(root)
    wait_for((root / ".opsconsole/holder.json").exists, "the lock to be taken")

    def recorded() -> bool:
        with suppress(LedgerError):
            return bool(list_runs(ctx))
        return False

    wait_for(recorded, "the run to be recorded")
    hold(other.process.pid, root)
    run = list_runs(ctx)[0].short
    followed = follow(root, "locked", {"how": "Ask", "which": run}, stop_at="free")
    assert followed.session.step is not None and followed.session.step.id == "free"
    os.kill(other.process.pid, signal.SIGCONT)
    other.finish()
    session = guide.tick(ctx, followed.session)
    assert session.status == "done"


@soak
def test_processing_that_somebody_stopped_is_allowed_again(ws: Path) -> None:
    assert run_cli(ws, "maintenance", "on", "--reason", "the disk is replaced").returncode == 0
    well(follow(ws, "stopped-processing"))
    assert run_cli(ws, "migrate", "--yes").returncode == 1


@soak
def test_a_refused_run_leads_on(ws: Path) -> None:
    assert run_cli(ws, "maintenance", "on", "--reason", "the disk is replaced").returncode == 0
    assert run_cli(ws, "migrate", "--yes").returncode == 4
    run = list_runs(open_context(ws))[0].short
    followed = follow(ws, "refused-run", {"which": run, "what": "maintenance"})
    assert followed.way[-1] == "note"
    well(followed)


@soak
def test_room_and_speed_and_time_and_version_are_looked_at(ws: Path) -> None:
    well(follow(ws, "disk-space", {"how": "Old backups", "last": "1"}))
    well(follow(ws, "slow-runs"))
    well(follow(ws, "ledger-version"))


def test_every_short_act_says_which_command_does_the_same(ws: Path) -> None:
    """Its command line is one that there is, and takes what it is given."""
    for name, act in ACTS.items():
        words = act.command.split()[1:]
        given = [word for word in words if not word.startswith("{")]
        helped = run_cli(ws, *[word for word in given if not word.startswith("-")], "--help")
        assert helped.returncode == 0, name
        assert all(word in helped.stdout for word in given if word.startswith("--")), name
