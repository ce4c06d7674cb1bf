"""Where the batteries run: on a memory file system if there is one, in mounts that die with this process."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.people import ANN, BEN, EVE, Person, Seat, find_seat, seated
from tests.faults.scenario import Scenario, end_state, make_waiting, migrate

_CLONE_NEWNS = 0x00020000


class People(NamedTuple):
    """Two users of the group, with umask 027 and 077, and one who may only look."""

    ann: Person
    ben: Person
    eve: Person


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder on tmpfs where there is one: thousands of small files come and go, and no disk is worn."""
    memory = Path("/dev/shm")
    base = memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30 else None
    folder = Path(tempfile.mkdtemp(prefix="opsconsole-faults-", dir=base))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(ground: Path) -> Iterator[Path]:
    """A fresh folder for one test, gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def waiting_template(ground: Path) -> Scenario:
    """One run is done, replaced and new files and sidecars wait; tests copy it."""
    return make_waiting(ground / "template" / "ws")


@pytest.fixture(scope="session")
def undisturbed(waiting_template: Scenario, ground: Path) -> dict[str, object]:
    """The end state of the same workspace when nothing goes wrong."""
    scenario = waiting_template.copy(ground / "undisturbed" / "ws")
    done = migrate(scenario.root)
    assert done.status == 1, done.text
    assert scenario.examine() == []
    return end_state(scenario.root)


@pytest.fixture
def waiting(waiting_template: Scenario, place: Path) -> Scenario:
    return waiting_template.copy(place / "ws")


@pytest.fixture(scope="session")
def own_mounts() -> None:
    """From here on this process and its children have mounts of their own: none can be left behind.

    Skips where mounting is not allowed, and says so.
    """
    if os.geteuid() != 0:
        pytest.skip("not shown here: needs root to mount file systems")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        pytest.skip(f"not shown here: no mounts of one's own ({os.strerror(ctypes.get_errno())})")
    done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"not shown here: {done.stderr.strip()}")


class Mounts:
    """Mounts of one test, taken off in reverse order."""

    def __init__(self) -> None:
        self._points: list[Path] = []

    def tmpfs(self, point: Path, options: str) -> Path:
        """A tmpfs at `point` (made if missing), `options` as mount takes them: `size=64k,nr_inodes=50`."""
        return self._mount(point, "-t", "tmpfs", "-o", options, "tmpfs")

    def bind(self, what: Path, point: Path) -> Path:
        """`what` seen at `point` too."""
        return self._mount(point, "--bind", str(what))

    def read_only(self, point: Path) -> Path:
        """`point` bound to itself, then read-only."""
        self._mount(point, "--bind", str(point))
        subprocess.run(["mount", "-o", "remount,ro,bind", str(point)], check=True, capture_output=True)
        return point

    def image(self, file: Path, point: Path) -> Path:
        """An ext4 image; its loop device goes with the mount. Skips where there is no loop device."""
        try:
            return self._mount(point, "-o", "loop", str(file))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"not shown here: no loop device ({error.stderr.strip()})")

    def _mount(self, point: Path, *what: str) -> Path:
        point.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", *what, str(point)], check=True, capture_output=True, text=True)
        self._points.append(point)
        return point

    def off(self, point: Path) -> None:
        """Take one mount off; lazily where something still uses it."""
        self._points.remove(point)
        if subprocess.run(["umount", str(point)], capture_output=True, check=False).returncode != 0:
            subprocess.run(["umount", "-l", str(point)], capture_output=True, check=False)

    def close(self) -> None:
        for point in reversed(list(self._points)):
            self.off(point)


@pytest.fixture
def mounts(own_mounts: None, place: Path) -> Iterator[Mounts]:
    """Asked for after `place`, so that mounts go before their folders do."""
    found = Mounts()
    yield found
    found.close()


@pytest.fixture(scope="session")
def seat(ground: Path) -> Seat:
    """How users without any rights start the program; skips, saying so, where there is no way."""
    if os.geteuid() != 0:
        pytest.skip("not shown here: needs root to start processes as other users")
    os.chmod(ground, 0o755)
    found = find_seat(ground / "seat")
    if found is None:
        done = seated(ANN, Seat()).runs("import console.cli.main")
        pytest.skip(f"not shown here: other users cannot start the program: {done.stderr.strip()[-200:]}")
    return found


@pytest.fixture
def people(seat: Seat, place: Path) -> People:
    """Ann and ben, who share a workspace, and eve, who looks; all of them may come as far as `place`."""
    os.chmod(place, 0o755)
    return People(seated(ANN, seat), seated(BEN, seat), seated(EVE, seat))
