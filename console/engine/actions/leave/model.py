"""What leaving would do, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.model import GateItem


@dataclass(slots=True)
class LeavePlan:
    """Nothing has been changed yet. steps: what would be put back or removed. unsaid: what the state file cannot
    say and only our ledger knows. kept: what of ours stays, and where."""

    command: str
    steps: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    gate: list[GateItem] = field(default_factory=list)

    @property
    def refused(self) -> list[GateItem]:
        return [item for item in self.gate if item.refuses]
