"""The time zone of logs and screens: the configured one, else the server's; never $TZ of whoever asks."""

from __future__ import annotations

import os
from datetime import tzinfo
from pathlib import Path

LOCALTIME = Path("/etc/localtime")


def find_zone(name: str, localtime: Path = LOCALTIME) -> tzinfo:
    """The zone called `name` (IANA); with empty text the server's, and UTC where the server says nothing.

    Raises LookupError where there is no such zone.
    """
    from zoneinfo import ZoneInfo  # only where a time is shown

    if not name:
        return server_zone(localtime)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise LookupError(f"there is no time zone called {name!r}") from None


def server_zone(localtime: Path = LOCALTIME) -> tzinfo:
    """What /etc/localtime says, by its IANA name where it is a link into the zone database."""
    from zoneinfo import ZoneInfo

    _, found, name = os.path.realpath(localtime).partition("/zoneinfo/")
    if found:
        for key in (name, name.partition("/")[2]):  # the second for zoneinfo/posix/Europe/Berlin
            try:
                return ZoneInfo(key)
            except (LookupError, ValueError, OSError):
                continue
    try:
        with localtime.open("rb") as stream:
            return ZoneInfo.from_file(stream, key="localtime")
    except (OSError, ValueError):
        return ZoneInfo("UTC")


def nearest_zone(name: str) -> str:
    """The IANA name that `name` was probably meant to be; '' where none is near."""
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    by_lower = {known.lower(): known for known in available_timezones()}
    near = get_close_matches(name[:100].lower().replace(" ", "_"), by_lower, n=1, cutoff=0.7)
    return by_lower[near[0]] if near else ""
