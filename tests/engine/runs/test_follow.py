"""Following a run from outside: when it is over."""

from __future__ import annotations

import os
import socket
from itertools import islice
from pathlib import Path

from console.engine.ledger.store import transaction
from console.engine.runs.follow import follow
from console.engine.runs.query import process_started
from tests.engine.ledger.filled import add_run, filled_workspace, opened


def test_a_run_whose_pipe_has_closed_is_dead_before_its_process_is_gone(tmp_path: Path) -> None:
    ctx = filled_workspace(tmp_path / "ws")
    pid = os.getpid()  # it lives as long as this test looks
    facts = {"pid": pid, "pid_started": process_started(pid), "host": socket.gethostname()}
    with opened(ctx) as connection, transaction(connection):
        run = add_run(connection, 2, status="running", ended_at=None, exit_status=None, **facts)
    reader, writer = os.pipe()
    os.close(writer)
    try:
        seen = list(islice(follow(ctx, run, interval=0.0, done_fd=reader), 3))
    finally:
        os.close(reader)
    assert [progress.alive for progress in seen] == [True, False]
