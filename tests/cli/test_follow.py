"""What is said of a run that is followed: the progress line, the headline, its end."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.cli.follow_run import progress_text
from console.cli.result import headline
from console.engine.model import Counts, RunRow, RunStatus
from console.engine.runs.follow import Progress
from tests.cli.harness import HELD, big_workspace, catches, held_run, lines_of, rows, start, until
from tests.support import run_cli


def running(**changes: Any) -> RunRow:
    times: dict[str, Any] = {"started_at": "2026-03-04T05:06:07Z", "ended_at": None, "heartbeat_at": ""}
    row = RunRow(
        seq=1, id="20260304T050607Z-migrate-7f3a", action="migrate", status=RunStatus.RUNNING, phase="publish",
        params={}, command="", who={}, pid=1, pid_started=1.0, host="", total_files=1304, done_files=812,
        total_bytes=0, done_bytes=0, counts=Counts(), exit_status=None, message="", settings_digest="",
        durability="", timings={}, gate=[], overrides={}, verification=[], cancel_by=None, cancel_at=None, **times,
    )  # fmt: skip
    return replace(row, **changes)


def said(row: RunRow, rate: float = 214.0, left: float | None = 3.0) -> str:
    return progress_text(Progress(row, [], rate, left, alive=True))


def test_a_run_in_the_middle() -> None:
    text = said(running())
    assert text.startswith("migrate 7f3a  publish   62 % ")
    assert "812/1,304 files" in text
    assert "214/s" in text
    assert text.endswith("3.0 s left")
    assert len(text) < 80


@pytest.mark.parametrize("done", [0, 1304, 2000])
def test_the_share_stays_between_0_and_100(done: int) -> None:
    text = said(running(done_files=done))
    assert ("  0 %" if done == 0 else "100 %") in text


def test_a_run_that_cannot_tell_yet() -> None:
    text = said(running(total_files=0, done_files=0, phase=""), rate=0.0, left=None)
    assert text == "migrate 7f3a  starting"


def test_a_run_that_is_being_cancelled() -> None:
    assert "cancelling" in said(running(cancel_at="2026-03-04T05:06:08Z"))


def test_a_run_whose_process_is_gone_has_died() -> None:
    head = "".join(part if isinstance(part, str) else part[1] for part in headline(running(host=socket.gethostname())))
    assert head == "migrate 7f3a: died, 812 of 1,304 files"


@pytest.mark.parametrize("attached", [False, True], ids=["own", "attached"])
def test_a_killed_run_is_said_to_have_died_and_not_to_be_running(tmp_path: Path, attached: bool) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root) as pid:
        watcher = start(root, "runs", "attach") if attached else process
        until(lambda: catches(watcher, signal.SIGTERM), "the watcher to watch")
        os.kill(pid, signal.SIGKILL)
    stdout, stderr = watcher.communicate(timeout=60)
    assert watcher.returncode == 1
    assert "died" in stderr
    assert "running" not in stdout + stderr
    if attached:
        assert ": died, " in stdout
        stdout, _ = process.communicate(timeout=60)
    assert lines_of(stdout)[-1]["status"] == "interrupted"
    assert ": died, " in run_cli(root, "runs", "show", rows(root, "SELECT id FROM runs")[0][0]).stdout


def test_a_dry_run_beside_a_run_says_that_it_may_be_out_of_date(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root):
        run = rows(root, "SELECT id FROM runs")[0][0]
        done = run_cli(root, "migrate", "--dry-run", "--sample", "1")
        (*_, summary) = lines_of(run_cli(root, "migrate", "--dry-run", "--sample", "1", "--json").stdout)
    process.communicate(timeout=60)
    said = f"run {run} is in progress: the counts of this plan may be out of date"
    assert f"Note: {said}" in done.stdout
    assert summary["message"] == said
