"""Who may run the old script: lines of cron and of systemd that name a migrate.py. Reads what this user may read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from console.engine.checks.command import run_program
from console.engine.checks.probes.look import Look
from console.engine.text import count, recordable
from console.engine.workspace.entry_points import is_ours

# Files, or folders whose files are read, each with whether a line has to be told apart from comments.
CRON = (
    "/etc/crontab",
    "/etc/anacrontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron",
    "/var/spool/cron/crontabs",
)
UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
USER_UNITS = "~/.config/systemd/user"
CRONTAB = ("crontab", "-l")
_MOST = 256 * 1024  # bytes of one file
_SECONDS = 5
_SCRIPT = re.compile(r"[^\s'\"=;&|]*\bmigrate\.py\b")


@dataclass(frozen=True, slots=True)
class Suspects:
    """here: lines that name a script for this root, or that may be for it. elsewhere: lines that name another place.
    closed: what could not be read, in words; '' for nothing."""

    here: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    closed: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        others = tuple(f"of another place: {line}" for line in self.elsewhere)
        return (*self.here, *others, *((self.closed,) if self.closed else ()))


def suspects(look: Look) -> Suspects:
    """What cron and systemd are told about a migrate.py. Starts `crontab -l`, in a session that may."""
    here, elsewhere, closed = list[str](), list[str](), list[str]()
    for place, line in _lines(look, closed):
        found = _SCRIPT.search(line)
        if found is None or line.lstrip().startswith(("#", ";")):
            continue
        said = f"{place} says: {recordable(line.strip())[:200]}"
        root = str(look.ctx.workspace.root)
        script = found[0] if os.path.isabs(found[0]) else os.path.join(root, found[0])
        if os.path.isabs(found[0]) and root not in line:
            elsewhere.append(said)
        elif not _ours(script):
            here.append(said)
    words = f"not readable for this user: {', '.join(closed[:3])}" if closed else ""
    words += f" and {count(len(closed) - 3)} more" if len(closed) > 3 else ""
    return Suspects(tuple(dict.fromkeys(here)), tuple(dict.fromkeys(elsewhere)), words)


def _ours(script: str) -> bool:
    """Whether it is the script that `init` wrote: what that starts is no foreign writer."""
    try:
        return is_ours(Path(script))
    except OSError:
        return False


def _lines(look: Look, closed: list[str]) -> Iterator[tuple[str, str]]:
    """(where, line); what cannot be read is added to `closed`."""
    for folder in (*CRON, *UNITS, os.path.expanduser(USER_UNITS)):
        unit = "systemd" in folder
        for path in _files(folder, closed):
            if look.cancelled():
                return
            if unit and not path.endswith((".service", ".timer")):
                continue
            try:
                with open(path, "rb") as file:
                    text = file.read(_MOST).decode("utf-8", "replace")
            except FileNotFoundError:
                continue
            except OSError:
                closed.append(path)
                continue
            yield from ((path, line) for line in text.splitlines() if "migrate.py" in line)
    if look.ctx.read_only:
        return
    status, data, _ = run_program(look, CRONTAB, _SECONDS)
    if status == 0:
        user = look.ctx.env.who.user
        yield from ((f"the crontab of {user}", line) for line in data.decode("utf-8", "replace").splitlines())


def _files(place: str, closed: list[str]) -> list[str]:
    try:
        if not os.path.isdir(place):
            return [place] if os.path.lexists(place) else []
        return sorted(entry.path for entry in os.scandir(place) if entry.is_file())
    except PermissionError:
        closed.append(place)
    except OSError:
        pass
    return []
