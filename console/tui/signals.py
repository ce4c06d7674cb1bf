"""ctrl+z: whether there is a shell to come back from. What signals and a lost terminal do is in widgets.leaving."""

from __future__ import annotations

import os


def can_come_back() -> bool:
    """Whether a shell would notice that we stopped: a parent of our group in the same session."""
    try:
        group, session = os.getpgrp(), os.getsid(0)
        parent = os.getppid()
        while parent > 1 and os.getsid(parent) == session:
            if os.getpgid(parent) != group:
                return True
            parent = _parent_of(parent)
    except OSError:
        return False
    return False


def _parent_of(pid: int) -> int:
    """Field 4 of /proc/PID/stat (proc(5)); 0 where it cannot be read."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
