"""Which logs a workspace has. Reading them is logs_view's, finding in them logs_search's business."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from console.engine.settings.model import Settings
from console.engine.workspace.layout import Workspace

RUNS_LISTED = 50  # newest runs whose error output is listed
_ROTATED = re.compile(r"(.+\.(?:log|json|txt))(?:\.(\d{1,3}))?\Z")


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log of a workspace. `label` names it among the others; unsanitised."""

    path: str  # absolute
    label: str
    kind: str  # text | structured | stderr | other
    rotation: int = 0  # 0: the one that is written; n: rotated n times
    run: str = ""  # the run whose error output it is
    size: int = 0
    mtime: float = 0.0


def workspace_logs(workspace: Workspace, settings: Settings) -> list[LogFile]:
    """The logs that there are now: text and structured migration log with their rotations, then error output
    of the newest runs, then whatever else lies in the log folders. The first two are listed even before they
    exist.

    Reads folders only; never raises: what cannot be listed is left out.
    """
    folder = workspace.path(settings.log_dir)
    state = os.path.basename(settings.state_file)
    main = [("migration.log", "text"), ("migration.json", "structured")]
    found = {name: _log(folder / name, name, kind) for name, kind in main}
    listed = [found[name] or LogFile(str(folder / name), name, kind) for name, kind in main]
    rotated: list[LogFile] = []
    others: list[LogFile] = []
    for base in dict.fromkeys((folder, workspace.root / "logs")):
        for name in _names(base):
            matched = _ROTATED.match(name)
            if matched is None or name == state or (base == folder and name in found):
                continue
            label = name if base == folder else f"logs/{name}"
            number = int(matched[2] or 0)
            kind = next((kind for main_name, kind in main if matched[1] == main_name), "other")
            log = _log(base / name, label, kind, rotation=number)
            if log is not None:
                (rotated if number and kind != "other" else others).append(log)
    rotated.sort(key=lambda log: (log.kind != "text", log.rotation))
    others.sort(key=lambda log: log.label)
    return listed + rotated + _run_output(workspace) + others


def _run_output(workspace: Workspace) -> list[LogFile]:
    logs: list[LogFile] = []
    runs = workspace.private / "runs"
    for run in sorted(_names(runs), reverse=True)[:RUNS_LISTED]:
        for name in ("stderr", "stderr.log", "stderr.txt"):
            log = _log(runs / run / name, f"run {run} errors", "stderr", run=run)
            if log is not None and log.size:
                logs.append(log)
    return logs


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _log(path: Path, label: str, kind: str, *, rotation: int = 0, run: str = "") -> LogFile | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return LogFile(str(path), label, kind, rotation, run, found.st_size, found.st_mtime)
