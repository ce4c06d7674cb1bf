"""The configuration: where it is, what it may say, and what is wrong with it."""

from console.engine.settings.load import DEFAULT_CONFIG, load_settings
from console.engine.settings.model import Settings
from console.engine.settings.time_zone import find_zone

__all__ = ["DEFAULT_CONFIG", "Settings", "find_zone", "load_settings"]
