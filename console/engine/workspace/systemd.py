"""Services and timers for migrate, check and verify, and the same as cron lines, as text; `opsconsole init --systemd`
writes them.

How far the services are closed is judged by `systemd-analyze security`. Left open on purpose, as the work needs it:
PrivateUsers and chown (files take the group of their folder), RestrictSUIDSGID (folders hand their group on by setgid),
ProtectProc (whether the holder of the lock still lives), MemoryDenyWriteExecute (whatever a notification starts).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Job:
    """What is done when. options: of the command line; calendar: systemd.time(7); cron: five fields; extra: lines of
    the service, with {unit}."""

    name: str
    title: str
    options: tuple[str, ...]
    calendar: str
    cron: str
    delay: str
    extra: str


_RUN = """\
# 3: somebody else's run holds the lock. That is no failure of this one; the next run takes up what it leaves.
SuccessExitStatus=3
# A run that is asked to stop finishes the batch in hand.
KillMode=mixed
TimeoutStopSec=10min
"""

JOBS = (
    Job(
        "migrate",
        "migrate every night",
        ("migrate", "--yes", "--foreground"),
        "*-*-* 02:30:00",
        "30 2 * * *",
        "10min",
        _RUN,
    ),
    Job(
        "check",
        "look for alerts every ten minutes",
        ("check", "--notify"),
        "*:0/10",
        "*/10 * * * *",
        "20s",
        """\
# 1 to 3 are what it found, and no failure of its own; `journalctl -u {unit}` has the words.
SuccessExitStatus=1 2 3
# For Prometheus: node_exporter --collector.textfile.directory=/run/{unit}
RuntimeDirectory={unit}
RuntimeDirectoryPreserve=yes
TimeoutStopSec=1min
""",
    ),
    Job(
        "verify",
        "verify every week",
        ("verify", "--yes", "--foreground"),
        "Sun *-*-* 04:30:00",
        "30 4 * * 0",
        "30min",
        _RUN + "Nice=10\nIOSchedulingClass=idle\n",
    ),
)

_SERVICE = """\
# Written by opsconsole init for {root_comment}. To use it, as root:
#   systemctl link {folder_comment}/{unit}.service {folder_comment}/{unit}.timer
#   systemctl enable --now {unit}.timer
[Unit]
Description=opsconsole: {title}, {description}
RequiresMountsFor={mounts}

[Service]
Type=exec
User={user}
WorkingDirectory={directory}
ExecStart={python} -P -m console --root {root} {options}
{extra}
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
{writable}{private_tmp}PrivateDevices=yes
PrivateMounts=yes
{network}ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM
CapabilityBoundingSet=
"""

_ALONE = """\
# Nothing leaves this machine. Where [notify] has to reach another: init writes these lines as that needs them.
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
"""
_NETWORK = """\
# [notify] of the configuration tells others, perhaps over the network.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""

_TIMER = """\
# Written by opsconsole init. Change the times with: systemctl edit {unit}.timer
[Unit]
Description=opsconsole: {title}, {description}

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay}
Persistent=yes

[Install]
WantedBy=timers.target
"""

_CRON = """\
# Written by opsconsole init for {root_comment}, for a machine without systemd. To use it, as root:
#   cp {place} /etc/cron.d/{name}
# Without cron.d: the same lines without the user in `crontab -e`. What a command says on standard error is mailed.
"""


def units(
    root: Path, user: str, writable: Sequence[Path], python: str = "", *, network: bool = False
) -> dict[str, str]:
    """Unit file name -> text, a service and a timer a job.

    writable: the root, and zones that lie elsewhere. user: whose the files are. network: a notification may need it.
    Raises ValueError for a path with a line break, which no unit file can hold.
    """
    program = python or sys.executable
    _one_line(root, *writable, program)
    made = {}
    for job in JOBS:
        unit = unit_name(root, job.name)
        options = " ".join(job.options)
        if job.name == "check":
            options += f" --format prometheus --output {_quoted(f'/run/{unit}/opsconsole.prom', command=True)}"
        values = {
            "unit": unit,
            "title": job.title,
            "options": options,
            "extra": job.extra.format(unit=unit),
            "calendar": job.calendar,
            "delay": job.delay,
            "root_comment": str(root),
            "folder_comment": shlex.quote(str(root / "config/systemd")),
            "description": str(root).replace("%", "%%"),
            "user": user,
            "mounts": _quoted(str(root)),
            "directory": str(root).replace("%", "%%"),  # takes the rest of the line as it is
            "python": _quoted(program, command=True),
            "root": _quoted(str(root), command=True),
            "writable": "".join(f"ReadWritePaths={_quoted(str(path))}\n" for path in writable),
            "network": _NETWORK if network else _ALONE,
            # its own /tmp would hide a workspace that lies there
            "private_tmp": "" if str(root).startswith(("/tmp/", "/var/tmp/")) else "PrivateTmp=yes\n",
        }
        made[f"{unit}.service"] = _SERVICE.format(**values)
        made[f"{unit}.timer"] = _TIMER.format(**values)
    return made


def cron_lines(root: Path, user: str, place: Path, python: str = "") -> str:
    """The same jobs for /etc/cron.d, as crontab(5) has it. place: where the text is written.

    Raises ValueError as `units`.
    """
    program = python or sys.executable
    _one_line(root, place, program)
    name = re.sub(r"\.", "-", unit_name(root, "")).strip("-")  # cron skips files with a dot in their name
    text = _CRON.format(root_comment=root, place=shlex.quote(str(place)), name=name)
    for job in JOBS:
        command = shlex.join([program, "-P", "-m", "console", "--root", str(root), *job.options]) + " >/dev/null"
        text += f"{job.cron}\t{user}\t{command.replace('%', chr(92) + '%')}\n"
    return text


def unit_name(root: Path, job: str) -> str:
    """`opsconsole-`, the job's name and the root folder's name, - for what a unit name cannot have."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", root.name).strip("-.") or "root"
    return "-".join(part for part in ("opsconsole", job, name) if part)


def _one_line(*paths: object) -> None:
    if any("\n" in str(path) or "\r" in str(path) for path in paths):
        raise ValueError("a path with a line break cannot stand in a systemd unit")


def _quoted(text: str, *, command: bool = False) -> str:
    """`text` as one word of a unit file (systemd.syntax(7)): % is a specifier, $ a variable in commands."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if command:
        text = text.replace("$", "$$")
    return f'"{text}"'
