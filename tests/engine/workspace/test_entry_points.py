"""The small scripts at the incumbent's places, and the units for systemd."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.engine.errors import UsageError
from console.engine.workspace.entry_points import entry_point
from console.engine.workspace.init import perform_init, plan_init
from console.engine.workspace.systemd import cron_lines, unit_name, units
from tests.support import make_workspace
from tests.support.cli import cli_environment

MIGRATE = "scripts/migration/migrate.py"
VALIDATE = "scripts/validation/validate_funding.py"
CONFIG = "scripts/migration/config.json"


def init(folder: Path, sample: bool = False, systemd: bool = False) -> list[str]:
    return perform_init(plan_init(folder, sample, systemd=systemd))


SHOW = '#!/bin/sh\nfor word in "$@"; do printf \'%s\\n\' "$word"; done\n'


@pytest.fixture
def scripted(tmp_path: Path) -> Path:
    """A workspace whose scripts run a Python that only prints what it was asked to do."""
    root = tmp_path / "w s"
    init(root)
    python, package = tmp_path / "python it's", tmp_path / "console"
    python.write_text(SHOW)
    python.chmod(0o755)
    package.mkdir()
    for script, action in ((MIGRATE, "migrate"), (VALIDATE, "validate")):
        (root / script).write_bytes(entry_point(action, str(python), str(package)))
    return root


def asked(root: Path, script: str, *args: str, cwd: Path | None = None) -> list[str]:
    """What the script would start, after `-P -m console`."""
    done = subprocess.run(
        [sys.executable, root / script, *args], cwd=cwd or root, capture_output=True, text=True, check=True
    )
    words = done.stdout.splitlines()
    assert words[:3] == ["-P", "-m", "console"] and done.stderr == ""
    return words[3:]


@pytest.mark.parametrize("script", [MIGRATE, VALIDATE])
def test_the_scripts_are_python_3_7_of_the_standard_library(scripted: Path, script: str) -> None:
    text = (scripted / script).read_text()
    module = ast.parse(text, feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "sys"}
    assert not any(isinstance(node, ast.ImportFrom | ast.JoinedStr) for node in ast.walk(module))


def test_the_runbooks_commands_become_ours(scripted: Path) -> None:
    root = ["--root", str(scripted)]
    assert asked(scripted, MIGRATE) == [*root, "migrate", "--yes"]
    assert asked(scripted, MIGRATE, "--config", CONFIG) == [*root, "--config", CONFIG, "migrate", "--yes"]
    typed = ("--source", "data/raw/funding_sources/x", "--dest=data/transformed/validated/x")
    assert asked(scripted, MIGRATE, *typed) == [
        *(*root, "migrate", "--yes", "--source", "data/raw/funding_sources/x"),
        *("--dest", "data/transformed/validated/x"),
    ]
    typed = ("--directory", "data/transformed/validated", "--schema", "config/schemas/funding_data_v1.json")
    assert asked(scripted, VALIDATE, *typed) == [*root, "validate", *typed]


def test_other_options_go_through_as_they_are(scripted: Path) -> None:
    words = asked(scripted, MIGRATE, "--operation", "move", "--sample=3", "--", "--config")[2:]
    assert words == ["migrate", "--yes", "--operation", "move", "--sample=3", "--", "--config"]
    assert asked(scripted, MIGRATE, "--config")[-1] == "--config"  # its missing value is opsconsole's to say


def test_a_pattern_looks_in_every_folder_as_the_incumbents_did(scripted: Path) -> None:
    assert asked(scripted, MIGRATE, "--pattern", "*.json")[-2:] == ["--pattern", "**/*.json"]
    assert asked(scripted, MIGRATE, "--pattern=**/x")[-2:] == ["--pattern", "**/x"]


def test_paths_are_relative_to_where_one_stands(scripted: Path) -> None:
    here = scripted / "scripts/migration"
    words = asked(scripted, MIGRATE, "--config", "config.json", "--source", "../../data/raw/x", cwd=here)
    assert words == [
        *("--root", str(scripted), "--config", str(here / "config.json"), "migrate", "--yes"),
        *("--source", str(scripted / "data/raw/x")),
    ]
    assert asked(scripted, MIGRATE, "--source", "sff", cwd=here)[-2:] == ["--source", "sff"]
    # through a link to the script, and to the root
    link = scripted.parent / "link.py"
    link.symlink_to(scripted / MIGRATE)
    assert asked(scripted.parent, "link.py", cwd=here)[:2] == ["--root", str(scripted)]


@pytest.mark.parametrize("script", [MIGRATE, VALIDATE])
def test_an_opsconsole_that_is_gone_is_said(scripted: Path, script: str) -> None:
    for gone in ("console", "python it's"):
        path = scripted.parent / gone
        path.rename(path.with_name("moved"))
        done = subprocess.run([sys.executable, script], cwd=scripted, capture_output=True, text=True, check=False)
        path.with_name("moved").rename(path)
        assert done.returncode == 2
        assert str(path) in done.stderr and "opsconsole init" in done.stderr
        assert "Traceback" not in done.stderr


# -- systemd -----------------------------------------------------------------------------------------------


def test_units_say_what_to_run_and_where_it_may_write(tmp_path: Path) -> None:
    root = tmp_path / 'a b"c$d%e'
    files = units(root, "ana", [root, Path("/srv/published")], "/opt/my venv/bin/python")
    assert len(files) == 6
    quoted = str(root).replace('"', '\\"').replace("%", "%%")
    begin = f'ExecStart="/opt/my venv/bin/python" -P -m console --root "{quoted.replace("$", "$$")}" '
    for job, options in (
        ("migrate", "migrate --yes --foreground"),
        ("check", 'check --notify --format prometheus --output "/run/opsconsole-check-a-b-c-d-e/opsconsole.prom"'),
        ("verify", "verify --yes --foreground"),
    ):
        service = files[f"opsconsole-{job}-a-b-c-d-e.service"]
        assert begin + options in service.splitlines()
        assert f'ReadWritePaths="{quoted}"' in service and 'ReadWritePaths="/srv/published"' in service
        assert "User=ana" in service and "OnCalendar=" in files[f"opsconsole-{job}-a-b-c-d-e.timer"]
        # a notification that reaches nobody would be no notification
        assert "PrivateNetwork=yes" in service
        assert "PrivateNetwork" not in units(root, "ana", [root], network=True)[f"opsconsole-{job}-a-b-c-d-e.service"]


def test_cron_lines_are_what_a_shell_reads(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "a b'c$d%e")
    lines = [line for line in cron_lines(root, "ana", root / "x").splitlines() if not line.startswith("#")]
    assert [re.sub(r"\S+", "n", line.partition("\t")[0]) for line in lines] == ["n n n n n"] * 3
    _, user, command = lines[1].split("\t")
    assert user == "ana"
    # as cron does it: a % that has no backslash ends the command
    assert not re.search(r"(?<!\\)%", command)
    done = subprocess.run(
        ["sh", "-c", command.replace("\\%", "%")], env=cli_environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")  # UNKNOWN: it has not worked here yet


def test_a_unit_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line break"):
        plan_init(tmp_path / "new\nline", systemd=True)


@pytest.mark.parametrize("name", ["pipeline", "a b", "..", "é", "@x", "-"])
def test_a_unit_has_a_name_that_units_can_have(name: str) -> None:
    made = unit_name(Path("/srv") / name, "migrate")
    assert made.startswith("opsconsole-migrate-") and all(c.isascii() and (c.isalnum() or c in "-_.") for c in made)


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if not found:
        pytest.skip("not shown here: needs systemd-analyze")
    return found


def test_systemd_itself_finds_nothing_wrong(tmp_path: Path, analyze: str) -> None:
    """And holds the services for closed: 2.0 or better, even where a notification needs the network."""
    init(tmp_path / "a b", systemd=True)
    files = sorted(str(file) for file in (tmp_path / "a b/config/systemd").iterdir())
    done = subprocess.run([analyze, "verify", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "opsconsole" not in done.stderr, done.stderr
    open_to_others = tmp_path / "open.service"
    open_to_others.write_text(units(tmp_path / "a b", "daemon", [], network=True)["opsconsole-migrate-a-b.service"])
    services = [file for file in files if file.endswith(".service")]
    assert len(services) == 3
    for file in (*services, str(open_to_others)):
        judged = subprocess.run(
            [analyze, "security", "--offline=yes", "--no-pager", "--threshold=20", file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_services_allow_every_system_call_that_the_work_needs(ws: Path, analyze: str) -> None:
    """What strace sees of migrate, check and verify, against the unit's own filter."""
    if not shutil.which("strace"):
        pytest.skip("not shown here: needs strace")
    service = units(ws, "ana", [ws])["opsconsole-migrate-ws.service"]
    allowed: set[str] = set()
    for line in service.splitlines():
        name, _, value = line.partition("=")
        if name == "SystemCallFilter":
            calls = {call for group in value.lstrip("~").split() for call in _calls(analyze, group)}
            allowed = allowed - calls if value.startswith("~") else allowed | calls
    allowed |= _calls(analyze, "@default")
    assert {"fchown", "syncfs"} <= allowed and not {"mount", "reboot", "ptrace"} & allowed
    for command in (("migrate", "--yes", "--foreground"), ("verify", "--yes", "--foreground"), ("check", "--notify")):
        seen = ws / "strace.txt"
        done = subprocess.run(
            ["strace", "-f", "-qq", "-c", "-o", str(seen), sys.executable, "-P", "-m", "console", *command],
            cwd=ws,
            env=cli_environment(),
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 1, 2), done.stderr
        used = {line.split()[-1] for line in seen.read_text().splitlines()[2:] if line.strip() and "---" not in line}
        assert {"openat", "read"} <= used
        assert used - {"total"} <= allowed, sorted(used - allowed)


def _calls(analyze: str, group: str) -> set[str]:
    """The system calls of a group, groups in it included."""
    said = subprocess.run([analyze, "syscall-filter", group], capture_output=True, text=True, check=True).stdout
    words = [line.split()[0] for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return {call for word in words for call in (_calls(analyze, word) if word.startswith("@") else {word})}
