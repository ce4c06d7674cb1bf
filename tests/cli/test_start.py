"""How the command line starts: fast, lean, and with answers that help."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from console.cli.lazy import LazyGroup
from console.cli.main import COMMANDS, LATER
from tests.support import run_cli
from tests.support.cli import cli_environment

SCREEN = {"textual", "rich", "widgets", "console.tui"}
GROUPS = {"failures": ("list", "accept", "export"), "state": ("list", "show", "export"), "runs": ("list",)}
GROUPS |= {
    "logs": ("tail", "errors", "usage", "archive", "trim"),
    "permissions": ("check", "repair"),
    "maintenance": ("on", "off", "status"),
    "schema": ("list", "diff", "impact", "restore"),
    "procedure": ("list", "show", "start", "resume", "status", "note", "hand-over", "abandon", "report"),
}

_LOADED = """
import json, sys
from console.cli.main import run
status = run(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(root: Path, *args: str) -> tuple[int, set[str]]:
    """Exit status and modules of a process that ran one command."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LOADED, *args],
        cwd=root,
        env=cli_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    return status, set(modules)


def test_help_lists_every_command_and_no_later_one(tmp_path: Path) -> None:
    done = run_cli(None, "--help", cwd=tmp_path)
    assert done.returncode == 0
    listed = re.findall(r"^  (\w+)  +[A-Z]", done.stdout.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(COMMANDS)
    assert not set(listed) & set(LATER)


def test_help_and_version_import_no_command(tmp_path: Path) -> None:
    for args in (["--help"], ["--version"]):
        status, modules = loaded(tmp_path, *args)
        assert status == 0
        assert not modules & {module for module, _ in COMMANDS.values()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example_and_its_module_alone(tmp_path: Path, name: str) -> None:
    done = run_cli(None, name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"opsconsole {name}" in done.stdout
    _, modules = loaded(tmp_path, name, "--help")
    others = {module for other, (module, _) in COMMANDS.items() if other != name}
    assert not modules & others
    assert not {module.partition(".")[0] for module in modules} & SCREEN


@pytest.mark.parametrize("name", [f"{group} {sub}" for group, subs in GROUPS.items() for sub in subs])
def test_every_subcommand_has_an_example(tmp_path: Path, name: str) -> None:
    done = run_cli(None, *name.split(), "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"opsconsole {name}" in done.stdout


@pytest.mark.parametrize(
    "args",
    [["runs", "list"], ["state", "list"], ["failures", "list"], ["migrate", "--dry-run"], ["doctor"]],
    ids=" ".join,
)
def test_a_command_at_work_loads_no_screen(ws: Path, args: list[str]) -> None:
    status, modules = loaded(ws, *args)
    assert status in (0, 1)
    assert not {name for name in modules if name in SCREEN or name.partition(".")[0] in SCREEN}


@pytest.mark.parametrize(
    "args",
    [["--version"], ["--help"], ["runs", "list"], ["state", "list"], ["failures", "list"], ["migrate", "--help"]],
    ids=" ".join,
)
def test_starts_within_its_budget(ws: Path, args: list[str]) -> None:
    environ = cli_environment()
    del environ["PYTHONDONTWRITEBYTECODE"]  # as installed: compiled once

    def once(command: list[str]) -> float:
        """Seconds of processor: what others do on this machine meanwhile counts least."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ws, env=environ, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def best(command: list[str]) -> float:
        return min(once(command) for _ in range(6))

    # 0.15 s on the reference machine, where importing click takes 0.05 s; a busy machine stretches both
    budget = max(0.15, 3 * best([sys.executable, "-P", "-c", "import click"]))
    assert best([sys.executable, "-P", "-m", "console", *args]) < budget


def test_commands_of_later_versions_say_so() -> None:
    group = LazyGroup("opsconsole", table={}, later={"dream": "of sheep"})
    with pytest.raises(click.UsageError, match=r"later version\. Nothing was done"):
        group.main(["dream", "--yes"], standalone_mode=False)


def test_a_misspelt_command_is_answered_with_the_near_one(tmp_path: Path) -> None:
    done = run_cli(None, "migrat", cwd=tmp_path)
    assert done.returncode == 2
    assert "`migrate`" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["migrate", "--nonsense"],
        ["migrate", "--operation", "steal"],
        ["migrate", "--sample", "0"],
        ["migrate", "--yes", "--override", "free-space"],
        ["migrate", "--yes", "--reason", "because"],
        ["migrate", "--yes", "--detach", "--foreground"],
        ["runs", "show"],
        ["runs", "list", "--status", "great"],
        ["completion", "tcsh"],
        ["runs"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_on_standard_error_and_no_traceback(ws: Path, args: list[str]) -> None:
    done = run_cli(ws, *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_console_says_what_to_type(ws: Path) -> None:
    done = run_cli(ws)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "opsconsole migrate --yes" in done.stderr
    assert not (ws / ".opsconsole").exists()


def test_a_missing_configuration_names_the_file(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "runs", "list")
    assert done.returncode == 2
    assert "config/console.toml" in done.stderr


def test_a_missing_root_is_wrong_usage(tmp_path: Path) -> None:
    done = run_cli(tmp_path / "nowhere", "runs", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_a_fault_of_ours_is_one_sentence_and_a_file(ws: Path, tmp_path: Path) -> None:
    code = (
        "import sys, console.engine.runs.query as query\n"
        "def boom(*a, **k): raise ZeroDivisionError('kaboom \\x1b[31m\\nsecond line')\n"
        "query.list_runs = boom\n"
        "from console.cli.main import main\n"
        "sys.argv = ['opsconsole', '--root', sys.argv[1], *sys.argv[2:]]\n"
        "main()\n"
    )

    def fail(*extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-c", code, str(ws), *extra, "runs", "list"],
            env=cli_environment({"TMPDIR": str(tmp_path)}),
            capture_output=True,
            text=True,
            check=False,
        )

    (ws / ".opsconsole").mkdir()
    done = fail()
    assert done.returncode == 1
    assert "ZeroDivisionError: kaboom ␛[31m" in done.stderr
    assert done.stderr.count("\n") == 1
    kept = list((ws / ".opsconsole/errors").iterdir())
    assert len(kept) == 1
    assert str(kept[0]) in done.stderr
    assert "Traceback" in kept[0].read_text()

    done = fail("--read-only")  # writes nothing at all into the workspace
    assert done.returncode == 1
    assert len(list((ws / ".opsconsole/errors").iterdir())) == 1
    assert str(tmp_path) in done.stderr.replace(str(ws), "")


def test_completion_scripts_are_accepted_by_their_shells(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run_cli(None, "completion", shell, cwd=tmp_path)
        assert done.returncode == 0
        assert "_OPSCONSOLE_COMPLETE" in done.stdout
        script = tmp_path / f"script.{shell}"
        script.write_text(done.stdout)
        if shell == "bash":
            assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def complete(root: Path, words: str) -> list[str]:
    """What a Tab at the end of `words` offers, by the protocol of the bash script."""
    parts = words.split(" ")
    done = run_cli(
        None,
        cwd=root,
        env={
            "_OPSCONSOLE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(parts) - 1),
        },
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_tab_completes_commands_options_and_sources(ws: Path) -> None:
    assert complete(ws, "opsconsole mi") == ["migrate"]
    assert complete(ws, "opsconsole runs sh") == ["show"]
    assert "--dry-run" in complete(ws, "opsconsole migrate --d")
    assert complete(ws, "opsconsole migrate --source ") == ["alpha", "beta", "gamma"]
    assert complete(ws, "opsconsole migrate --source be") == ["beta"]


def test_tab_outside_a_workspace_is_silent(tmp_path: Path) -> None:
    assert complete(tmp_path, "opsconsole migrate --source ") == []
    assert complete(tmp_path, "opsconsole runs show ") == []
    assert os.listdir(tmp_path) == []
