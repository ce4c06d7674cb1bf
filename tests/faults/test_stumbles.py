"""What people stumbled on who knew only the README: each once, from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.checker import RAW, STATE, VALIDATED
from tests.faults.conftest import Mounts
from tests.faults.scenario import end_all, ledger_rows, run, start, wait_for
from tests.faults.test_full_disk import fill_bytes_of_open_file
from tests.support import make_workspace, valid_record, write_raw
from tests.support.cli import cli_environment

NAME = "alpha/1.json"


def killed(root: Path, failpoint: str, *args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "console", "--root", str(root), *args, "--yes", "--foreground"],
        env=cli_environment({"OPSCONSOLE_FAILPOINT": failpoint}),
        cwd=root,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done


@pytest.fixture
def root(place: Path) -> Path:
    """One file published."""
    root = make_workspace(place / "ws", {NAME: [valid_record(1)]}, {"workers": 1})
    assert run(root, "migrate", "--yes").status == 0
    return root


def test_the_last_run_is_the_one_that_died(root: Path) -> None:
    """And not the good one before it."""
    write_raw(root, "alpha/2.json", [valid_record(2)])
    killed(root, "batch.renamed", "migrate")
    plan = run(root, "rollback", "--last", "--dry-run")
    assert ", died, by " in plan.text and "died; what it left is settled first" in plan.text, plan.text
    done = run(root, "rollback", "--last", "--yes", "--confirm", "ws")
    assert done.status == 0, done.text
    assert (root / VALIDATED / NAME).exists() and not (root / VALIDATED / "alpha/2.json").exists()


def test_a_source_that_is_not_there_is_not_verified(root: Path) -> None:
    for words in (["verify"], ["verify", "--dry-run"], ["verify", "--repair", "--dry-run"], ["verify", "--repair"]):
        done = run(root, *words, "--source", "alhpa", *([] if "--dry-run" in words else ["--yes"]))
        assert (done.status, "there is no source 'alhpa'" in done.text) == (2, True), (words, done.text)
        assert run(root, *words, "--source", "alpha", *([] if "--dry-run" in words else ["--yes"])).status == 0


@pytest.mark.parametrize("to", [f"{RAW}/alpha", VALIDATED, "data/_backups", "logs/migration", ".opsconsole/runs"])
def test_logs_are_archived_into_no_zone(root: Path, to: str) -> None:
    (root / to).mkdir(parents=True, exist_ok=True)
    done = run(root, "logs", "archive", "--to", str(root / to), "--yes")
    assert done.status == 4 and "target" in done.text, done.text
    assert not list((root / to).rglob("*.gz")) and not (root / to / "SHA256SUMS").exists()


def test_a_plan_that_would_be_refused_ends_with_1_and_nothing_lost_with_0(root: Path) -> None:
    refused = run(root, "logs", "archive", "--to", str(root / VALIDATED), "--dry-run")
    assert refused.status == 1 and "target" in refused.text, refused.text
    nothing = run(root, "state", "rebuild", "--yes")
    assert nothing.status == 0 and "Nothing is lost" in nothing.text, nothing.text


def test_damaged_files_can_be_listed(root: Path) -> None:
    write_raw(root, "alpha/2.json", [valid_record(2)])
    assert run(root, "migrate", "--yes").status == 0
    (root / VALIDATED / NAME).write_bytes(b"[]")
    (root / RAW / "alpha/2.json").unlink()
    assert run(root, "verify").status == 1
    rows = run(root, "state", "list", "--status", "damaged", "--json").events
    assert {row["path"] for row in rows if "path" in row} == {f"{RAW}/{NAME}", f"{RAW}/alpha/2.json"}
    assert "verify --repair" in run(root, "explain", f"{RAW}/alpha/2.json").text
    assert run(root, "verify", "--repair", "--yes").status == 0
    assert not [row for row in run(root, "state", "list", "--status", "damaged", "--json").events if "path" in row]


def test_a_vanished_source_with_its_copy_there_leads_to_a_repair(root: Path) -> None:
    (root / RAW / NAME).unlink()
    assert "verify --repair" in run(root, "explain", f"{RAW}/{NAME}").text


def test_a_broken_state_file_leads_to_a_rebuild_first(root: Path) -> None:
    state = root / STATE
    state.write_text("{")
    said = run(root, "migrate", "--yes")
    assert said.status in (4, 5), said.text
    assert said.text.index("opsconsole state rebuild") < said.text.index(".broken"), said.text
    assert run(root, "state", "rebuild", "--yes").status == 0
    assert run(root, "migrate", "--yes").status == 0


def test_a_small_disk_has_a_small_reserve_and_a_full_one_is_said(place: Path, mounts: Mounts) -> None:
    disk = mounts.tmpfs(place / "disk", "size=48m,nr_inodes=6000")
    root = make_workspace(disk / "ws", {NAME: [valid_record(1)]}, {"workers": 1})
    assert run(root, "migrate", "--yes").status == 0
    assert 4 << 20 <= (root / ".opsconsole/reserve").stat().st_size < 16 << 20
    fill_bytes_of_open_file(disk)
    kept = run(root, "state", "checkpoint")
    assert kept.status in (1, 5) and "Traceback" not in kept.text, kept.text
    assert "full" in kept.text or "No space" in kept.text, kept.text
    assert not any((root / ".opsconsole").glob("checkpoints/*"))
    back = run(root, "rollback", "--last", "--yes", "--confirm", "ws")
    assert back.status == 0, back.text
    assert not (root / VALIDATED / NAME).exists()


def test_no_last_run_says_what_there_is_instead(root: Path) -> None:
    """A rollback, which does not count and is named; a run that has not ended; or nothing."""
    first = ledger_rows(root, "SELECT id FROM runs")[0][0]
    assert run(root, "rollback", "--last", "--yes", "--confirm", "ws").status == 0
    back = ledger_rows(root, "SELECT id FROM runs WHERE action = 'rollback'")[0][0]
    for again in (["--dry-run"], ["--yes", "--confirm", "ws"]):
        said = run(root, "rollback", "--last", *again)
        assert said.status == 2 and f"the newest is the rollback {back}" in said.err, said.text
        assert f"`opsconsole rollback {back[-4:]}` does again what it took back" in said.err, said.text
    assert run(root, "rollback", back, "--yes", "--confirm", "ws").status == 0
    assert first in run(root, "rollback", "--last", "--dry-run").out


def test_no_last_run_but_one_in_progress_is_said(place: Path) -> None:
    root = make_workspace(place / "ws", {NAME: [valid_record(1)]}, {"workers": 1})
    assert "none has changed anything" in run(root, "rollback", "--last", "--dry-run").err
    going = start(root, "migrate", "--yes", "--foreground", failpoint="batch.renamed:1:stop")
    try:
        wait_for(lambda: list((root / VALIDATED).rglob("*.json")), "the file that is published")
        name = ledger_rows(root, "SELECT id FROM runs")[0][0]
        said = run(root, "rollback", "--last", "--dry-run")
        assert said.status == 2 and f"run {name} is still in progress" in said.err, said.text
    finally:
        end_all(going.mark)
        going.finish()


@pytest.mark.parametrize(
    "words",
    [
        ("archive", "--source", "alpha", "--label", "old", "--yes", "--reason"),
        ("state", "clear", "--all", "--yes", "--reason"),
        ("state", "release", "--all", "--reason"),
        ("failures", "accept", "--all", "--reason"),
        ("maintenance", "on", "--reason"),
        ("migrate", "--override", "space", "--yes", "--reason"),
        ("reprocess", "--all", "--override", "space", "--yes", "--reason"),
        ("checklist", "ack", "--note"),
    ],
)
def test_a_reason_that_is_too_short_is_not_called_missing(root: Path, words: tuple[str, ...]) -> None:
    """One rule for everything that is kept with a reason, and it is said."""
    before = ledger_rows(root, "SELECT count(*) FROM runs")
    said = run(root, *words, " ok ")
    assert said.status == 2 and "at least 3 letters" in said.err, said.text
    assert ledger_rows(root, "SELECT count(*) FROM runs") == before
    assert "at least 3 letters" not in run(root, *words, "yes").text
