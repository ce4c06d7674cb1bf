"""The first run of a workspace, killed or met by a full disk while it makes the ledger: the next one settles it."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults.checker import LEDGER
from tests.faults.conftest import Mounts
from tests.faults.scenario import Scenario, make_fresh, make_waiting, migrate, run, start
from tests.faults.test_full_disk import fill_bytes


def settles(scenario: Scenario, why: str) -> None:
    """It opens and says nothing of damage, and a run does all that a first run does."""
    looked = run(scenario.root, "doctor")
    assert "there is no ledger yet" in looked.out or "the ledger is whole" in looked.out, f"{why}: {looked.text}"
    for words in (("runs", "list"), ("state", "list"), ("migrate", "--dry-run")):
        done = run(scenario.root, *words)
        assert done.status in (0, 1), f"{words} after {why}: {done.text}"
    done = migrate(scenario.root)
    assert done.status == 1, f"after {why}: {done.text}"  # two files fail
    assert done.summary["counts"]["failed"] + done.summary["counts"]["known_failed"] == 2, done.text
    assert scenario.examine() == [], f"after {why}"


def test_an_empty_file_is_no_ledger_yet(place: Path) -> None:
    scenario = make_fresh(place / "ws")
    (scenario.root / ".opsconsole").mkdir()
    (scenario.root / LEDGER).touch()
    settles(scenario, "an empty file")


@pytest.mark.parametrize("call", ["openat", "pwrite64", "fdatasync,fsync", "ftruncate"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_killed_while_the_ledger_is_made(place: Path, call: str, turn: int) -> None:
    """kill -9 at a system call on the ledger or what SQLite has beside it."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("not shown here: strace is not installed (the forms of such a ledger have tests of their own)")
    scenario = make_fresh(place / "ws")
    prefix = [strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    for suffix in ("", "-journal", "-wal", "-shm"):
        prefix += ["-P", f"{scenario.root / LEDGER}{suffix}"]
    prefix += ["-e", f"inject={call}:signal=KILL:when={turn}"]
    done = start(scenario.root, "migrate", "--yes", "--json", "--foreground", prefix=prefix).finish()
    assert done.status in (-signal.SIGKILL, 128 + signal.SIGKILL, 1), done.text
    settles(scenario, f"kill -9 at {call} number {turn}")


@pytest.mark.needs_root
@pytest.mark.parametrize("free", [0, 16, 48, 200, 400])
def test_a_disk_with_hardly_anything_free(place: Path, mounts: Mounts, free: int) -> None:
    """free: kilobytes. The run cannot make its ledger, or not the whole of it; with room the next one does."""
    disk = mounts.tmpfs(place / "disk", "size=60m")
    scenario = make_fresh(disk / "ws")
    pad = disk / "pad"
    pad.write_bytes(b"\0" * free * 1024)
    give_back = fill_bytes(disk)
    pad.unlink()
    try:
        done = migrate(scenario.root)
        assert (done.status, done.summary["status"]) == (4, "refused"), done.text
        assert done.summary["exit_status"] == 4
        assert "Insufficient disk space" in done.text or os.strerror(28) in done.text, done.text
        assert "Traceback" not in done.text
    finally:
        give_back()
    settles(scenario, f"a disk with {free} kB free")


@pytest.mark.parametrize("lost", ["", "ledger.backup.sqlite"])
def test_a_ledger_that_was_emptied_is_rebuilt_and_not_made_anew(place: Path, lost: str) -> None:
    scenario = make_waiting(place / "ws")
    ours = scenario.root / ".opsconsole"
    os.truncate(scenario.root / LEDGER, 0)
    if lost:
        (ours / lost).unlink()
    for words in (("migrate", "--yes"), ("runs", "list"), ("failures", "accept", "--all", "--reason", "known to us")):
        done = run(scenario.root, *words)
        assert done.status == 5, f"{words}: {done.text}"
        assert "state rebuild" in done.text
        assert ("ledger.backup.sqlite" in done.text) == (not lost), done.text
    assert run(scenario.root, "doctor").status == 1
    run(scenario.root, "maintenance", "on", "--reason", "a look at the ledger")
    run(scenario.root, "maintenance", "off")
    assert (scenario.root / LEDGER).stat().st_size == 0, "somebody took it for a new one"
    done = run(scenario.root, "state", "rebuild", "--yes", "--confirm", "ws")
    assert done.status == 0, done.text
    assert run(scenario.root, "doctor").status in (0, 1)
    assert migrate(scenario.root).status == 1
