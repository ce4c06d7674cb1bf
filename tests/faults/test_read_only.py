"""Places that refuse: read-only mounts, immutable files, unreadable folders, links that lead outside."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.conftest import Mounts
from tests.faults.scenario import RAW, VALIDATED, Scenario, end_state, migrate, run
from tests.support import valid_record, write_raw

# A root without the powers that let root read and write everything.
POWERLESS = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown",
    "--inh-caps=-all",
]


def powerless() -> list[str]:
    if os.geteuid() != 0:
        return []  # permissions bind us as they are
    if shutil.which("setpriv") is None:
        pytest.skip("not shown here: setpriv is not installed, and permissions do not bind root")
    return POWERLESS


def plain(text: str) -> None:
    assert "Traceback" not in text, text


@pytest.mark.needs_root
@pytest.mark.parametrize("zone", [VALIDATED, "data/_backups", ".opsconsole", "logs/migration", "data/raw"])
def test_a_read_only_mount(waiting: Scenario, undisturbed: dict[str, object], mounts: Mounts, zone: str) -> None:
    """It is said which place cannot be written; reading works; a read-only raw zone is no obstacle at all."""
    (waiting.root / zone).mkdir(parents=True, exist_ok=True)
    point = mounts.read_only(waiting.root / zone)
    done = migrate(waiting.root)
    plain(done.text)
    if zone == "data/raw":
        assert done.status == 1, done.text
        assert done.summary["counts"]["processed"] > 0
    elif zone == "logs/migration":
        assert done.status in (1, 4, 5), done.text
        assert zone in done.text or "log" in done.text
    else:
        assert done.status in (1, 4, 5), done.text
        assert zone in done.text, "the place that refuses is named"
    assert waiting.examine(settled=False) == []
    for words in (("runs", "list"), ("state", "list"), ("doctor",)):
        shown = run(waiting.root, *words)
        assert shown.status in (0, 1), shown.text
        plain(shown.text)
    mounts.off(point)
    again = migrate(waiting.root)
    assert again.status == 1, again.text
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed


@pytest.fixture
def immutable(place: Path) -> Iterator[Callable[[Path, str], None]]:
    """`chattr +i` or `+a`, taken back at the end. tmpfs knows them since Linux 6.6 only."""
    changed: list[tuple[Path, str]] = []

    def change(path: Path, flag: str) -> None:
        done = subprocess.run(["chattr", f"+{flag}", str(path)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"not shown here: chattr: {done.stderr.strip()}")
        changed.append((path, flag))

    yield change
    for path, flag in changed:
        if path.exists():
            subprocess.run(["chattr", f"-{flag}", str(path)], check=True)


@pytest.mark.needs_root
def test_one_immutable_destination_fails_alone(
    waiting: Scenario, undisturbed: dict[str, object], immutable: Callable[[Path, str], None]
) -> None:
    """EPERM even for root: that file fails with its reason; the batch around it is not lost for good."""
    replaced = sorted(path for path in (waiting.root / VALIDATED).rglob("data.json") if "_000000" in path.parent.name)[
        0
    ]
    immutable(replaced, "i")
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (1, 4), done.text
    assert replaced.relative_to(waiting.root).as_posix().removeprefix(VALIDATED) in done.text
    assert waiting.examine() == []
    subprocess.run(["chattr", "-i", str(replaced)], check=True)
    again = migrate(waiting.root)
    assert again.status == 1, again.text
    assert waiting.examine() == []
    assert end_state(waiting.root)["validated"] == undisturbed["validated"]


def test_an_unreadable_folder_is_said_and_nothing_in_it_counts_as_gone(
    waiting: Scenario, undisturbed: dict[str, object]
) -> None:
    closed = waiting.root / RAW / "alpha"
    prefix = powerless()
    closed.chmod(0)
    if prefix:
        shutil.chown(closed, "nobody")
    try:
        done = migrate(waiting.root, prefix=prefix)
        plain(done.text)
        assert done.status in (1, 4), done.text
        assert "alpha" in done.text and "Permission denied" in done.text, done.text
    finally:
        closed.chmod(0o755)
        if prefix:
            shutil.chown(closed, 0, 0)
    assert waiting.examine() == []
    again = migrate(waiting.root)
    assert again.status == 1
    assert waiting.examine() == []
    assert end_state(waiting.root)["validated"] == undisturbed["validated"]


def test_an_unreadable_file_fails_alone(waiting: Scenario) -> None:
    closed = sorted((waiting.root / RAW / "delta").rglob("data.json"))[0]
    prefix = powerless()
    closed.chmod(0)
    if prefix:
        shutil.chown(closed, "nobody")
    waiting.remember()
    done = migrate(waiting.root, prefix=prefix)
    plain(done.text)
    assert done.status == 1
    assert "Permission denied" in done.text + (waiting.root / "logs/migration/migration.log").read_text()
    assert waiting.examine() == []
    assert not (waiting.root / VALIDATED / closed.relative_to(waiting.root / RAW)).exists()
    assert len(list((waiting.root / VALIDATED / "delta").rglob("data.json"))) == 3


@pytest.fixture
def outside(place: Path) -> Path:
    """A folder outside the workspace with a file that would pass."""
    folder = place / "outside"
    folder.mkdir()
    write_raw(folder, "x/data.json", [valid_record(1)])
    return folder


def test_links_in_raw_are_not_followed(waiting: Scenario, outside: Path) -> None:
    """A link to a file, to a folder, to itself and to nothing: listed as ignored, nothing of it published."""
    alpha = waiting.root / RAW / "alpha"
    (alpha / "link.json").symlink_to(outside / RAW / "x/data.json")
    (alpha / "folder").symlink_to(outside / RAW / "x")
    (alpha / "loop").symlink_to(alpha)
    (alpha / "nothing.json").symlink_to(alpha / "gone")
    (waiting.root / RAW / "source").symlink_to(outside / RAW)
    waiting.remember()
    done = migrate(waiting.root)
    assert done.status == 1, done.text
    assert waiting.examine() == []
    assert done.summary["counts"]["ignored"] >= 2


def test_a_link_on_the_way_to_the_destination_is_not_followed(waiting: Scenario, outside: Path) -> None:
    """`delta` in the validated zone leads outside: nothing is written there."""
    before = checker.tree(outside, "")
    (waiting.root / VALIDATED / "delta").symlink_to(outside)
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (1, 4), done.text
    assert "delta" in done.text
    assert checker.tree(outside, "") == before, "something was written outside the workspace"


def test_a_link_that_stands_where_a_file_is_published(waiting: Scenario, outside: Path) -> None:
    """The link itself is replaced or refused; what it points to is not touched."""
    target = outside / RAW / "x/data.json"
    before = target.read_bytes()
    new = sorted((waiting.root / RAW / "delta").rglob("data.json"))[0]
    link = waiting.root / VALIDATED / new.relative_to(waiting.root / RAW)
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (1, 4), done.text
    assert target.read_bytes() == before


def test_special_files_in_raw_never_hang(waiting: Scenario) -> None:
    """A pipe nobody writes to, a socket, a device: not data, and not waited for."""
    alpha = waiting.root / RAW / "alpha" / "dumps"
    os.mkfifo(alpha / "pipe.json")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(alpha)  # a socket's name may have 107 bytes
        try:
            listening.bind("socket.json")
        finally:
            os.chdir(here)
        if os.geteuid() == 0:
            os.mknod(alpha / "zero.json", 0o20666, os.makedev(1, 5))
        done = migrate(waiting.root, timeout=30)
    plain(done.text)
    assert done.status == 1, done.text
    assert not list((waiting.root / VALIDATED).rglob("*pipe*"))
    assert not list((waiting.root / VALIDATED).rglob("*zero*"))
    for name in ("pipe.json", "socket.json", "zero.json"):
        (alpha / name).unlink(missing_ok=True)
    assert waiting.examine() == []


def test_a_folder_stands_where_a_file_is_published(waiting: Scenario) -> None:
    new = sorted((waiting.root / RAW / "delta").rglob("data.json"))[0]
    place = waiting.root / VALIDATED / new.relative_to(waiting.root / RAW)
    place.mkdir(parents=True)
    (place / "mine").write_text("keep me")
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (1, 4), done.text
    assert (place / "mine").read_text() == "keep me"
    assert len(list((waiting.root / VALIDATED / "delta").rglob("data.json"))) >= 4
