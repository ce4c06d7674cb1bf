"""The root folder and what of ours lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """The root an operator works in, resolved once with realpath."""

    root: Path

    @property
    def private(self) -> Path:
        """Our own folder."""
        return self.root / ".opsconsole"

    @property
    def ledger(self) -> Path:
        return self.private / "ledger.sqlite"

    @property
    def ledger_backup(self) -> Path:
        return self.private / "ledger.backup.sqlite"

    @property
    def lock(self) -> Path:
        return self.private / "lock"

    @property
    def holder(self) -> Path:
        """JSON beside the lock: who holds it, for which run, since when."""
        return self.private / "holder.json"

    @property
    def reserve(self) -> Path:
        return self.private / "reserve"

    def run_folder(self, run: str) -> Path:
        return self.private / "runs" / run

    def path(self, relative: str) -> Path:
        """A path of ours, made absolute; no confinement check (see `confine`)."""
        return self.root / relative

    def confine(self, given: str) -> str:
        """What an operator typed, as a path relative to the root. Raises UsageError when it leads outside."""
        raise NotImplementedError


def open_workspace(root: Path) -> Workspace:
    """Resolve `root`. Raises UsageError where there is no such folder."""
    raise NotImplementedError
