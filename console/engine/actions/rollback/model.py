"""What a rollback is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.model import ActionParams


@dataclass(frozen=True, slots=True)
class RollbackParams(ActionParams):
    """run: the id of the run to take back, resolved when the plan is made."""

    run: str = field(default="", metadata={"positional": True})
    all_or_nothing: bool = False  # refuse where one file cannot be taken back
