"""`--operation move`: what was published goes to the archive, whole, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.checker import ARCHIVE, RAW, examine
from tests.faults.scenario import Scenario, alive, end_state, migrate, run, start, wait_for

MOVE = ("--operation", "move")


def archive(root: Path) -> dict[str, str]:
    """Path below the label -> digest, whichever run archived it."""
    found = {}
    for path in checker.walk_files(root / ARCHIVE):
        label, _, place = path.relative_to(root / ARCHIVE).as_posix().partition("/")
        if place and path.name not in ("SHA256SUMS",):
            assert place not in found, f"{place} is archived twice, the second time as {label}"
            found[place] = checker.sha256_of(path)
    return found


def findings(scenario: Scenario, *, settled: bool = True) -> list[str]:
    expected = replace(scenario.expected(), moving=True)
    return [str(finding) for finding in examine(scenario.root, expected, settled=settled)]


@pytest.fixture(scope="module")
def moved(waiting_template: Scenario, ground: Path) -> Iterator[tuple[dict[str, object], dict[str, str]]]:
    """End state and archive of an undisturbed move."""
    scenario = waiting_template.copy(ground / "moved" / "ws")
    done = migrate(scenario.root, *MOVE)
    assert done.status == 1, done.text
    assert done.summary["counts"]["moved"] > 0, done.text
    assert findings(scenario) == []
    check_manifests(scenario.root)
    yield end_state(scenario.root), archive(scenario.root)
    shutil.rmtree(ground / "moved")


def check_manifests(root: Path) -> None:
    """`sha256sum -c` accepts every manifest from data/raw, and each file archived is in one; the log names them."""
    named = 0
    labels = [path for path in (root / ARCHIVE).iterdir() if path.is_dir()]
    for label in labels:
        done = subprocess.run(
            ["sha256sum", "-c", "--strict", str(label / "SHA256SUMS")],
            cwd=root / "data/raw",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        named += len(done.stdout.splitlines())
        assert label.name in (root / ARCHIVE / "ARCHIVE_LOG.txt").read_text()
    assert named == len(archive(root))


def test_a_move_is_a_copy_and_then_an_archive(
    waiting: Scenario, undisturbed: dict[str, object], moved: tuple[dict[str, object], dict[str, str]]
) -> None:
    """Published is what a copy publishes; nothing raw is lost; the next copy has nothing to do and no brake."""
    state, kept = moved
    assert state["validated"] == undisturbed["validated"]
    assert state["backups"] == undisturbed["backups"]
    assert state["mirror"] == undisturbed["mirror"]
    assert len(kept) > 0
    assert migrate(waiting.root, *MOVE).status == 1
    before = end_state(waiting.root)
    again = migrate(waiting.root)
    assert again.status == 1, again.text
    assert again.summary["counts"]["processed"] == 0
    assert end_state(waiting.root) == before
    assert findings(waiting) == []


@pytest.mark.parametrize("n", [1, 2, 5])
def test_kill_while_archiving(waiting: Scenario, moved: tuple[dict[str, object], dict[str, str]], n: int) -> None:
    started = start(waiting.root, "migrate", "--yes", "--json", "--foreground", *MOVE, failpoint=f"archive.moved:{n}")
    assert started.finish().status == -signal.SIGKILL
    wait_for(lambda: not alive(started.mark), "the workers to die")
    assert findings(waiting, settled=False) == []
    done = migrate(waiting.root, *MOVE)
    assert done.status == 1, done.text
    assert findings(waiting) == []
    assert (end_state(waiting.root), archive(waiting.root)) == moved
    check_manifests(waiting.root)


@pytest.mark.parametrize("failpoint", ["archive.moved:2:5", "archive.moved:2:28", "mirror.renamed:1:5"])
def test_an_error_while_archiving(
    waiting: Scenario, moved: tuple[dict[str, object], dict[str, str]], failpoint: str
) -> None:
    done = migrate(waiting.root, *MOVE, failpoint=failpoint)
    assert done.status in range(1, 6), done.text
    assert "Traceback" not in done.text
    assert findings(waiting, settled=False) == []
    again = migrate(waiting.root, *MOVE)
    assert again.status == 1, again.text
    assert findings(waiting) == []
    assert end_state(waiting.root)["validated"] == moved[0]["validated"]
    assert archive(waiting.root) == moved[1]


def test_what_failed_is_not_moved(waiting: Scenario) -> None:
    assert migrate(waiting.root, *MOVE).status == 1
    left = {path.relative_to(waiting.root / RAW).as_posix() for path in checker.walk_files(waiting.root / RAW)}
    assert {"gamma/manual/bad.json", "gamma/manual/torn.jsonl"} <= left
    listed = run(waiting.root, "state", "list", "--json")
    assert any(json.loads(line).get("status") == "archived" for line in listed.out.splitlines()), listed.text
