"""A full disk, of bytes or inodes, under destination, ledger or logs: said clearly, nothing lost, mended."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Mounts
from tests.faults.scenario import Done, Scenario, add_second, end_state, make_fresh, migrate, run

pytestmark = pytest.mark.needs_root

_FULL = "Insufficient disk space"  # the runbook greps for it

ZONES = {
    "destination": "data/transformed/validated",
    "backups": "data/_backups",
    "ledger": ".opsconsole",
    "logs": "logs/migration",
}


def fill_bytes(folder: Path) -> Callable[[], None]:
    """Take every byte of the file system below `folder`; the answer gives them back."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        for step in (1 << 20, 4096, 1):
            try:
                while True:
                    stream.write(b"\0" * step)
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return ballast.unlink


def fill_inodes(folder: Path) -> Callable[[], None]:
    """Take every inode of the file system below `folder`; the answer gives them back."""
    many = folder / "many"
    many.mkdir()
    number = 0
    try:
        while True:
            (many / str(number)).touch()
            number += 1
    except OSError as error:
        assert error.errno == errno.ENOSPC

    def free() -> None:
        for path in many.iterdir():
            path.unlink()
        many.rmdir()

    return free


def opens(scenario: Scenario) -> None:
    """With nothing free, everything that only looks still works."""
    for words in (("runs", "list"), ("state", "list"), ("doctor",)):
        done = run(scenario.root, *words)
        assert done.status in (0, 1), f"{words}: {done.text}"
        assert "Traceback" not in done.text


def says_so(done: Done, scenario: Scenario) -> None:
    """Stopped by the disk: a clear message, an honest status, no failures invented."""
    assert done.status in (1, 4, 5), done.text
    assert "Traceback" not in done.text
    said = done.text + (scenario.root / "logs/migration/migration.log").read_text(errors="replace")
    assert _FULL in said or os.strerror(errno.ENOSPC) in done.text, done.text
    listed = run(scenario.root, "failures", "list", "--by", "file").out
    assert "delta" not in listed and "alpha" not in listed, f"what waits is no failure: {listed}"


@pytest.fixture
def on_small_disks(place: Path, mounts: Mounts) -> Callable[[str, str], Scenario]:
    """A workspace whose zone lies on a tmpfs of its own, one run done there, a second version waiting."""

    def make(zone: str, options: str) -> Scenario:
        root = place / "ws"
        fresh = make_fresh(root)
        mounts.tmpfs(root / ZONES[zone], options)
        done = migrate(root)
        assert done.status == 1, done.text
        return add_second(fresh)

    return make


def converges(scenario: Scenario, undisturbed: dict[str, object]) -> None:
    again = migrate(scenario.root)
    assert again.status == 1, again.text
    assert scenario.examine() == []
    assert end_state(scenario.root) == undisturbed


@pytest.mark.parametrize("zone", list(ZONES))
@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_nothing_free_before_the_run(
    on_small_disks: Callable[[str, str], Scenario], undisturbed: dict[str, object], zone: str, what: str
) -> None:
    """0 bytes or 0 inodes free: it opens, refuses or stops, and goes on once there is room."""
    scenario = on_small_disks(zone, "size=80m,nr_inodes=400")
    folder = scenario.root / ZONES[zone]
    free = (fill_bytes if what == "bytes" else fill_inodes)(folder)
    try:
        opens(scenario)
        done = migrate(scenario.root)
        if zone == "logs" and done.status == 1 and done.summary.get("counts", {}).get("processed"):
            pass  # logs that cannot be written hold up no data
        else:
            says_so(done, scenario)
    finally:
        free()
    converges(scenario, undisturbed)


@pytest.mark.parametrize("size", ["size=32k", "size=48k", "nr_inodes=12", "nr_inodes=24"])
def test_a_disk_that_is_too_small_for_the_plan(place: Path, mounts: Mounts, size: str) -> None:
    """The gate sees it before the first rename and says what is needed and what is free; more room helps."""
    root = place / "ws"
    fresh = make_fresh(root)
    point = mounts.tmpfs(root / ZONES["destination"], size)
    refused = migrate(root)
    assert refused.status == 4, refused.text
    assert _FULL in refused.text
    assert list(point.iterdir()) == [], "refused, and yet something was written"
    resize = "size=1m" if size.startswith("size") else "nr_inodes=1000"
    subprocess.run(["mount", "-o", f"remount,{resize}", str(point)], check=True)
    done = migrate(root)
    assert done.status == 1, done.text
    assert done.summary["counts"]["processed"] == 12
    assert fresh.examine() == []


@pytest.mark.parametrize(
    "failpoint",
    [
        "stage.written:1:28",
        "stage.written:3:122",
        "batch.staged:1:28",
        "batch.intended:1:28",
        "backup.linked:2:28",
    ],
)
def test_files_left_are_not_tried_and_not_failed(
    waiting: Scenario, undisturbed: dict[str, object], failpoint: str
) -> None:
    """ENOSPC and EDQUOT in the middle: the batch in hand is undone, the rest listed as not tried."""
    done = migrate(waiting.root, failpoint=failpoint)
    assert done.status == 1, done.text
    counts = done.summary["counts"]
    assert counts["not_tried"] > 0, done.text
    assert waiting.examine() == []
    outcomes = {event.get("outcome") for event in done.events}
    assert "not-tried" in outcomes or counts["not_tried"], done.text
    assert _FULL in done.text + (waiting.root / "logs/migration/migration.log").read_text()
    converges(waiting, undisturbed)


def test_a_disk_that_fills_up_during_the_run(
    on_small_disks: Callable[[str, str], Scenario], undisturbed: dict[str, object]
) -> None:
    """The write itself fails, not a test's stand-in for it: a file size limit cuts it short (EFBIG)."""
    import resource

    scenario = on_small_disks("destination", "size=80m")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))

    done = migrate(scenario.root, "--foreground", before=small_files)
    assert done.status != 0, done.text
    assert done.status in (1, 4, 5), done.text
    assert "Traceback" not in done.text, done.text
    assert scenario.examine(settled=False) == []
    converges(scenario, undisturbed)
