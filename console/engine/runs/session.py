"""Whether a process lives on when its session ends."""

from __future__ import annotations

import os


def ends_with_session() -> bool:
    """Whether logind kills what a user left behind when the session ends (logind.conf(5), KillUserProcesses)."""
    if not os.path.isdir("/run/systemd/system"):
        return False
    import configparser  # both are large, and most who ask need them for nothing: containers, macOS
    import glob

    kill = False
    for path in ["/etc/systemd/logind.conf", *sorted(glob.glob("/etc/systemd/logind.conf.d/*.conf"))]:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read(path)
        except configparser.Error:
            continue
        kill = parser.getboolean("Login", "KillUserProcesses", fallback=kill)
    return kill
