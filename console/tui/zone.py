"""The time zone that times are shown in: the workspace's, else the server's, never $TZ (DESIGN: "Formats")."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def time_zone(name: str) -> tzinfo:
    """`name` as the configuration has it; '' is the server's /etc/localtime; UTC where neither can be read."""
    try:
        if name:
            return ZoneInfo(name)
        with open("/etc/localtime", "rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return UTC
