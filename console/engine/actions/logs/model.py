"""What archiving and trimming of logs are asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.model import ActionParams


@dataclass(frozen=True, slots=True)
class LogsTrimParams(ActionParams):
    """One of the two: how many of the newest lines of each log stay, or the lines of how many days."""

    keep_lines: int = 0
    keep_days: int = 0


@dataclass(frozen=True, slots=True)
class LogsArchiveParams(ActionParams):
    """to: an existing folder, absolute. keep: how many of the newest closed segments of each log stay."""

    to: str = ""
    keep: int = 0
