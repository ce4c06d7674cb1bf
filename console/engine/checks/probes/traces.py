"""Whether runs were here once, where no ledger says so: what a ledger that is lost leaves behind."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.ledger.blank import was_recorded
from console.engine.ledger.mirror_adopt import needs_adoption
from console.engine.text import count, plural

_RUN = re.compile(r"\d{8}T\d{6}Z-[a-z-]+-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Traces:
    """ours: what only runs of ours leave, in words. entries: of a state file, about, whoever wrote it."""

    ours: tuple[str, ...] = ()
    entries: int = 0

    def __bool__(self) -> bool:
        return bool(self.ours or self.entries)

    def __str__(self) -> str:
        said = list(self.ours)
        if self.entries:
            said.append(f"the state file names about {plural(self.entries, 'file')}")
        return ", ".join(said)

    @property
    def next_step(self) -> str:
        if self.ours:
            return "`opsconsole state rebuild --dry-run` shows what it can be made anew from"
        if not self.entries:
            return "`opsconsole migrate`"
        return "`opsconsole adopt` if another program wrote it; `opsconsole state rebuild` if the ledger is lost"


def traces_of_runs(ctx: Context) -> Traces:
    """What speaks for earlier runs. A few listings, at most the first window of the state file. Raises OSError for a
    folder that cannot be looked into."""
    workspace = ctx.workspace
    ours = []
    copies = [workspace.ledger_backup, workspace.ledger_anew]
    if any(os.path.lexists(path) for path in copies):
        ours.append(f"a copy of one lies in {os.path.relpath(workspace.private, workspace.root)}")
    folder = workspace.private / "runs"  # one in which nothing lies is of a run that died before there was a ledger
    runs = sum(1 for name in _names(str(folder)) if _RUN.fullmatch(name) and was_recorded(folder / name))
    if runs:
        ours.append(f"{plural(runs, 'run')} left a folder there")
    backups = sum(1 for name in _names(str(workspace.path(ctx.settings.zones.backups))) if _RUN.fullmatch(name))
    if backups:
        ours.append(f"{count(backups)} left a backup")
    return Traces(tuple(ours), needs_adoption(ctx, None))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
