"""The lock of the root: one mutating run at a time. The lock is the OS's; the note beside it only names the holder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from filelock import FileLock, Timeout

from console.engine.errors import EngineError, LockedError
from console.engine.workspace import Workspace
from console.engine.workspace.people import why_not
from console.engine.workspace.shared import ensure_shared, write_shared


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: which run of which action, which person, where, since when (UTC ISO 8601)."""

    run: str
    action: str
    user: str
    host: str
    pid: int
    since: str
    terminal: str = ""

    def sentence(self) -> str:
        where = f"{self.user}@{self.host}" + (f" ({self.terminal})" if self.terminal else "")
        return f"{where} holds the lock since {self.since} for run {self.run} (process {self.pid})"


def read_holder(workspace: Workspace) -> Holder | None:
    """What the note says; None where there is none. It says nothing about whether the holder still lives."""
    try:
        document = json.loads(workspace.holder.read_bytes())
        return Holder(**{key: document[key] for key in Holder.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def locked_error(workspace: Workspace) -> LockedError:
    """The error that says who holds the lock and what to do."""
    holder = read_holder(workspace)
    return LockedError(
        "another run is in progress: " + (holder.sentence() if holder else "its holder left no note"),
        file=str(workspace.lock),
        untouched="everything",
        next_step=f"`opsconsole runs attach {holder.run.rsplit('-', 1)[-1]}` shows it; or wait and try again"
        if holder
        else "wait and try again",
    )


class RootLock:
    """Takes the lock without waiting; it is gone with its process, however that dies.

    Workers are forked before it is taken, so that they never inherit its descriptor.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        # never the soft lock that a file system without flock would get: it outlives its holder
        self._lock = FileLock(
            str(workspace.lock), timeout=0, mode=0o664, fallback_to_soft=False, preserve_lock_file=True
        )

    def acquire(self, holder: Holder) -> None:
        """Raises LockedError when another process holds it, EngineError when this file system has no locks."""
        try:
            ensure_shared(self._workspace.lock)
            self._lock.acquire()
        except Timeout:
            raise locked_error(self._workspace) from None
        except (OSError, NotImplementedError) as error:
            path = str(self._workspace.lock)
            reason = why_not(path, os.R_OK | os.W_OK) or str(error)
            raise EngineError(f"the lock cannot be taken: {reason}", file=path, untouched="everything") from error
        part = self._workspace.holder.with_suffix(".part")
        try:
            part.unlink(missing_ok=True)
            write_shared(part, json.dumps(asdict(holder)).encode())
            os.replace(part, self._workspace.holder)
        except OSError:  # a full disk: the lock holds all the same, only its note is old
            part.unlink(missing_ok=True)

    def release(self) -> None:
        self._workspace.holder.unlink(missing_ok=True)
        self._lock.release()
