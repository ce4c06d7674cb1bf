"""A workspace whose items can be asked at any time: the clock is handed in, the runs are real."""

from __future__ import annotations

import gc
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.engine.actions.verify.model import VerifyParams
from console.engine.checks.checklists import ask_items
from console.engine.checks.kept import Result, keep_results
from console.engine.context import Context, open_context
from console.engine.environment import Failpoints
from console.engine.errors import EngineError
from console.engine.model import ActionParams, MigrateParams
from console.engine.runs.start import run_foreground
from tests.support.clock import fixed_environment
from tests.support.workspace import RAW, VALIDATED

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)  # files are never newer than the clock says
LEDGER = ".opsconsole/ledger.sqlite"


class Site:
    """now: what the clock says; a run moves it on by a minute."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = NOW
        self._aged: set[int] = set()

    def ctx(self, *, read_only: bool = False) -> Context:
        env = fixed_environment(self.now)
        serial = iter(range(int(self.now.timestamp()) & 0xFFFFF, 1 << 30))
        env = replace(env, token=lambda size: f"{next(serial):0{2 * size}x}"[-2 * size :])
        return open_context(self.root, env=env, read_only=read_only)

    def later(self, **time: float) -> Site:
        self.now += timedelta(**time)
        return self

    def run(self, action: str, params: ActionParams, overrides: dict[str, str] | None = None) -> int:
        """The exit status of a run, also where it is refused before there is one."""
        self._age_raw()
        try:
            return run_foreground(self.ctx(), action, params, overrides=overrides)
        except EngineError as error:
            return error.exit_status
        finally:
            gc.unfreeze()
            gc.set_threshold(700, 10, 10)
            self.later(minutes=1)

    def _age_raw(self) -> None:
        """A file that is milliseconds old when it is read is read again by the next run: ours are older."""
        for path in (self.root / RAW).rglob("*"):
            facts = path.stat()
            if path.is_file() and facts.st_ino not in self._aged:
                self._aged.add(facts.st_ino)
                os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns - 10**10))

    def young(self, path: Path) -> None:
        """This one is read so soon after it was written that its inode is not trusted yet."""
        facts = path.stat()
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**11))
        self._aged.add(facts.st_ino)

    def migrate(self, **params: Any) -> int:
        return self.run("migrate", MigrateParams(**params))

    def verify(self, **params: Any) -> int:
        return self.run("verify", VerifyParams(**params))

    def killed(self, failpoint: str) -> None:
        """A migrate that dies there."""
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                ctx = self.ctx()
                ctx = replace(ctx, env=replace(ctx.env, failpoints=Failpoints(failpoint)))
                run_foreground(ctx, "migrate", MigrateParams())
            finally:
                os._exit(70)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        self.later(minutes=1)

    def ask(self, name: str, *, keep: bool = False, read_only: bool = False) -> Result:
        """One item, now."""
        ctx = self.ctx(read_only=read_only)
        found = ctx.settings.checklists.find(name)
        assert found is not None, name
        (result,) = ask_items(ctx, found[0], (name,))
        if keep:
            assert keep_results(ctx, [result]) == ""
        return result

    def says(self, name: str) -> tuple[str, str]:
        result = self.ask(name)
        return str(result.verdict), result.evidence

    def published(self, path: str) -> Path:
        return self.root / VALIDATED / path

    def raw(self, path: str) -> Path:
        return self.root / RAW / path


def snapshot(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Everything below a folder: mode, size, time, inode."""
    found = {}
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            facts = os.lstat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = (facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return found


def flip(path: Path) -> None:
    """One bit of a file, its time as before: as a bad disk does it."""
    facts = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
