"""A full disk, of bytes or inodes, under destination, ledger or logs: said clearly, nothing lost, mended."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.conftest import Mounts
from tests.faults.inside import Inside
from tests.faults.scenario import Done, Scenario, add_second, end_state, make_fresh, migrate, run
from tests.support import make_workspace, valid_record, write_raw

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
    (scenario.root / ".opsconsole/reserve").unlink(missing_ok=True)  # with it the run may well go to its end
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


@pytest.mark.parametrize("what", ["bytes", "inodes", "both"])
@pytest.mark.parametrize("how", ["--foreground", ""])
def test_a_run_that_could_not_start_is_refused(place: Path, mounts: Mounts, what: str, how: str) -> None:
    """Nobody's file failed: exit status 1 would say so to a timer."""
    disk = mounts.tmpfs(place / "disk", "size=80m,nr_inodes=1000")
    scenario = make_fresh(disk / "ws")
    assert migrate(scenario.root).status == 1
    add_second(scenario)
    for name in ("reserve", "reserve.inodes"):
        place_of = scenario.root / ".opsconsole" / name
        shutil.rmtree(place_of) if place_of.is_dir() else place_of.unlink(missing_ok=True)
    if what in ("bytes", "both"):
        fill_bytes(disk)
    if what in ("inodes", "both"):
        fill_inodes(disk)
    done = migrate(scenario.root, *filter(None, [how]))
    assert (done.status, done.summary.get("status")) == (4, "refused"), done.text
    assert done.summary["exit_status"] == 4
    assert _FULL in done.text or "the disk is full" in done.text or "no inode is free" in done.text, done.text


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


# --- a rollback on a full disk ----------------------------------------------------------------------------


def many(folders: int, files: int, version: int) -> dict[str, object]:
    """`files` files in each of `folders` folders."""
    return {
        f"alpha/dumps/{folder:03}/{number}.json": [valid_record(version * 1000 + number)]
        for folder in range(folders)
        for number in range(files)
    }


@pytest.fixture(params=["tmpfs", "ext4"])
def on_one_disk(request: pytest.FixtureRequest, place: Path, mounts: Mounts) -> Inside:
    """A whole workspace on one file system of 400 MB, with its reserve."""
    if request.param == "tmpfs":
        disk = mounts.tmpfs(place / "disk", "size=400m,nr_inodes=6000")
    else:
        image = place / "disk.img"
        with image.open("wb") as stream:
            stream.truncate(400 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-N", "6000", "-m", "0", str(image)], check=True)
        disk = mounts.image(image, place / "disk")
    make_workspace(disk / "ws", many(20, 5, 1), {"workers": 1})
    return Inside(disk / "ws")


def fill_up(inside: Inside, what: str) -> None:
    top = inside.root.parent
    if what == "97 %":
        facts = os.statvfs(top)
        with (top / "ballast").open("wb") as stream:
            left = facts.f_blocks * facts.f_frsize * 3 // 100
            os.posix_fallocate(stream.fileno(), 0, facts.f_bavail * facts.f_frsize - left)
        return
    if what in ("inodes", "both"):
        fill_inodes(top)
    if what in ("bytes", "both"):
        fill_bytes_of_open_file(top)
    facts = os.statvfs(top)
    assert what == "inodes" or facts.f_bavail * facts.f_frsize < 4096, "not full"
    assert what == "bytes" or facts.f_favail == 0, "not full"


def fill_bytes_of_open_file(top: Path) -> None:
    """Every byte, in a file that was there before."""
    target = next((path for path in top.glob("many/0")), top / "ballast")
    with target.open("wb", buffering=0) as stream:
        for step in (1 << 20, 4096, 1):
            try:
                while True:
                    stream.write(b"\0" * step)
            except OSError as error:
                assert error.errno == errno.ENOSPC


@pytest.mark.parametrize("what", ["97 %", "bytes", "inodes", "both"])
def test_a_rollback_with_nothing_free(on_one_disk: Inside, what: str) -> None:
    """200 files in 40 folders, half of them replaced and half of them new: it runs to its end, as a command."""
    inside = on_one_disk
    inside.migrate()
    for path, value in {**many(20, 5, 2), **{f"beta/{p}": v for p, v in many(20, 5, 3).items()}}.items():
        write_raw(inside.root, path, value)
    before = checker.picture(inside.root)
    done = inside.migrate()
    assert done.counts["processed"] == 200
    after = checker.picture(inside.root)
    assert inside.root.joinpath(".opsconsole/reserve").stat().st_size, "no reserve: the test would prove nothing"
    fill_up(inside, what)
    words = ("--yes", "--confirm", "ws", "--json")
    back = run(inside.root, "rollback", done.row.short, *words)
    assert back.status == 0, back.text
    assert back.summary["counts"]["restored"] == back.summary["counts"]["removed"] == 100
    assert checker.differences(before, checker.picture(inside.root)) == []
    again = inside.rollback(back.summary["run"])
    if again.status == 0:  # the reserve is used up: it may go once more, or say that it cannot
        assert checker.differences(after, checker.picture(inside.root)) == []
    else:
        assert _FULL in again.text or "No space" in again.text, again.text
