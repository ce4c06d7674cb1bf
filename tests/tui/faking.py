"""The console with an engine that says what a test wants it to say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import EngineError
from console.engine.model import MigrateParams, Plan
from console.engine.runs.start import StartedRun
from console.tui.watch import Watcher
from tests.support import make_workspace
from widgets.samples import sample_plan

READ_LEDGER = Watcher._read


@dataclass
class Engine:
    """What the fakes answer, and what they were asked."""

    ctx: Context
    scan: Callable[[], Plan] = sample_plan
    full: Callable[[], Plan | None] = lambda: sample_plan(depth="full")
    refusal: EngineError | None = None
    asked: list[MigrateParams] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0  # progress reports of the full plan before it is ready
    hold: Callable[[], bool] = lambda: False  # the full plan waits while this is true


def fake_engine(monkeypatch: pytest.MonkeyPatch, root: Path, *, read_only: bool = False) -> Engine:
    """A workspace without data, and fakes for planning, judging and starting."""
    engine = Engine(open_context(make_workspace(root), read_only=read_only))

    def plan_migrate(ctx: Context, params: MigrateParams, **kwargs: Any) -> Plan:
        engine.asked.append(params)
        return engine.scan()

    def judge(
        ctx: Context, params: MigrateParams, *, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
    ) -> Plan | None:
        for step in range(engine.steps):
            progress(step, engine.scan().files)
        while engine.hold():
            if cancelled():
                return None
            os.sched_yield()
        return engine.full()

    def start_run(ctx: Context, action: str, params: MigrateParams, **kwargs: Any) -> StartedRun:
        engine.started.append({"action": action, "params": params, **kwargs})
        if engine.refusal is not None:
            raise engine.refusal
        reader, writer = os.pipe()
        os.close(writer)
        process = subprocess.Popen([sys.executable, "-c", ""])
        return StartedRun("20260304T140200Z-migrate-7f3a", process.pid, reader, process)

    # what the ledger says comes from the test alone, as messages
    monkeypatch.setattr(Watcher, "_read", lambda watcher: False)
    monkeypatch.setattr("console.engine.actions.migrate.plan.plan_migrate", plan_migrate)
    monkeypatch.setattr("console.tui.planner.judge", judge)
    monkeypatch.setattr("console.engine.runs.start.start_run", start_run)
    return engine
