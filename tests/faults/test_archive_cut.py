"""An archive or a restore cut anywhere: each file in exactly one place, and the next run settles it."""

from __future__ import annotations

import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.archives import (
    LABEL,
    SPAN,
    archived_files,
    check_sums,
    make_years,
    misplaced,
    raw_files,
    raw_paths,
    snapshot,
)
from tests.faults.checker import RAW, STATE, VALIDATED
from tests.faults.scenario import MARK, Done, alive, end_all, migrate, run, start, wait_for
from tests.support.cli import cli_environment

ARCHIVING = ("archive", *SPAN, *LABEL, "--withdraw")
RESTORING = ("archive", "restore", "y2023")
ALWAYS = {
    ("archive", "change.intended:1"),
    ("archive", "change.taken:1"),
    ("archive", "change.taken:5"),
    ("archive", "change.done:1"),
    ("archive", "change.recorded:1"),
    ("archive", "archive.summed:1"),
    ("archive", "archive.listed:1"),
    ("restore", "change.taken:5"),
    ("restore", "change.recorded:1"),
    ("restore", "archive.listed:1"),
}
FAILPOINTS = [
    "run.locked:1",
    "run.registered:1",
    "run.planned:1",
    "change.intended:1",
    "change.intended:2",  # the sidecars
    "change.taken:1",
    "change.taken:2",
    "change.taken:5",
    "change.taken:17",
    "change.done:1",
    "change.recorded:1",
    "change.recorded:2",
    "archive.summed:1",
    "archive.listed:1",
    "mirror.staged:1",
    "mirror.renamed:1",
    "log.written:1",
    "report.written:1",
    "run.recorded:1",
]


def comparable(root: Path) -> dict[str, Any]:
    """The tree as runs that converge have it in common: a manifest's time is that of its run."""
    found = snapshot(root)
    for path, facts in found.items():
        if path.endswith("SHA256SUMS"):
            found[path] = (facts[0], facts[2])
    mirror = found.pop("mirror")
    return found | {"mirror": sorted(mirror)}


def published(root: Path) -> dict[str, bytes]:
    """Path below the zone -> bytes of every published copy and of every backup of one."""
    found = {}
    for zone, depth in ((VALIDATED, 0), ("data/_backups", 1)):
        for place, _, names in os.walk(root / zone):
            for name in names:
                relative = os.path.relpath(os.path.join(place, name), root / zone).split("/", depth)[-1]
                if not name.endswith(".part"):
                    found[relative] = Path(place, name).read_bytes()
    return found


@pytest.fixture(scope="module")
def ready(ground: Path) -> Iterator[dict[str, Path]]:
    """For each action a workspace in which it waits and what it leads to undisturbed."""
    base = ground / "cut"
    waiting = make_years(base / "archive" / "ws")
    assert migrate(waiting).status == 1
    shutil.copytree(waiting, base / "archived" / "ws", symlinks=True)
    assert run(base / "archived" / "ws", *ARCHIVING, "--yes").status == 0
    shutil.copytree(base / "archived" / "ws", base / "restored" / "ws", symlinks=True)
    assert run(base / "restored" / "ws", *RESTORING, "--yes").status == 0
    yield {name: base / name / "ws" for name in ("archive", "archived", "restored")}
    shutil.rmtree(base)


def cut_and_settled(root: Path, action: tuple[str, ...], undisturbed: Path, before: Path, why: str) -> None:
    """What must hold right after the cut, after the next run, and after the action was asked for again."""
    raw = raw_files(before) | archived_files(before)
    copies = published(before)
    assert misplaced(root, raw, settled=False) == [], f"right after {why}"
    assert copies.items() <= published(root).items(), f"right after {why}"
    again = run(root, *action, "--yes", "--json")
    # a cut that came after everything was done leaves nothing that could be asked for again
    assert again.status == 0 or (again.status == 2 and "nothing is archived" in again.text), f"{why}: {again.text}"
    if again.status == 2:
        other = run(root, "archive", "--match", "nothing/**", "--label", "x", "--reason", "a next run", "--yes")
        assert other.status == 0, other.text
    assert misplaced(root, raw, settled=True) == [], f"after the run after {why}"
    assert comparable(root) == comparable(undisturbed), f"after the run after {why}"
    check_sums(root)
    text = (root / "data/raw/_archive/ARCHIVE_LOG.txt").read_text().splitlines()
    assert len(set(text)) == len(text)
    healthy = run(root, "doctor")
    assert healthy.status == 0, f"{why}: {healthy.text}"


def everywhere() -> list[Any]:
    """Both actions at every failpoint: some always, all of them in the long battery."""
    pairs = [(name, failpoint) for name in ("archive", "restore") for failpoint in FAILPOINTS]
    return [pytest.param(*pair, marks=[] if pair in ALWAYS else [pytest.mark.soak]) for pair in pairs]


@pytest.mark.parametrize(("name", "failpoint"), everywhere())
def test_kill_at_a_failpoint(ready: dict[str, Path], place: Path, name: str, failpoint: str) -> None:
    before, after = (
        (ready["archive"], ready["archived"]) if name == "archive" else (ready["archived"], ready["restored"])
    )
    root = place / "ws"
    shutil.copytree(before, root, symlinks=True)
    action = ARCHIVING if name == "archive" else RESTORING
    done = run(root, *action, "--yes", "--foreground", failpoint=failpoint)
    reached = done.status == -signal.SIGKILL
    assert reached or done.status == 0, done.text
    # a restore is one round of eleven files; no entry of the state file changes, and the manifest goes with the last
    assert reached or (name == "restore" and failpoint.startswith(("change", "mirror", "archive.summed"))), (
        "no run comes past it"
    )
    cut_and_settled(root, action, after, before, f"kill -9 at {failpoint}")


@pytest.mark.parametrize("failpoint", ["change.taken:3"])
def test_another_run_settles_it_too_and_an_undo_is_the_tree_before(
    ready: dict[str, Path], place: Path, failpoint: str
) -> None:
    root = place / "ws"
    shutil.copytree(ready["archive"], root, symlinks=True)
    before, raw = snapshot(root), raw_files(root)
    assert run(root, *ARCHIVING, "--yes", "--foreground", failpoint=failpoint).status == -signal.SIGKILL
    done = migrate(root)
    assert done.summary["counts"]["failed"] == 0, done.text
    assert misplaced(root, raw, settled=True) == []
    cut = check_sums(root)
    assert cut > 0
    first = run(root, "runs", "list", "--json").events[1]
    assert first["action"] == "archive"
    undone = run(root, "rollback", first["id"], "--yes", "--confirm", "ws")
    assert undone.status == 0, undone.text
    assert snapshot(root) == before


@pytest.mark.parametrize(
    "failpoint",
    [
        "recover.item:3",
        "archive.summed:1",
        pytest.param("recover.item:1", marks=pytest.mark.soak),
        pytest.param("recover.recorded:1", marks=pytest.mark.soak),
    ],
)
def test_kill_while_recovering(ready: dict[str, Path], place: Path, failpoint: str) -> None:
    root = place / "ws"
    shutil.copytree(ready["archive"], root, symlinks=True)
    assert run(root, *ARCHIVING, "--yes", "--foreground", failpoint="change.taken:3").status == -signal.SIGKILL
    assert run(root, "migrate", "--yes", "--foreground", failpoint=failpoint).status == -signal.SIGKILL
    cut_and_settled(root, ARCHIVING, ready["archived"], ready["archive"], f"kill -9 while recovering at {failpoint}")


def seeds(soak: int) -> list[Any]:
    return [pytest.param(n, marks=[] if n < 2 else [pytest.mark.soak]) for n in range(soak)]


@pytest.mark.parametrize("seed", seeds(100))
def test_sigkill_of_the_whole_session(ready: dict[str, Path], place: Path, seed: int) -> None:
    root = place / "ws"
    shutil.copytree(ready["archive"], root, symlinks=True)
    started = start(root, *ARCHIVING, "--yes", "--json")
    if seed % 2:
        wait_for(lambda: not (root / RAW / "alpha/dumps/2023-03-14_055643/data.json").exists(), "the first file to go")
    else:
        time.sleep(random.Random(seed).uniform(0.1, 0.8))
    end_all(started.mark)
    started.finish()
    wait_for(lambda: not alive(started.mark), "everything to be gone")
    cut_and_settled(root, ARCHIVING, ready["archived"], ready["archive"], f"SIGKILL of the session (seed {seed})")


def test_closing_the_terminal_ends_nothing(ready: dict[str, Path], place: Path) -> None:
    """The run is a process of its own: the line drops, it goes on to its end."""
    root = place / "ws"
    shutil.copytree(ready["archive"], root, symlinks=True)
    master, slave = pty.openpty()
    mark = os.urandom(8).hex()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "console", "--root", str(root), *ARCHIVING, "--yes"],
        env=cli_environment() | {MARK: mark},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        cwd=root,
    )
    os.close(slave)
    wait_for(
        lambda: (root / ".opsconsole/holder.json").exists() and raw_files(root) != raw_files(ready["archive"]), "it"
    )
    os.close(master)
    process.wait(30)
    wait_for(lambda: not alive(mark), "the run to come to its end")
    runs = run(root, "runs", "list", "--json").events
    assert (runs[0]["action"], runs[0]["status"]) == ("archive", "done")
    assert comparable(root) == comparable(ready["archived"])


def test_stopping_it_finishes_the_batch_in_hand(ready: dict[str, Path], place: Path) -> None:
    """As a unit is stopped: SIGTERM to the run."""
    root = place / "ws"
    shutil.copytree(ready["archive"], root, symlinks=True)
    started = start(root, *ARCHIVING, "--yes", "--json", "--foreground")
    # by names: a file may go while it is read here
    wait_for(lambda: len(list(raw_paths(root))) < len(raw_files(ready["archive"])), "the first file to go")
    started.process.send_signal(signal.SIGTERM)
    done: Done = started.finish()
    assert done.status in (0, 143), done.text
    assert misplaced(root, raw_files(ready["archive"]), settled=True) == []
    check_sums(root)
    assert (root / STATE).exists()
    cut_and_settled(root, ARCHIVING, ready["archived"], ready["archive"], "SIGTERM")
