"""What an adoption would do, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.actions.adopt.compare import Found
from console.engine.model import GateItem


@dataclass(slots=True)
class AdoptPlan:
    """Counts by `Found`, with a few examples of each; nothing has been changed, no file's bytes were read.

    other_files: files of the validated zone that no entry names; other_backups: files below the backup zone
    that no run of ours made. about: entries, as a glance at the file's beginning tells. unreadable:
    entries that nobody understands are counted in `Found.FOREIGN`.
    """

    state_file: str
    made_at: str
    command: str
    entries: int = 0
    about: int = 0
    found: dict[Found, int] = field(default_factory=dict)
    examples: dict[Found, list[tuple[str, str]]] = field(default_factory=dict)  # path as spelled, reason
    other_files: int = 0
    other_examples: list[str] = field(default_factory=list)
    other_backups: int = 0
    bytes: int = 0  # of the published copies, which the run reads
    last_updated: str = ""  # as the state file says, UTC
    gate: list[GateItem] = field(default_factory=list)

    @property
    def adopted(self) -> int:
        """Entries that would be adopted, as far as sizes and times tell."""
        return sum(number for found, number in self.found.items() if found.adopted)

    @property
    def left(self) -> int:
        """Entries that stay as they are: known, never touched, carried on in the state file."""
        return self.entries - self.adopted

    @property
    def refused(self) -> list[GateItem]:
        return [item for item in self.gate if item.refuses]
