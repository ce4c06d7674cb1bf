"""Reading the configuration (to be written)."""

from __future__ import annotations

from pathlib import Path

from console.engine.settings.model import Settings


def load_settings(root: Path, config: str = "") -> Settings:
    raise NotImplementedError
