"""What a restore of a schema is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.model import ActionParams


@dataclass(frozen=True, slots=True)
class SchemaRestoreParams(ActionParams):
    """checksum: of the rule whose schema comes back; whole, resolved when the plan is made."""

    checksum: str = field(default="", metadata={"positional": True})
