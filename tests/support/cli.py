"""The command line as an operator or cron starts it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.corpus import PROJECT

# What the machine of whoever runs the tests may have set and no test wants.
_UNWANTED = ("COLUMNS", "LINES", "OPSCONSOLE_FAILPOINT", "OPSCONSOLE_ROOT", "TZ", "NO_COLOR", "FORCE_COLOR")


def cli_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment as a command line under test gets it, `env` over it."""
    environ = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
    environ["PYTHONPATH"] = str(PROJECT)
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    return {**environ, **(env or {})}


def run_cli(
    root: Path | None,
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
    stdin: str | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m console --root ROOT ARGS...` without a terminal; wait for it at most `timeout` seconds.

    root None: no --root is given (`init`). cwd: where to stand, by default the root. Standard input is empty
    unless given. Output is text; bytes that are no UTF-8 come as surrogate escapes.
    """
    command = [sys.executable, "-P", "-m", "console"]
    if root is not None:
        command += ["--root", str(root)]
    return subprocess.run(
        [*command, *args],
        cwd=cwd or root or PROJECT,
        env=cli_environment(env),
        input=stdin if stdin is not None else "",
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        check=False,
    )
