"""Another program that writes the state file: who it is, where that can be seen, and what it can have known.

The incumbent loads the file once, at its start, and after each file writes all of it from its own memory, without
a lock. What we published meanwhile is not in its version: that is no deletion by hand, and is written back.
"""

from __future__ import annotations

import bisect
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SLACK = 5.0  # seconds between a program's start, its loading of the file, and its first own entry
_OLD = 60.0  # seconds before our last version after which another program's version is an old copy


@dataclass(frozen=True, slots=True)
class Process:
    """A program that may write the state file, as the system shows it."""

    pid: int
    user: str
    started: float  # seconds since the epoch
    command: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.started, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return f"process {self.pid} of {self.user} since {since} UTC: {self.command}"


def find_process(root: Path) -> Process | None:
    """A migrate.py that runs on this root now; None where none is seen."""
    import psutil  # type: ignore[import-untyped]  # 20 ms, and only needed here

    for process in psutil.process_iter(["pid", "cmdline", "cwd", "username", "create_time"]):
        info = process.info
        words, place = info["cmdline"] or [], info["cwd"] or ""
        if info["pid"] != os.getpid() and _runs_here(words, place, root):
            return Process(info["pid"], info["username"] or "?", info["create_time"] or 0.0, " ".join(words))
    return None


def _runs_here(words: list[str], place: str, root: Path) -> bool:
    """Whether a command line is a Python that runs a migrate.py of this root, or in it. place: its folder, ''
    where the system does not show it."""
    if not words or not os.path.basename(words[0]).startswith(("python", "pypy", "migrate.py")):
        return False  # an editor or pager with the script in it writes nothing
    script = next((word for word in words if os.path.basename(word) == "migrate.py"), "")
    if not script:
        return False
    if place:
        script = os.path.join(place, script)
    elif not os.path.isabs(script):  # another user's: only that the name exists here speaks for it
        return (root / script).is_file()
    return any(f"{os.path.realpath(path)}/".startswith(f"{root}/") for path in (script, place) if path)


def in_words(last_updated: str, process: Process | None) -> str:
    """What the operator is told of a foreign writer."""
    seen = str(process) if process else "no process of it is seen now"
    return f"another program wrote the state file at {last_updated} UTC: {seen}"


def epoch(time: Any) -> float | None:
    """Seconds since the epoch of a naive UTC time of the state file, or one of the ledger; None for no time."""
    if not isinstance(time, str):
        return None
    try:
        found = datetime.fromisoformat(time)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


class History:
    """When each version was written that we wrote: what a foreign writer can have loaded."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        cursor.row_factory = None
        self._runs: list[int] = []
        self._times: list[float] = []
        for run, written_at in cursor.execute("SELECT run, written_at FROM mirrors ORDER BY run, id"):
            if not self._runs or run > self._runs[-1]:
                self._runs.append(run)
                self._times.append(epoch(written_at) or 0.0)
        first = cursor.execute("SELECT started_at FROM runs ORDER BY seq LIMIT 1").fetchone()
        self._begin = (epoch(first[0]) if first else None) or 0.0

    def last(self) -> float:
        """When we last wrote; 0 where we never did."""
        return self._times[-1] if self._times else 0.0

    def until(self, run: int) -> float:
        """When the newest version up to that of `run` was written; the start of our history where none was."""
        place = bisect.bisect_right(self._runs, run)
        return self._times[place - 1] if place else self._begin

    def since(self, run: int) -> float:
        """When the first version was written that had what `run` published."""
        place = bisect.bisect_left(self._runs, run)
        return self._times[place] if place < len(self._times) else float("inf")


def is_foreign(connection: sqlite3.Connection, judged: dict[str, Any] | None, last_updated: Any) -> bool:
    """Whether another program wrote this version: only programs set last_updated, and this is no time of ours
    nor that of the version judged last."""
    if not isinstance(last_updated, str):
        return False
    if connection.execute("SELECT 1 FROM mirrors WHERE written_at = ?", [f"{last_updated}Z"]).fetchone():
        return False
    if (judged or {}).get("last_updated") == last_updated:
        return False
    return judged is not None or connection.execute("SELECT EXISTS (SELECT 1 FROM mirrors)").fetchone()[0] == 1


def is_old_copy(history: History, last_updated: str) -> bool:
    """Whether a version of another program is older than ours: somebody put a copy back."""
    time = epoch(last_updated)
    return time is not None and time < history.last() - _OLD


class Base:
    """What a foreign writer can have known of what we published.

    It certainly had loaded everything up to `run`, the newest of our runs that its version has entries of. Of
    later ones it had not, unless it was started after they were written: its start is the process's, where it is
    seen, else its first own entry stands for it.
    """

    def __init__(self, history: History, run: int, started: float | None) -> None:
        self._history, self._run, self._started = history, run, started

    def knew(self, run: int) -> bool:
        """Whether it had loaded what our run `run` published."""
        if run <= self._run or self._started is None:
            return True
        return self._started >= self._history.since(run) + _SLACK
