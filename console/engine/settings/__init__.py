"""The configuration: where it is, what it may say, and what is wrong with it."""

from console.engine.settings.load import load_settings
from console.engine.settings.model import Settings

__all__ = ["Settings", "load_settings"]
