"""The completion script in a real bash, with a real Tab."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pexpect
import pytest

from tests.cli.harness import LIMIT
from tests.support import run_cli
from tests.support.cli import cli_environment


@pytest.fixture
def shell(ws: Path, tmp_path: Path) -> pexpect.spawn[str]:
    """An interactive bash in the workspace that has loaded the script."""
    if shutil.which("bash") is None:
        pytest.skip("not shown here: bash is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "opsconsole"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m console "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "script.bash"
    script.write_text(run_cli(ws, "completion", "bash").stdout)
    environ = cli_environment({"PS1": "READY> ", "TERM": "dumb"})
    environ["PATH"] = f"{folder}:{environ['PATH']}"
    child = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile", "-i"],
        cwd=str(ws),
        env=environ,  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=LIMIT,
        dimensions=(24, 200),
    )
    child.expect("READY> ")
    child.sendline(f"source {script}")
    child.expect("READY> ")
    return child


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("opsconsole mig", "opsconsole migrate "),
        ("opsconsole runs att", "opsconsole runs attach "),
        ("opsconsole migrate --source ga", "opsconsole migrate --source gamma "),
        ("opsconsole migrate --det", "opsconsole migrate --detach "),
    ],
)
def test_tab(shell: pexpect.spawn[str], typed: str, completed: str) -> None:
    shell.send(typed + "\t")
    shell.expect_exact(completed)
    shell.sendcontrol("c")
    shell.close(force=True)
