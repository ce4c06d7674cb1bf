"""The thread that keeps an eye on the workspace."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.message import Message

from console.engine.context import open_context
from console.tui.messages import SessionsMoved
from console.tui.watch import Watcher
from tests.support import make_workspace


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
