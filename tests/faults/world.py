"""What the wide state machine (test_machine_all.py) sees of a workspace: where raw files lie, what was damaged by hand,
which findings of the checker such hands explain. Standard library and plain SQL; no code shared with the program."""

from __future__ import annotations

import json
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.faults import checker
from tests.faults.checker import ARCHIVE, BACKUPS, RAW, VALIDATED, Expected, Finding, examine, sha256_of, walk_files
from tests.faults.damage import UNRECORDED
from tests.faults.inside import Inside


class Kept(NamedTuple):
    """A raw file, whether it lies in the raw zone or in the archive."""

    name: str  # relative to the folder of the raw zone
    sha256: str
    mtime_ns: int
    mode: int


def kept_files(root: Path) -> Counter[Kept]:
    """Every raw file of the raw zone and the archive; one that lies in two places counts twice."""
    found: Counter[Kept] = Counter()
    for zone, cut in ((RAW, 2), (ARCHIVE, 4)):
        for path in walk_files(root / zone):
            if path.name in UNRECORDED or path.name.endswith(".part"):
                continue
            name = "/".join(path.relative_to(root).parts[cut:])
            facts = path.lstat()
            found[Kept(name, sha256_of(path), facts.st_mtime_ns, stat.S_IMODE(facts.st_mode))] += 1
    return found


def held_bytes(root: Path) -> set[str]:
    """Checksums of all that a zone, a backup or an archive holds, and of the originals that a repair kept; an empty
    file holds nothing."""
    found = set()
    for top in (root / "data", *(root / ".opsconsole/runs").glob("*/kept")):
        for path in walk_files(top):
            if path.name not in UNRECORDED and not path.name.endswith(".part") and path.stat().st_size:
                found.add(sha256_of(path))
    return found


def files_of(root: Path, *zones: str) -> list[str]:
    """Files that have bytes and whose bytes somebody vouches for, relative to the root."""
    return [
        path.relative_to(root).as_posix()
        for zone in zones
        for path in walk_files(root / zone)
        if path.name not in UNRECORDED and path.stat().st_size
    ]


@dataclass
class Hands:
    """What hands did behind the program's back. known: place below the validated zone -> checksums that may stand
    there. odd: checksums that no run made. gone: published copies that somebody deleted."""

    known: dict[str, set[str]] = field(default_factory=dict)
    odd: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def learn(self, name: str, sha256: str, *, odd: bool = False) -> None:
        self.known.setdefault(f"{VALIDATED}/{name}", set()).add(sha256)
        if odd:
            self.odd.add(sha256)

    def standing(self, root: Path) -> set[str]:
        """Files with odd bytes, and those that are gone, relative to the root."""
        paths = [path for zone in (RAW, VALIDATED, BACKUPS, ARCHIVE) for path in walk_files(root / zone)]
        odd = {path.relative_to(root).as_posix() for path in paths if sha256_of(path) in self.odd}
        return odd | {name for name in self.gone if not (root / name).exists()}

    def unexplained(self, root: Path, folders: frozenset[str]) -> list[str]:
        """What the checker finds and no hand explains."""
        known = {name: frozenset(shas) for name, shas in self.known.items()}
        found = examine(root, Expected(known, checker.snapshot_raw(root), folders))
        return [str(finding) for finding in found if not self._explained(root, finding)]

    def _explained(self, root: Path, finding: Finding) -> bool:
        path = root / finding.path
        if finding.kind in ("missing", "backup-missing"):
            return finding.path in self.gone
        if finding.kind in ("ledger-disagrees", "backup-damaged", "unknown-to-ledger", "identity-disagrees"):
            return path.is_file() and sha256_of(path) in self.odd
        return False


def name_of(path: str) -> str:
    """The raw file's name that a file of any zone is about, relative to the raw zone."""
    for zone, cut in ((RAW, 0), (VALIDATED, 0), (BACKUPS, 1), (ARCHIVE, 2)):
        if path.startswith(zone + "/"):
            return "/".join(path[len(zone) + 1 :].split("/")[cut:])
    return path


def misread(inside: Inside, root: Path) -> list[str]:
    """Files of which the ledger has another checksum than they have, by plain SQL: what verify has to find."""
    vouched = [
        *inside.ledger("SELECT dest, sha256 FROM files WHERE status <> 'held'"),
        *inside.ledger("SELECT dest, sha256 FROM sidecars WHERE dest <> ''"),
        *inside.ledger("SELECT place, sha256 FROM archived"),
        *inside.ledger(
            "SELECT backup, replaced_sha256 FROM outcomes WHERE backup <> '' AND outcome <> 'returned'"
            " AND run NOT IN (SELECT run FROM pruned)"
        ),
    ]
    for table, where in (("files", "status <> 'archived'"), ("sidecars", "1"), ("failures", "kind <> 'damaged'")):
        for path, sha256, size, mtime_ns, inode in inside.ledger(
            f"SELECT path, sha256, size, mtime_ns, inode FROM {table} WHERE sha256 <> '' AND {where}"
        ):
            full = root / path
            if full.is_file():
                facts = full.stat()
                if (facts.st_size, facts.st_mtime_ns, facts.st_ino) == (size, mtime_ns, inode):
                    vouched.append((path, sha256))
    return sorted({path for path, sha in vouched if (root / path).is_file() and sha256_of(root / path) != sha})


def entry_free_picture(root: Path) -> dict[str, object]:
    """The picture without the entries' times of raw files: one that was touched and is the same is no change."""
    found: dict[str, object] = {**checker.picture(root)}
    for name, value in found.items():
        if isinstance(value, str):
            entry = json.loads(value)
            del entry["metadata"]["modified_timestamp"]
            found[name] = json.dumps(entry)
    return found
