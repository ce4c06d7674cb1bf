"""Bits that flip without a trace in stat, and what a test expects of them; no code shared with the program."""

from __future__ import annotations

import os
import random
import stat
from dataclasses import dataclass
from pathlib import Path

from tests.faults.checker import ARCHIVE, BACKUPS, RAW, VALIDATED, sha256_of, walk_files

ZONES = (RAW, VALIDATED, BACKUPS, ARCHIVE)
UNRECORDED = ("SHA256SUMS", "ARCHIVE_LOG.txt")  # nobody has a checksum of these


@dataclass(frozen=True, slots=True)
class Facts:
    sha256: str
    size: int
    mtime_ns: int
    mode: int


def snapshot(root: Path) -> dict[str, Facts]:
    """Every file of raw, validated, backups and archive: path relative to the root -> bytes, size, time, mode."""
    found = {}
    for zone in ZONES:
        for path in walk_files(root / zone):
            facts = path.lstat()
            name = path.relative_to(root).as_posix()
            found[name] = Facts(sha256_of(path), facts.st_size, facts.st_mtime_ns, stat.S_IMODE(facts.st_mode))
    return found


def flip(path: Path, chance: random.Random) -> None:
    """One bit of the file, in place: size, time, inode and mode stay."""
    facts = path.stat()
    place = chance.randrange(facts.st_size)
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ (1 << chance.randrange(8))]))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (facts.st_size, facts.st_mtime_ns, facts.st_ino)


def flip_some(root: Path, number: int, seed: int, *, copied: bool = False) -> dict[str, str]:
    """Flip one bit in each of `number` files, some of every zone that has any; path -> checksum before.

    copied: only files of which another copy stays whole.
    """
    chance = random.Random(seed)
    before = snapshot(root)
    wanted: list[str] = []
    others = [facts.sha256 for facts in before.values()]
    names = [name for name in sorted(before) if not name.endswith(UNRECORDED) and before[name].size]
    if copied:
        chance.shuffle(names)
        one_each = {before[name].sha256: name for name in names if others.count(before[name].sha256) > 1}
        names = sorted(one_each.values())
    for zone in ZONES:
        here = [name for name in names if name.startswith(zone + "/")]
        wanted += chance.sample(here, min(len(here), max(1, number // len(ZONES))))
    rest = [name for name in names if name not in set(wanted)]
    wanted += chance.sample(rest, max(0, min(len(rest), number - len(wanted))))
    for name in wanted:
        flip(root / name, chance)
    return {name: before[name].sha256 for name in wanted}


def mendable(root: Path, flipped: dict[str, str]) -> set[str]:
    """Which of the flipped files have their bytes somewhere else still."""
    there = {facts.sha256 for facts in snapshot(root).values()}
    return {name for name, sha256 in flipped.items() if sha256 in there}
