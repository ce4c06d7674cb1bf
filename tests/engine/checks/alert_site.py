"""A workspace on which real runs happen in this process, at whatever hour a test says it is."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.engine.actions.verify.model import VerifyParams
from console.engine.checks.alerts.look import look
from console.engine.checks.alerts.model import Reading
from console.engine.checks.alerts.settle import settled
from console.engine.context import Context, open_context
from console.engine.model import Check, MigrateParams
from console.engine.observe.alerts import Alert
from console.engine.runs.start import run_foreground
from tests.support import RAW, fixed_environment, make_workspace, write_raw
from tests.support.clock import Clock

HOUR, DAY = 3600.0, 86400.0


class Site:
    """clock: what time it is for everybody here.

    It begins two minutes from now: so far another clock may be ahead, and so every file is older than its run.
    """

    def __init__(
        self, root: Path, files: Mapping[str, object], alerts: Mapping[str, Any] | None = None, **config: Any
    ) -> None:
        self.config: dict[str, Any] = {"workers": 1, "alerts": {"off": ["disk"], **(alerts or {})}, **config}
        self.root = make_workspace(root, files, self.config)
        self.clock = Clock(datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=2))
        self._env = fixed_environment(clock=self.clock)
        for path in (self.root / RAW).rglob("*.json*"):
            _long_ago(path)

    @property
    def ctx(self) -> Context:
        """As a program that starts now sees it."""
        return open_context(self.root, env=self._env)

    def migrate(self, **params: Any) -> int:
        return run_foreground(self.ctx, "migrate", MigrateParams(**params))

    def verify(self) -> int:
        return run_foreground(self.ctx, "verify", VerifyParams())

    def put(self, path: str, content: object) -> Path:
        """A raw file that has lain there for a while: one that was written just now is judged again by the next run."""
        return _long_ago(write_raw(self.root, path, content))

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def ask(self, rule: str, before: Collection[str] = ()) -> tuple[Reading, ...]:
        """What this rule says, in order."""
        return look(self.ctx, (rule,), before=before).readings

    def verdict(self, rule: str) -> Check:
        """Of the only thing that this rule says."""
        (reading,) = self.ask(rule)
        assert reading.rule == rule and reading.text
        return reading.verdict

    def alerts(self) -> dict[str, Alert]:
        """What is counted now, by its key."""
        counted = settled(self.ctx).alerts
        found = {alert.key or str(alert.cause): alert for alert in counted}
        assert len(found) == len(counted)
        return found

    def log(self) -> Path:
        return self.root / "logs/migration/migration.json"


def _long_ago(path: Path) -> Path:
    when = path.stat().st_mtime - 60
    os.utime(path, (when, when))
    return path


def flip_a_bit(path: Path) -> None:
    """Other bytes, the same identity: as a disk does it."""
    facts = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with open(path, "r+b") as file:
        file.write(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
