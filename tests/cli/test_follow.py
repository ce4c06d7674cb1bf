"""What the progress line says of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from console.cli.follow_run import progress_text
from console.engine.model import Counts, RunRow, RunStatus
from console.engine.runs.follow import Progress


def running(**changes: Any) -> RunRow:
    times: dict[str, Any] = {"started_at": "2026-03-04T05:06:07Z", "ended_at": None, "heartbeat_at": ""}
    row = RunRow(
        seq=1, id="20260304T050607Z-migrate-7f3a", action="migrate", status=RunStatus.RUNNING, phase="publish",
        params={}, command="", who={}, pid=1, pid_started=1.0, host="", total_files=1304, done_files=812,
        total_bytes=0, done_bytes=0, counts=Counts(), exit_status=None, message="", settings_digest="",
        durability="", timings={}, gate=[], overrides={}, verification=[], cancel_by=None, cancel_at=None, **times,
    )  # fmt: skip
    return replace(row, **changes)


def said(row: RunRow, rate: float = 214.0, left: float | None = 3.0, alive: bool = True) -> str:
    return progress_text(Progress(row, [], rate, left, alive))


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


def test_a_run_that_is_being_cancelled_and_one_that_is_dead() -> None:
    assert "cancelling" in said(running(cancel_at="2026-03-04T05:06:08Z"))
    assert "died" in said(running(), alive=False)
    assert "died" not in said(running(status=RunStatus.DONE), alive=False)
