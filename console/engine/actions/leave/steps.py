"""What of ours goes and what of the others comes back, found by looking; done step by step, each by one rename."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.settings import DEFAULT_CONFIG, load_settings
from console.engine.workspace.default_config import console_toml
from console.engine.workspace.entry_points import INCUMBENT_CONFIG, MIGRATE_SCRIPT, VALIDATE_SCRIPT, is_ours


@dataclass(frozen=True, slots=True)
class LeaveStep:
    """restore: `old` is renamed to `path`, in place of ours. remove: `path` is ours, as we wrote it. keep: stays."""

    kind: str
    path: str
    old: str = ""

    def __str__(self) -> str:
        if self.kind == "restore":
            return f"put {self.old} back as {self.path}"
        if self.kind == "remove":
            return f"remove {self.path}, which `opsconsole init` wrote and nobody changed"
        return self.path


def leave_steps(ctx: Context) -> list[LeaveStep]:
    """Everything in order; an empty list where nothing but the state file is to be put back."""
    root = ctx.workspace.root
    return [*_scripts(root), *_configuration(root)]


def _scripts(root: Path) -> Iterator[LeaveStep]:
    for script in (MIGRATE_SCRIPT, VALIDATE_SCRIPT):
        try:
            if not is_ours(root / script):
                continue
        except OSError:
            continue  # none there, or a link: not ours in any case
        kept = _newest_kept(root, script)
        yield (
            LeaveStep("restore", script, kept) if kept else LeaveStep("keep", f"{script} (nothing stood there before)")
        )


def _newest_kept(root: Path, script: str) -> str:
    """The script that ours replaced last: `init` numbers them."""
    folder, name = os.path.split(script)
    pattern = re.compile(re.escape(name) + r"\.incumbent(?:-(\d+))?")
    try:
        found = [
            (int(match[1] or 1), entry) for entry in os.listdir(root / folder) if (match := pattern.fullmatch(entry))
        ]
    except OSError:
        return ""
    return f"{folder}/{max(found)[1]}" if found else ""


def _configuration(root: Path) -> Iterator[LeaveStep]:
    """Our configuration goes where it is what `init` made of the other program's, and that one is still there."""
    ours, theirs = root / DEFAULT_CONFIG, root / INCUMBENT_CONFIG
    if not ours.is_file():
        return
    try:
        made = console_toml(load_settings(root, INCUMBENT_CONFIG)).encode() if theirs.is_file() else b""
        same = ours.read_bytes() == made
    except (EngineError, OSError):
        same = False
    yield LeaveStep("remove", DEFAULT_CONFIG) if same else LeaveStep("keep", DEFAULT_CONFIG)


def perform(ctx: Context, step: LeaveStep) -> None:
    """Do one step. Raises OSError; doing it again finishes it."""
    path = ctx.workspace.path(step.path)
    if step.kind == "restore":
        os.replace(ctx.workspace.path(step.old), path)
    elif step.kind == "remove":
        path.unlink(missing_ok=True)
