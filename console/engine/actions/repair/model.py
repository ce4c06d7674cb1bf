"""What a repair is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.model import ActionParams


@dataclass(frozen=True, slots=True)
class RepairParams(ActionParams):
    """source: only files of one source, '' for all."""

    source: str = ""
