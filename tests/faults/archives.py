"""What the archive's tests look at: whole trees with modes and times, and where each raw file's bytes are."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults import checker
from tests.faults.checker import ARCHIVE, RAW, STATE, VALIDATED
from tests.support import invalid_record, make_workspace, valid_record

SPAN = ("--since", "2023-01-01", "--before", "2024-01-01")
LABEL = ("--label", "y2023", "--reason", "the year is over")

# Names that a shell, a terminal, a line or a codec would stumble over; \udcff is a byte that is no UTF-8.
HOSTILE = (
    "new\nline.json",
    "back\\slash.json",
    "cr\rname.json",
    "no-utf8-\udcff.json",
    "-rf.json",
    "bidi-\u202egnp.json",
    "esc-\x1b]0;x\x07.json",
    "private-\U0010ffff.json",
    "literal-\\xff.json",
)


def write(root: Path, path: str, content: bytes, mtime: int = 1_700_000_000) -> None:
    """A raw file (path relative to the raw zone, any name) with a time of its own."""
    file = os.path.join(os.fspath(root), RAW, path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as stream:
        stream.write(content)
    os.utime(file, ns=(mtime * 10**9, mtime * 10**9 + 123_456_789))


def make_years(root: Path, years: tuple[int, ...] = (2022, 2023, 2024), dumps: int = 2) -> Path:
    """Two sources with dumps of some years: data, a failing and an ignored file, sidecars, a folder's own mode."""
    root = make_workspace(root)
    for year in years:
        for number in range(dumps):
            for source in ("alpha", "beta"):
                folder = f"{source}/dumps/{year}-0{number + 3}-14_055643"
                write(root, f"{folder}/data.json", json.dumps([valid_record(year * 10 + number)]).encode(), year)
                write(root, f"{folder}/_metadata.json", f'{{"extraction_date": "{year}-01-02T00:00:00Z"}}'.encode())
    write(root, "alpha/dumps/2023-03-14_055643/bad.json", json.dumps([invalid_record(1)]).encode())
    write(root, "alpha/dumps/2023-03-14_055643/README.md", b"read me")
    write(root, "beta/2023-07-07.json", json.dumps([valid_record(7)]).encode())
    write(root, "alpha/manual/notes.json", json.dumps([valid_record(8)]).encode())
    os.chmod(root / RAW / "alpha/dumps/2023-04-14_055643", 0o2750)
    os.chmod(root / RAW / "alpha/dumps/2023-04-14_055643/data.json", 0o640)
    return root


def snapshot(root: Path) -> dict[str, Any]:
    """Raw, archive and validated as an undo has to leave them, and the entries of the state file.

    Files by bytes, mode and time, folders by mode; the archive's log is a log.
    """
    found: dict[str, Any] = {}
    for zone in (RAW, ARCHIVE, VALIDATED):
        top = os.path.join(os.fspath(root), zone)
        for place, _, names in os.walk(top):
            if place != top:
                found[os.path.relpath(place, root)] = ("folder", stat.S_IMODE(os.stat(place).st_mode))
            for name in names:
                path = os.path.join(place, name)
                facts = os.lstat(path)
                mode = stat.S_IMODE(facts.st_mode)
                found[os.path.relpath(path, root)] = (mode, facts.st_mtime_ns, Path(path).read_bytes())
    found.pop(f"{ARCHIVE}/ARCHIVE_LOG.txt", None)
    found["mirror"] = json.loads((root / STATE).read_bytes())["processed_files"] if (root / STATE).exists() else {}
    return found


def raw_files(root: Path) -> dict[str, tuple[bytes, int]]:
    """Path relative to data/raw -> bytes and time, of the raw zone."""
    return _files(os.path.join(os.fspath(root), RAW), os.path.join(os.fspath(root), "data/raw"))


def raw_paths(root: Path) -> Iterator[str]:
    """The names alone, of a zone in which something may go on."""
    for place, _, names in os.walk(os.path.join(os.fspath(root), RAW)):
        yield from (os.path.join(place, name) for name in names)


def archived_files(root: Path, label: str = "y2023") -> dict[str, tuple[bytes, int]]:
    """The same of one label of the archive."""
    top = os.path.join(os.fspath(root), ARCHIVE, label)
    found = _files(top, top)
    return {path: facts for path, facts in found.items() if os.path.basename(path) != "SHA256SUMS"}


def _files(top: str, base: str) -> dict[str, tuple[bytes, int]]:
    return {
        os.path.relpath(path, base): (Path(path).read_bytes(), os.lstat(path).st_mtime_ns)
        for place, _, names in os.walk(top)
        for path in (os.path.join(place, name) for name in names)
    }


def misplaced(root: Path, before: dict[str, tuple[bytes, int]], label: str = "y2023", *, settled: bool) -> list[str]:
    """Raw files of `before` that are in neither place, in both where that is settled, or not as they were."""
    raw, archive = raw_files(root), archived_files(root, label)
    wrong = [f"{path}: appeared" for path in (raw.keys() | archive.keys()) - before.keys() if ".part" not in path]
    for path, facts in before.items():
        places = [zone[path] for zone in (raw, archive) if path in zone]
        if not places or any(place != facts for place in places):
            wrong.append(f"{path}: {len(places)} places, not as it was")
        elif settled and len(places) > 1:
            wrong.append(f"{path}: in both places")
    if settled:
        wrong += [f"{path}: left" for path in raw.keys() | archive.keys() if path.endswith(".part")]
    return wrong


def check_sums(root: Path, label: str = "y2023") -> int:
    """`sha256sum -c` accepts the manifest from data/raw, and it names each file of the label; how many."""
    sums = root / ARCHIVE / label / "SHA256SUMS"
    lines = sums.read_bytes().splitlines() if sums.exists() else []
    assert len(lines) == len(archived_files(root, label)), lines
    if lines:
        done = subprocess.run(
            ["sha256sum", "-c", "--strict", "--quiet", str(sums)],
            cwd=root / "data/raw",
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
    return len(lines)


def open_failures(root: Path) -> list[str]:
    """Paths of remembered failures, by plain SQL."""
    with checker.open_ledger(root) as ledger:
        assert ledger is not None
        return [row[0] for row in ledger.execute("SELECT path FROM failures ORDER BY path")]
