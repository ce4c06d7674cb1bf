"""What the actions on the state are asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.errors import UsageError
from console.engine.globs import compile_glob
from console.engine.model import ActionParams
from console.engine.reasons import check_reason


@dataclass(frozen=True, slots=True)
class ClearParams(ActionParams):
    """Which entries count as not processed from then on: single files (raw paths relative to the root), or all, those
    of a source, or those a glob (relative to the source folder) matches; source and pattern together narrow."""

    files: tuple[str, ...] = field(default=(), metadata={"positional": True})
    source: str = ""
    pattern: str = ""
    all: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(self.files))  # JSON has lists

    def check(self) -> None:
        """Raises UsageError where it does not say which entries, or why."""
        chosen = [bool(self.files), bool(self.source or self.pattern), self.all].count(True)
        if chosen != 1:
            raise UsageError(
                "say which entries are to be cleared",
                untouched="everything",
                next_step="FILE…, or --source and --pattern, or --all",
            )
        check_reason(self.reason, "clearing entries needs a reason")
        if self.pattern:
            compile_glob(self.pattern)


@dataclass(frozen=True, slots=True)
class RestoreParams(ActionParams):
    """checkpoint: its id, resolved when the plan is made."""

    checkpoint: str = field(default="", metadata={"positional": True})
