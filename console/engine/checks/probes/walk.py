"""Walking a zone so that what cannot be looked into is told, not passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator

from console.engine.checks.probes.look import Look


def below(look: Look, zone: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(path relative to the zone, entry) of everything below it that is no folder; links are not followed.

    zone: as configured; nothing where it is not there. Ends early when nobody waits any more. Raises OSError for a
    folder that cannot be looked into.
    """
    top = os.path.realpath(look.ctx.workspace.path(zone))
    stack = [""]
    while stack and not look.cancelled():
        folder = stack.pop()
        try:
            with os.scandir(f"{top}/{folder}" if folder else top) as entries:
                found = list(entries)
        except FileNotFoundError:
            continue  # it is not there, or went since its name was read
        for entry in found:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                stack.append(relative)
            else:
                yield relative, entry
