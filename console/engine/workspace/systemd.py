"""A service and a timer that run migrate, as text; `opsconsole init --systemd` writes them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_SERVICE = """\
# Written by opsconsole init for {root_comment}. To use it, as root:
#   systemctl link {folder_comment}/{unit}.service {folder_comment}/{unit}.timer
#   systemctl enable --now {unit}.timer
[Unit]
Description=Migrate {description}
RequiresMountsFor={mounts}

[Service]
Type=exec
User={user}
WorkingDirectory={directory}
ExecStart={python} -P -m console --root {root} migrate --yes --foreground
# 3: somebody else's run holds the lock. That is no failure of this one; the next run takes up what it leaves.
SuccessExitStatus=3
# A run that is asked to stop finishes the batch in hand.
KillMode=mixed
TimeoutStopSec=10min

NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
{writable}{private_tmp}PrivateDevices=yes
PrivateNetwork=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
CapabilityBoundingSet=
"""

_TIMER = """\
# Written by opsconsole init. Change the times with: systemctl edit {unit}.timer
[Unit]
Description=Migrate {description} every night

[Timer]
OnCalendar=*-*-* 02:30:00
RandomizedDelaySec=10min
Persistent=yes

[Install]
WantedBy=timers.target
"""


def units(root: Path, user: str, writable: list[Path], python: str = "") -> dict[str, str]:
    """Unit file name -> text. writable: the root, and zones that lie elsewhere. user: who migrates.

    Raises ValueError for a path with a line break, which no unit file can hold.
    """
    paths = [str(root), str(root / "x"), *map(str, writable), python or sys.executable]
    if any("\n" in path or "\r" in path for path in paths):
        raise ValueError("a path with a line break cannot stand in a systemd unit")
    unit = unit_name(root)
    values = {
        "unit": unit,
        "root_comment": str(root),
        "folder_comment": str(root / "config/systemd"),
        "description": str(root).replace("%", "%%"),
        "user": user,
        "mounts": _quoted(str(root)),
        "directory": str(root).replace("%", "%%"),  # takes the rest of the line as it is
        "python": _quoted(python or sys.executable, command=True),
        "root": _quoted(str(root), command=True),
        "writable": "".join(f"ReadWritePaths={_quoted(str(path))}\n" for path in writable),
        # its own /tmp would hide a workspace that lies there
        "private_tmp": "" if str(root).startswith(("/tmp/", "/var/tmp/")) else "PrivateTmp=yes\n",
    }
    return {f"{unit}.service": _SERVICE.format(**values), f"{unit}.timer": _TIMER.format(**values)}


def unit_name(root: Path) -> str:
    """`opsconsole-migrate-` and the root folder's name, - for what a unit name cannot have."""
    return "opsconsole-migrate-" + (re.sub(r"[^A-Za-z0-9_.]+", "-", root.name).strip("-.") or "root")


def _quoted(text: str, *, command: bool = False) -> str:
    """`text` as one word of a unit file (systemd.syntax(7)): % is a specifier, $ a variable in commands."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if command:
        text = text.replace("$", "$$")
    return f'"{text}"'
