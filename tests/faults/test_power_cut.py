"""What was reported survives a power cut: a journaled ext4 image is copied while it is in use, and mounted.

The copy holds what the file system had written by then and nothing of what was only in memory, which is what
a disk holds when the power goes. A copy counts only if the image stood still while it was taken.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Mounts
from tests.faults.scenario import (
    VALIDATED,
    Scenario,
    add_second,
    alive,
    end_state,
    make_fresh,
    migrate,
    start,
    wait_for,
)

_SIZE = 96 << 20  # of the image: ledger, a reserve of 64 MiB where it fits, and the data
_FILES = 60
OnImage = tuple[Scenario, Path, float]


def make_image(file: Path) -> None:
    """A default ext4 with its journal."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("not shown here: mkfs.ext4 is not installed")
    with file.open("wb") as stream:
        stream.truncate(_SIZE * 2)
    done = subprocess.run(["mkfs.ext4", "-q", "-F", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def copy_still(image: Path, target: Path) -> bool:
    """Copy the image; False (and no copy) where it changed meanwhile."""
    subprocess.run(["cp", "--sparse=always", str(image), str(target)], check=True)
    if subprocess.run(["cmp", "-s", str(image), str(target)], check=False).returncode == 0:
        return True
    target.unlink()
    return False


class Reader(threading.Thread):
    """Collects a command's JSON lines as they come: what was reported by when."""

    def __init__(self, stream: object) -> None:
        super().__init__(daemon=True)
        self.stream, self.lines = stream, []  # type: ignore[var-annotated]
        self.start()

    def run(self) -> None:
        for line in self.stream:  # type: ignore[attr-defined]
            self.lines.append(line)


def published_by(lines: list[str]) -> set[str]:
    """Raw paths of the files that these lines report as published."""
    found = set()
    for line in lines:
        event = json.loads(line)
        if event.get("outcome") in ("published", "replaced"):
            found.add(event["path"])
    return found


def required_of(scenario: Scenario, paths: set[str]) -> dict[str, str]:
    """Destination -> digest of the raw version that was there when it was reported."""
    zone = "data/raw/funding_sources/"
    return {f"{VALIDATED}/{path.removeprefix(zone)}": scenario.raw[path].sha256 for path in paths}


@pytest.fixture
def on_image(place: Path, mounts: Mounts) -> OnImage:
    """A workspace on an image, one run done, a second version waiting; the image's file; how long a run takes."""
    image = place / "disk.img"
    make_image(image)
    mounts.image(image, place / "disk")
    scenario = make_fresh(place / "disk" / "ws", _FILES)
    first = migrate(scenario.root)
    assert first.status == 1, first.text
    scenario = add_second(scenario, _FILES)
    os.sync()
    return scenario, image, first.seconds


def after_the_cut(
    scenario: Scenario, image: Path, copy: Path, mounts: Mounts, required: dict[str, str], why: str
) -> dict[str, object]:
    """The machine starts again: the copy is mounted in the image's place (its journal is replayed), judged, and
    mended by the next run; the end state."""
    mounts.off(image.parent / "disk")
    mounts.image(copy, image.parent / "disk")
    assert scenario.examine(settled=False, required=required) == [], f"after a power cut {why}"
    # a copy may come with another loop device, and with it as another file system
    again = migrate(scenario.root, "--override", "zone-filesystem", "--reason", "a copy of the disk")
    assert again.status == 1, f"the run after a power cut {why}: {again.text}"
    assert scenario.examine(required=required) == [], f"after the run after a power cut {why}"
    return end_state(scenario.root)


@pytest.mark.needs_root
def test_what_a_finished_run_reported_survives(place: Path, mounts: Mounts, on_image: OnImage) -> None:
    """The power goes as soon as the command has said exit 1 (two files fail) and its summary."""
    scenario, image, _ = on_image
    done = migrate(scenario.root)
    copy = place / "cut.img"
    for _ in range(50):
        if copy_still(image, copy):
            break
    else:
        pytest.fail("the image never stood still")
    assert done.status == 1, done.text
    reported = published_by([line for line in done.out.splitlines() if line.startswith("{")])
    assert len(reported) >= _FILES // 3, done.out
    before, required = end_state(scenario.root), required_of(scenario, reported)
    assert after_the_cut(scenario, image, copy, mounts, required, "right after the exit") == before


def seeds(always: int, soak: int) -> list[object]:
    return [pytest.param(n, marks=[] if n < always else [pytest.mark.soak]) for n in range(soak)]


@pytest.mark.needs_root
@pytest.mark.parametrize("seed", seeds(4, 100))
def test_a_cut_at_a_random_time(place: Path, mounts: Mounts, on_image: OnImage, seed: int) -> None:
    """The power goes in the middle of a run; what its lines had reported by then is there."""
    scenario, image, usual = on_image
    copy = place / "cut.img"
    delay = random.Random(seed).uniform(0.3, 1.0) * usual
    started = start(scenario.root, "migrate", "--yes", "--json")
    reader = Reader(started.process.stdout)
    time.sleep(delay)
    for _ in range(50):
        before = list(reader.lines)
        if copy_still(image, copy):
            break
    else:
        pytest.fail("the image never stood still")
    started.process.wait(60)
    reader.join(10)
    wait_for(lambda: not alive(started.mark), "the run to end")
    assert started.process.returncode == 1
    required = required_of(scenario, published_by(before))
    uncut = end_state(scenario.root)
    why = f"after {delay:.2f} s (seed {seed})"
    assert after_the_cut(scenario, image, copy, mounts, required, why) == uncut


@pytest.mark.needs_root
def test_the_method_loses_what_is_not_flushed(place: Path, mounts: Mounts) -> None:
    """A file written without any flush is not in the copy: were it there, these tests would prove nothing."""
    image, copy = place / "disk.img", place / "cut.img"
    make_image(image)
    point = mounts.image(image, place / "disk")
    os.sync()
    (point / "kept.json").write_bytes(b"[]" * 100)
    with (point / "kept.json").open("rb") as stream:
        os.fsync(stream.fileno())
    (point / "later.json").write_bytes(b"[]" * 100)
    assert copy_still(image, copy)
    after = mounts.image(copy, place / "after")
    assert (after / "kept.json").stat().st_size == 200
    assert not (after / "later.json").exists() or (after / "later.json").stat().st_size == 0
