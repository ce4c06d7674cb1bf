"""The thread that keeps an eye on the workspace."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.message import Message

from console.engine.context import open_context
from console.engine.model import RunStatus
from console.engine.observe.overview import Overview
from console.engine.runs.follow import Progress
from console.tui.messages import DisksRead, RunEnded, SessionsMoved
from console.tui.watch import Watcher
from tests.support import make_workspace
from widgets.samples import sample_run


@pytest.mark.parametrize("written", [True, False])
def test_what_is_written_before_the_threads_first_look_is_told(tmp_path: Path, written: bool) -> None:
    ctx = open_context(make_workspace(tmp_path / "w"))
    looked = threading.Event()
    told: list[Message] = []

    def post(message: Message) -> None:
        told.append(message)
        if len(told) > 20 or isinstance(message, SessionsMoved):
            looked.set()

    watcher = Watcher(ctx, post)
    watcher.guide()  # the pane reads
    if written:
        ctx.workspace.sessions.mkdir(parents=True)
        (ctx.workspace.sessions / "p-1.jsonl").write_text("{}\n")  # and only then the thread has its turn
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        while not looked.is_set() and (written or watcher._journals_at == 0.0):
            watcher.look()
            looked.wait(0.05)
        watcher.look()
    finally:
        watcher.stop()
        thread.join()
    assert any(isinstance(message, SessionsMoved) for message in told) == written


def test_disks_are_read_while_a_run_is_in_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that is opened during a long run says how full the disks are."""
    ctx = open_context(make_workspace(tmp_path / "w"))
    row = dataclasses.replace(sample_run(1), status=RunStatus.RUNNING)
    running = Overview("x", "h", "/", True, last_run=row, runs=(row,), running=row)
    monkeypatch.setattr("console.engine.observe.overview.overview", lambda ctx, limit: running)
    told: list[Message] = []

    def follow(*_: object, **__: object) -> Iterator[Progress]:
        yield Progress(row, [], 0.0, None, True)
        assert any(isinstance(message, DisksRead) for message in told)
        watcher.stop()
        yield Progress(row, [], 0.0, None, False)

    monkeypatch.setattr("console.engine.runs.follow.follow", follow)
    watcher = Watcher(ctx, told.append)
    watcher.run()
    assert not any(isinstance(message, RunEnded) for message in told)  # it went on, and we left
    assert watcher._stopped
