"""What a starter asks of a run process, and where that run keeps its papers. Light: a starter waits for its import."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.workspace.shared import make_folder


def new_run_id(ctx: Context, action: str) -> str:
    """`<UTC yyyymmddThhmmssZ>-<action>-<4 hex>`; DESIGN: "Words"."""
    return f"{ctx.env.now():%Y%m%dT%H%M%SZ}-{action.replace(' ', '-')}-{ctx.env.token(2)}"


@dataclass(frozen=True, slots=True)
class Request:
    """What a starter asks of a run process."""

    run: str
    action: str
    params: dict[str, Any]
    command: str
    overrides: dict[str, str] = field(default_factory=dict)
    binding: dict[str, str] | None = None  # of a confirmed plan; its files lie in runs/<run>/confirmed.jsonl
    who: dict[str, Any] = field(default_factory=dict)  # environment.Who of the person who asked


def make_private(ctx: Context, run: str) -> Path:
    """`.opsconsole/runs/<run>`, with the root's group and mode so that the group shares it."""
    folder = ctx.workspace.run_folder(run)
    make_folder(folder, hand_on=True)  # SQLite makes files there, whose group only the folder can give
    return folder
