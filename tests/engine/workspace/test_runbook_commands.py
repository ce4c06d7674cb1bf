"""The runbook's commands for daily operations and for a new source, typed as written in a new workspace.

The commands stand here as in the runbook; where that lies beside the project, a test holds them to it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import PROJECT, RAW, VALIDATED, run_cli
from tests.support.cli import cli_environment

LOG = "logs/migration/migration.log"
STATE = "logs/migration/.migration_state.json"

RECENT = "tail -n 50 logs/migration/migration.log"
ERRORS = "grep ERROR logs/migration/migration.log | tail -n 20"
SHOW_STATE = "cat logs/migration/.migration_state.json | python -m json.tool"
MIGRATE = """\
python scripts/migration/migrate.py \\
  --config scripts/migration/config.json"""
VALIDATE = """\
python scripts/validation/validate_funding.py \\
  --directory data/transformed/validated \\
  --schema config/schemas/funding_data_v1.json"""
LIST_RAW = "ls -lh data/raw/funding_sources/[source_name]/"
MIGRATE_SOURCE = """\
python scripts/migration/migrate.py \\
  --source data/raw/funding_sources/[source_name] \\
  --dest data/transformed/validated/[source_name]"""
FOLLOW = "tail -f logs/migration/migration.log"
LIST_VALIDATED = "ls -lh data/transformed/validated/[source_name]/"
FAILED = 'grep "Validation failed" logs/migration/migration.log'
SKIPPED = 'grep "already processed" logs/migration/migration.log'
PROCESSING = 'grep "Processing file" logs/migration/migration.log | tail -n 20'
AGAIN = "python scripts/migration/migrate.py"
KEEP_STATE = """\
cp logs/migration/.migration_state.json \\
   logs/migration/.migration_state.json.bak"""
CLEAR_STATE = '''\
python -c "
import json
with open('logs/migration/.migration_state.json', 'r') as f:
    state = json.load(f)
# Remove specific files from state
state['processed_files'] = {}
with open('logs/migration/.migration_state.json', 'w') as f:
    json.dump(state, f, indent=2)
"'''
ALL = [
    *(RECENT, ERRORS, SHOW_STATE, MIGRATE, VALIDATE, LIST_RAW, MIGRATE_SOURCE, FOLLOW, LIST_VALIDATED),
    *(FAILED, SKIPPED, PROCESSING, AGAIN, KEEP_STATE, CLEAR_STATE),
]

# Of the sample: what the schema accepts, and what it does not.
GOOD = [
    "beri/dumps/2018-04-07_234233/data.json",
    "ea_grants/dumps/2023-10-16_051344/data.json",
    "ftx_future_fund/dumps/2022-07-24_170820/data.jsonl",
    "ftx_future_fund/dumps/2023-11-27_011905/data.jsonl",
    "future_of_life_institute/dumps/2018-11-30_005824/data.csv",
    "givewell_incubation/dumps/2019-06-23_231416/data.csv",
    "robert_bowne_foundation/dumps/2019-07-14_034706/data.csv",
    "sff/dumps/2021-11-24_045113/data.json",
    "sff/dumps/2021-12-26_180545/data.json",
    "theiss_research/dumps/2018-04-07_072449/data.json",
]
BAD = [
    "acx_grants/manual/acx_grants_2026-08-20.json",
    "ai2050/dumps/2026-08-21_210759/data.json",
    "beri/dumps/2025-04-27_041733/data.json",
    "ea_funds_infrastructure/dumps/2021-12-26_025417/data.jsonl",
    "longview/manual/longview_2026-08-20.json",
    "pineapple_fund/dumps/2018-05-24_160309/data.json",
    "sandler_foundation/dumps/2019-01-11_005348/data.csv",
    "stone_family_foundation/dumps/2018-06-23_203948/data.json",
    "wallenberg_foundation/dumps/2018-09-05_044730/data.csv",
]
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - migration - (DEBUG|INFO|WARNING|ERROR) - .+")


class Operator:
    """Types commands into a shell, standing in the root; `python` is some Python, not the one with opsconsole."""

    def __init__(self, root: Path, binaries: Path) -> None:
        self.root = root
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}"
        (binaries / "python").symlink_to(base if base.exists() else Path(sys.executable).resolve())
        self.environment = cli_environment({"PATH": f"{binaries}:{os.environ['PATH']}"})
        for name in ("VIRTUAL_ENV", "PYTHONPATH"):
            self.environment.pop(name, None)

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def finds(self, command: str) -> list[str]:
        """The lines that a command finds; there must be some."""
        done = self.types(command)
        assert done.stdout and done.stderr == "", (command, done)
        return done.stdout.splitlines()


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    made = run_cli(None, "init", "--sample", str(tmp_path / "ws"))
    assert made.returncode == 0, made.stderr
    (tmp_path / "bin").mkdir()
    return Operator(tmp_path / "ws", tmp_path / "bin")


def named(lines: list[str], files: list[str]) -> list[str]:
    """Those of the raw files that a line names."""
    return [file for file in files if any(f"{RAW}/{file}" in line for line in lines)]


def test_the_commands_are_the_runbooks() -> None:
    page = PROJECT.parent / "shared/runbook.md"
    if not page.is_file():
        pytest.skip("not shown here: needs ../shared/runbook.md, which is not beside this project")
    text = re.sub(r"^ {3}", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for command in ALL:
        assert command in text, command


def test_daily_operations(operator: Operator) -> None:
    root = operator.root
    first = operator.types(MIGRATE)
    assert first.returncode == 1, first  # nine files of the sample fail
    for file in GOOD:
        assert (root / VALIDATED / file).read_bytes() == (root / RAW / file).read_bytes()
    for file in BAD:
        assert not (root / VALIDATED / file).exists()

    recent = operator.finds(RECENT)
    assert len(recent) > 10 and all(LINE.fullmatch(line) for line in recent)
    assert named(operator.finds(ERRORS), BAD) == BAD
    assert named(operator.finds(FAILED), BAD) == BAD and named(operator.finds(FAILED), GOOD) == []
    assert set(named(operator.finds('grep "Processing file" logs/migration/migration.log'), GOOD)) == set(GOOD)
    state = json.loads("\n".join(operator.finds(SHOW_STATE)))
    assert sorted(state["processed_files"]) == [f"{RAW}/{file}" for file in GOOD]

    checked = operator.types(VALIDATE)
    assert checked.returncode == 0, checked

    assert operator.types(SKIPPED).stdout == ""
    second = operator.types(MIGRATE)
    assert second.returncode == 1, second  # the nine are known to fail, and nobody has accepted it
    assert named(operator.finds(SKIPPED), GOOD) == GOOD


def test_validation_of_what_does_not_satisfy_the_schema(operator: Operator) -> None:
    raw = VALIDATE.replace(VALIDATED, f"{RAW}/sandler_foundation")
    done = operator.types(raw)
    assert done.returncode == 1
    assert "amount" in done.stdout


def test_a_new_source(operator: Operator) -> None:
    root = operator.root
    assert operator.types(MIGRATE).returncode == 1
    folder = root / RAW / "new_source/dumps/2026-01-02_030405"
    shutil.copytree((root / RAW / GOOD[0]).parent, folder)

    def typed(command: str) -> str:
        return command.replace("[source_name]", "new_source")

    assert any("dumps" in line for line in operator.finds(typed(LIST_RAW)))
    with following(operator) as lines:
        done = operator.types(typed(MIGRATE_SOURCE))
        assert done.returncode == 0, done
        for line in lines:  # ends with the file, or with the time limit of all tests
            if "Processing file" in line and "new_source/dumps" in line:
                break
    assert any("dumps" in line for line in operator.finds(typed(LIST_VALIDATED)))
    published = root / VALIDATED / "new_source/dumps/2026-01-02_030405/data.json"
    assert published.read_bytes() == (folder / "data.json").read_bytes()


class following:
    """`tail -f` in another terminal; its lines."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def __enter__(self) -> Iterator[str]:
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {FOLLOW}"], cwd=self._operator.root, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        return iter(self._process.stdout)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


def test_a_destination_that_is_not_the_sources_own_is_wrong_usage(operator: Operator) -> None:
    command = MIGRATE_SOURCE.replace("sources/[source_name]", "sources/sff").replace("[source_name]", "other")
    done = operator.types(command)
    assert done.returncode == 2 and "other" in done.stderr
    assert not (operator.root / VALIDATED / "other").exists()


def test_clearing_the_state_and_migrating_again(operator: Operator) -> None:
    assert operator.types(MIGRATE).returncode == 1
    published = {file: (operator.root / VALIDATED / file).stat().st_mtime_ns for file in GOOD}
    assert operator.types(KEEP_STATE).returncode == 0
    assert operator.types(CLEAR_STATE).returncode == 0
    before = len((operator.root / LOG).read_text().splitlines())
    assert operator.types(AGAIN).returncode == 1
    new = (operator.root / LOG).read_text().splitlines()[before:]
    assert named([line for line in new if "Processing file" in line], GOOD) == GOOD
    assert operator.finds(PROCESSING)
    state = json.loads((operator.root / STATE).read_text())
    assert sorted(state["processed_files"]) == [f"{RAW}/{file}" for file in GOOD]
    # the same bytes are not written again
    assert {file: (operator.root / VALIDATED / file).stat().st_mtime_ns for file in GOOD} == published


def test_the_plain_command_and_the_configured_one_judge_alike(operator: Operator) -> None:
    """Cron runs one, people the other: neither may make the other's work stale."""
    assert operator.types(MIGRATE).returncode == 1
    done = run_cli(operator.root, "migrate", "--yes", "--json")
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["counts"]["skipped"], summary["counts"]["known_failed"]) == (len(GOOD), len(BAD))
