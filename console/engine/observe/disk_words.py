"""How disk figures read, on the command line and on the screen alike."""

from __future__ import annotations

import os
from collections.abc import Iterator

from console.engine.observe.disk_freeing import Freeing
from console.engine.observe.disk_tree import OTHER_FILESYSTEM
from console.engine.observe.forecast import LEAST_DAYS, Growth
from console.engine.observe.samples import DiskGrowth
from console.engine.text import plural, size

FAR_DAYS = 3650  # nobody foresees more than ten years
PRUNE = "opsconsole backups prune --keep-last 10 --dry-run"
ARCHIVE = "opsconsole logs archive --dry-run"


def growth_words(growth: Growth) -> str:
    """`+1.2 GB a day`, `none`, or that there is not enough history."""
    if growth.per_day is None:
        return "not enough history yet"
    if abs(growth.per_day) < 1:
        return "none"
    return f"{'+' if growth.per_day > 0 else '-'}{size(abs(growth.per_day))} a day"


def full_words(growth: DiskGrowth) -> str:
    """`in about 210 days`, with what is used up first where that is inodes."""
    if growth.days_left == 0:
        return "full" if growth.first_full == "bytes" else f"no {growth.first_full} left"
    if growth.used.per_day is None:
        return f"from {LEAST_DAYS} days of runs on"
    if growth.days_left is None:
        return "not in sight"
    if growth.days_left > FAR_DAYS:
        return "in over ten years"
    days = max(1, round(growth.days_left))
    what = " (inodes)" if growth.first_full == "inodes" else ""
    return f"in about {plural(days, 'day')}{what}"


def problem_words(problem: int) -> str:
    """Why a folder is not counted in full."""
    return "another file system, not entered" if problem == OTHER_FILESYSTEM else os.strerror(problem)


def freeing_words(freed: Freeing) -> Iterator[tuple[str, str]]:
    """What could be freed, a sentence each, with the command line that shows the plan ('' where nothing is to do)."""
    if freed.backups_size is None:
        yield "Backups: none yet", ""
    elif freed.backups:
        runs = plural(len(freed.backups), "run")
        yield (
            f"Backups: {size(freed.backups_size)} of {runs}; without them {size(freed.backups_frees)} would be free",
            PRUNE,
        )
    else:
        yield "Backups: none yet", ""
    if freed.logs_size is None:
        yield "Logs: none yet", ""
    elif freed.segments:
        closed = plural(freed.segments, "closed segment")
        yield f"Logs: {size(freed.logs_size)}, of which {size(freed.logs_frees)} in {closed}", ARCHIVE
    else:
        yield f"Logs: {size(freed.logs_size)}, no closed segment", ""
