"""A workspace of 400,000 published files that another user of the group owns: adopted, worked on, and left."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.measure import MARK, Watch
from tests.faults.checker import RAW, STATE, VALIDATED
from tests.faults.conftest import People
from tests.faults.people import PIPELINE, Person, everything
from tests.faults.scenario import Done, start
from tests.support import valid_record
from tests.support.their_workspace import CONFIG, entry, incumbent_workspace, put, write_state

ENTRIES, PER_FOLDER = 400_000, 1000


def facts(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Inode, size, modification time and mode of every published and raw file."""
    found = {}
    for zone in (RAW, VALIDATED):
        for folder, _, names in os.walk(root / zone):
            for name in names:
                at = os.lstat(f"{folder}/{name}")
                found[f"{folder}/{name}"] = (at.st_ino, at.st_size, at.st_mtime_ns, at.st_mode)
    return found


@pytest.fixture
def large(place: Path, people: People) -> Path:
    """What the other program published for Ben, two years long, on a memory file system."""
    root = place / "ws"
    entries: dict[str, Any] = incumbent_workspace(root)
    for number in range(ENTRIES):
        relative = f"beta/{number // PER_FOLDER:03}/{number % PER_FOLDER}.json"
        data = json.dumps([valid_record(number)]).encode()
        if number % PER_FOLDER == 0:
            for zone in (RAW, VALIDATED):
                put(root, zone, relative, data)
        for zone in (RAW, VALIDATED):
            with open(f"{root}/{zone}/{relative}", "wb") as file:
                file.write(data)
        entries[f"{RAW}/{relative}"] = entry(root, relative, data)
    write_state(root, entries)
    for path in everything(root):
        os.chown(path, people.ben.uid, PIPELINE)
        path.chmod(0o2770 if path.is_dir() else 0o640)
    (root / STATE).chmod(0o660)
    return root


def watched(root: Path, *words: str, who: Person) -> tuple[Done, float]:
    """The command as this user, and the most MiB that any process of it held."""
    mark = os.urandom(8).hex()
    watch, ended = Watch(mark), threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            watch.look()

    words = ("--config", CONFIG, *words)
    started, thread = start(root, *words, who=who, env={MARK: mark}), threading.Thread(target=look)
    thread.start()
    try:
        done = started.finish(900)
    finally:
        ended.set()
        thread.join()
    return done, watch.memory.largest


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_400_000_entries_of_another_user(large: Path, people: People) -> None:
    before, state = facts(large), (large / STATE).read_bytes()
    begun = time.monotonic()
    done, memory = watched(large, "adopt", "--yes", "--json", who=people.ann)
    assert (done.status, done.summary.get("counts", {}).get("adopted")) == (0, ENTRIES + 5), done.text[-2000:]
    assert 0 < memory < 200, f"{memory:.0f} MiB"
    assert facts(large) == before and (large / STATE).read_bytes() == state
    print(f"adopted in {time.monotonic() - begun:.0f} s, {memory:.0f} MiB")
    done, memory = watched(large, "migrate", "--yes", "--json", who=people.ann)
    assert (done.status, done.summary["counts"]["skipped"]) == (0, ENTRIES + 5), done.text[-2000:]
    # what the ledger's rows need comes on top: 0.8 KiB each
    assert 0 < memory < 100 + ENTRIES * 0.8 / 1024, f"{memory:.0f} MiB"
    assert facts(large) == before
    left, memory = watched(large, "leave", "--yes", "--json", who=people.ann)
    assert left.status == 0, left.text[-2000:]
    assert 0 < memory < 200, f"{memory:.0f} MiB"
    assert facts(large) == before
    now = json.loads((large / STATE).read_bytes())["processed_files"]
    assert now == json.loads(state)["processed_files"]
