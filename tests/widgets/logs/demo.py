"""A ten-line app around the pane, and waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from console.engine.observe.logs import LogFile
from widgets.logs import LogPane
from widgets.logs.bars import LogBar, LogFoot
from widgets.logs.rows import LogRows

PATIENCE = 20.0  # seconds until a condition counts as never coming true


class Demo(App[None]):
    def __init__(self, files: Sequence[LogFile]) -> None:
        super().__init__()
        self.files = list(files)
        self.said: list[Message] = []

    def compose(self) -> ComposeResult:
        yield LogPane(lambda: self.files)

    def on_mount(self) -> None:
        self.query_one(LogPane).focus()

    def on_log_pane_problem(self, message: LogPane.Problem) -> None:
        self.said.append(message)

    def on_log_pane_follow_changed(self, message: LogPane.FollowChanged) -> None:
        self.said.append(message)

    @property
    def pane(self) -> LogPane:
        return self.query_one(LogPane)

    def screen_lines(self) -> list[str]:
        """The rows as they are drawn, without blanks at the end."""
        rows = self.query_one(LogRows)
        return [rows.render_line(y).text.rstrip() for y in range(rows.size.height)]

    def bar(self) -> str:
        return self.query_one(LogBar).render_line(0).text.rstrip()

    def foot(self) -> str:
        return self.query_one(LogFoot).render_line(0).text.rstrip()


def log_file(path: Path, kind: str = "text", run: str = "") -> LogFile:
    found = os.stat(path)
    return LogFile(str(path), path.name, kind, run=run, size=found.st_size, mtime=found.st_mtime)


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str = "") -> None:
    """Let the app run until the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        app = pilot.app
        assert isinstance(app, Demo)
        assert time.monotonic() < end, f"never: {what}\n" + "\n".join([app.bar(), *app.screen_lines(), app.foot()])
        await pilot.pause()
        await asyncio.sleep(0.005)
