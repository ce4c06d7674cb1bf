"""Other users on one workspace: processes under ids of their own, and who may read and write what was made.

The ids need no entry in passwd or group. Permissions bind these users in full: they get no capabilities. What
they lack on many machines is a way to the interpreter or the program, which lie in a folder of the person who
runs the tests: then they are given plain copies. Never a mount: a clean-up would go through it to the original.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.corpus import PROJECT

PIPELINE = 62000  # the group that shares the workspace
OURS = ("data/transformed", "data/_backups", "data/raw/_archive", "logs", ".opsconsole")
_RWX_GROUP = stat.S_ISGID | stat.S_IRWXG


@dataclass(frozen=True, slots=True)
class Seat:
    """An interpreter that everybody can start, and where the program and its packages are."""

    python: str = sys.executable
    path: tuple[str, ...] = (str(PROJECT),)


@dataclass(frozen=True, slots=True)
class Person:
    """One user: main group, further groups, umask. seat: how the program is reached."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    umask: int = 0o077
    seat: Seat = field(default_factory=Seat)

    @property
    def python(self) -> str:
        return self.seat.python

    def rights(self) -> dict[str, Any]:
        """For subprocess: nothing but this user's own."""
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups), "umask": self.umask}

    def environ(self) -> dict[str, str]:
        """Over the environment of the tests."""
        names = {"LOGNAME": self.name, "USER": self.name, "HOME": "/nonexistent"}
        return {**names, "PYTHONPATH": os.pathsep.join(self.seat.path)}

    def prefix(self) -> list[str]:
        """A wrapper that becomes this user, where a process is started by something else than subprocess."""
        groups = [f"--groups={','.join(map(str, self.groups))}"] if self.groups else ["--clear-groups"]
        become = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", *groups]
        return [*become, "sh", "-c", f'umask {self.umask:03o}; exec "$@"', "sh"]

    def does(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Any command as this user."""
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", **self.rights())

    def runs(self, code: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Python text as this user, with the program importable."""
        environ = {**os.environ, **self.environ(), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [self.python, "-P", "-c", code, *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", env=environ, timeout=60, **self.rights()
        )


ANN = Person("ann", 61001, 61001, (PIPELINE,), 0o027)
BEN = Person("ben", 61002, 61002, (PIPELINE,), 0o077)
EVE = Person("eve", 61003, 61003)  # looks only: in no group of the workspace
_PROBE = "import click, orjson, psutil, textual, console.cli.main, console.engine.runs.process"


def can_start(seat: Seat) -> bool:
    """Whether a user without rights can start the program from there."""
    try:
        return seated(ANN, seat).runs(_PROBE).returncode == 0
    except PermissionError:
        return False


def find_seat(place: Path) -> Seat | None:
    """The interpreter as it is, by its real path, or else copies of what is needed below `place`; None where
    neither can be started."""
    packages = tuple(dict.fromkeys(entry for entry in sys.path if entry.endswith("site-packages")))
    for seat in (Seat(), Seat(os.path.realpath(sys.executable), (str(PROJECT), *packages))):
        if can_start(seat):
            return seat
    seat = _copied(place, packages)
    return seat if can_start(seat) else None


def _copied(place: Path, packages: tuple[str, ...]) -> Seat:
    """Interpreter, library, packages and program once more, readable by everybody."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    left_out = shutil.ignore_patterns("__pycache__", "test", "tests", "idlelib", "tkinter", "site-packages", "*.a")
    shutil.copytree(Path(sys.base_prefix, "lib", version), place / "lib" / version, ignore=left_out)
    for library in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy(library, place / "lib")
    (place / "bin").mkdir()
    python = shutil.copy(os.path.realpath(sys.executable), place / "bin" / version)
    for number, folder in enumerate(packages):
        shutil.copytree(folder, place / f"packages{number}", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("console", "widgets", "config"):
        shutil.copytree(PROJECT / name, place / "program" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in everything(place):
        path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.is_dir() else 0))
    return Seat(str(python), (str(place / "program"), *(str(place / f"packages{n}") for n in range(len(packages)))))


def seated(person: Person, seat: Seat) -> Person:
    return replace(person, seat=seat)


def everything(root: Path) -> Iterator[Path]:
    """The root and all that is in it, links not followed."""
    yield root
    for place, folders, names in os.walk(root):
        for name in (*folders, *names):
            yield Path(place, name)


def share(root: Path, *, setgid: bool = True, seed: int = 0, file_mode: int = 0o640) -> None:
    """Give the workspace to the group: folders that it may write, each folder and file owned by ann or ben, as it
    falls out; files as a program with umask 027 leaves them, our own as we do."""
    chance = random.Random(seed)
    for path in sorted(everything(root)):
        os.chown(path, chance.choice((ANN.uid, BEN.uid)), PIPELINE, follow_symlinks=False)
        if path.is_symlink():
            continue
        ours = ".opsconsole" in path.relative_to(root).parts
        folder = 0o2770 if setgid else 0o770
        os.chmod(path, folder if path.is_dir() else 0o660 if ours else file_mode)


def inodes(root: Path) -> frozenset[tuple[int, int]]:
    """What is there already, by identity: it was made by somebody else than us."""
    return frozenset((facts.st_dev, facts.st_ino) for facts in map(os.lstat, everything(root)))


def narrower(root: Path, before: frozenset[tuple[int, int]] = frozenset()) -> list[str]:
    """What we made and the group can use less than the folder above; one sentence each. before: not ours."""
    found = []
    for top in OURS:
        if not (root / top).exists():
            continue
        for path in everything(root / top):
            try:
                facts, above = path.lstat(), path.parent.stat()
            except FileNotFoundError:
                continue  # a run goes on
            if (facts.st_dev, facts.st_ino) in before:
                continue
            wanted = above.st_mode & (_RWX_GROUP if path.is_dir() else stat.S_IRGRP | stat.S_IWGRP)
            name = path.relative_to(root).as_posix()
            if name.startswith("data/_backups/") and path.is_file():
                wanted &= stat.S_IRGRP  # a backup has the mode of what it is of: an undo puts that back as it was
            if facts.st_mode & wanted != wanted:
                found.append(f"{name}: mode {facts.st_mode:06o}, its folder has {above.st_mode:06o}")
            if facts.st_gid != above.st_gid:
                found.append(f"{name}: group {facts.st_gid}, its folder has {above.st_gid}")
            if facts.st_mode & 0o007 & ~above.st_mode:
                found.append(f"{name}: mode {facts.st_mode:06o} lets in others than {above.st_mode:06o}")
    return found
