"""An independent judge of a workspace after faults. Standard library only; no code shared with the program.

`examine` reads everything itself: files by their bytes, the ledger by plain sqlite3 from a copy (so that not
even `-shm` is touched), the mirror as JSON. It knows what may lie where from `Expected`, which a test makes
out of the raw files it wrote, and answers with findings; none is what a test wants.

Two strictnesses. Right after a fault (`settled=False`) a batch may be half way: staged parts, linked backups
and recorded intents are allowed, but every published name is a whole known version and nothing published is
missing. After the next run (`settled=True`) nothing of that may be left.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RAW = "data/raw/funding_sources"
VALIDATED = "data/transformed/validated"
BACKUPS = "data/_backups"
ARCHIVE = "data/raw/_archive"
STATE = "logs/migration/.migration_state.json"
LEDGER = ".opsconsole/ledger.sqlite"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be. kind: a short word per rule of this page; path relative to the root."""

    kind: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class RawFile:
    sha256: str
    size: int
    mtime_ns: int
    mode: int
    inode: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a test knows. known: destination path -> SHA-256 of every whole version that may stand there.

    raw: how each raw file was before the fault. folders: folders that stood before any run and may be empty.
    required: destination -> SHA-256 that must stand there, because a run reported it.
    restored: the workspace is a copy of the one that the ledger describes, so its inodes are others.
    moving: raw files may instead stand, with the same bytes and times, in data/raw/_archive/<label>/.
    spent: there was no room for copies, so a backup that was put back may itself be gone.
    """

    known: Mapping[str, frozenset[str]]
    raw: Mapping[str, RawFile]
    folders: frozenset[str] = frozenset()
    required: Mapping[str, str] = field(default_factory=dict)
    restored: bool = False
    moving: bool = False
    spent: bool = False


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def walk_files(folder: Path) -> Iterator[Path]:
    """Every file, link and special file below `folder`; folders themselves not. Links are not followed."""
    return map(Path, _walk_names(folder))


def _walk_names(folder: Path) -> Iterator[str]:
    """The same as text, which costs a third: of what runs keep there are thousands."""
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in sorted(names):
            yield f"{place}/{name}"
        for name in sorted(folders):
            if os.path.islink(f"{place}/{name}"):
                yield f"{place}/{name}"


def snapshot_raw(root: Path, zone: str = RAW) -> dict[str, RawFile]:
    """The raw zone as it is: path relative to the root -> bytes' hash, size, time, mode and inode."""
    found = {}
    for path in walk_files(root / zone):
        facts = path.lstat()
        digest = os.readlink(path) if path.is_symlink() else sha256_of(path)
        found[path.relative_to(root).as_posix()] = RawFile(
            digest, facts.st_size, facts.st_mtime_ns, stat.S_IMODE(facts.st_mode), facts.st_ino
        )
    return found


def snapshot_folders(root: Path) -> frozenset[str]:
    """Every folder of data/ and logs/ as it is, relative to the root."""
    return frozenset(
        Path(place).relative_to(root).as_posix() for top in ("data", "logs") for place, _, _ in os.walk(root / top)
    )


def tree(root: Path, zone: str = VALIDATED) -> dict[str, str]:
    """Path below the zone -> SHA-256, and folder -> 'folder': equal for two runs that converged."""
    found = {}
    top = root / zone
    for place, _, _ in os.walk(top):
        found[Path(place).relative_to(top).as_posix()] = "folder"
    for path in walk_files(top):
        found[path.relative_to(top).as_posix()] = os.readlink(path) if path.is_symlink() else sha256_of(path)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """One name as an undo has to bring it back; `mtime_ns` -1 for folders."""

    kind: str  # file | folder | link
    mode: int
    mtime_ns: int
    content: str  # SHA-256, or where a link leads


def picture(root: Path, *, without: tuple[str, ...] = ()) -> dict[str, Standing | str]:
    """What an undo is measured by: every name of raw, validated and the archive with its type, bytes, mode and time,
    and every entry of the mirror. Not backups, not logs (the archive's own among them), not times of folders.

    without: names, relative to the root, that are left out with all below them.
    """
    found: dict[str, Standing | str] = {}
    for top in ("data/raw", "data/transformed"):
        for place, folders, names in os.walk(root / top, followlinks=False):
            for name in [*folders, *names]:
                path = Path(place, name)
                relative = path.relative_to(root).as_posix()
                # the archive's own log stays, and so does the folder it lies in
                if relative in (ARCHIVE, f"{ARCHIVE}/ARCHIVE_LOG.txt") or relative.startswith(without):
                    continue
                found[relative] = _standing(path)
    if (root / STATE).exists():
        for name, entry in _read_state(root / STATE).items():
            found[f"entry of {name}"] = json.dumps(entry, sort_keys=True)
    return found


def _standing(path: Path) -> Standing:
    facts = path.lstat()
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISLNK(facts.st_mode):
        return Standing("link", mode, facts.st_mtime_ns, os.readlink(path))
    if stat.S_ISDIR(facts.st_mode):
        return Standing("folder", mode, -1, "")
    if not stat.S_ISREG(facts.st_mode):
        return Standing("special", mode, facts.st_mtime_ns, "")
    return Standing("file", mode, facts.st_mtime_ns, sha256_of(path))


def everything(root: Path) -> set[str]:
    """SHA-256 of every file below data/, and of what runs keep elsewhere: whatever is not in here is lost."""
    found = set()
    for top in ("data", ".opsconsole/runs"):
        for path in walk_files(root / top):
            if path.is_file() and not path.is_symlink():
                found.add(sha256_of(path))
    return found


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Two pictures beside each other, name by name."""
    return [
        f"{name}: was {before.get(name, 'not there')}, is {after.get(name, 'not there')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def tree_hash(root: Path, zone: str = VALIDATED) -> str:
    """One digest of `tree`."""
    return hashlib.sha256(json.dumps(tree(root, zone), sort_keys=True).encode()).hexdigest()


@contextmanager
def open_ledger(root: Path, name: str = LEDGER) -> Iterator[sqlite3.Connection | None]:
    """The ledger with its -wal, read from a copy; None where there is none."""
    ledger = root / name
    if not ledger.exists():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="checker-") as folder:
        for suffix in ("", "-wal"):
            part = Path(f"{ledger}{suffix}")
            if part.exists():
                shutil.copyfile(part, Path(folder, f"ledger{suffix}"))
        with closing(sqlite3.connect(Path(folder, "ledger"))) as connection:
            connection.row_factory = sqlite3.Row
            yield connection


def _has_tables(ledger: sqlite3.Connection) -> bool:
    """Whether its first transaction was ever committed; raises nothing for a damaged one."""
    try:
        return bool(ledger.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError:
        return True  # said by whoever reads on


def examine(root: Path, expected: Expected, *, settled: bool = True) -> list[Finding]:
    """Every finding about the workspace at `root`; an empty list is a whole workspace."""
    root = root.resolve()
    findings: list[Finding] = []
    published = {
        path.relative_to(root).as_posix(): path
        for path in walk_files(root / VALIDATED)
        if settled or not path.name.endswith(".part")
    }
    digests = {name: sha256_of(path) for name, path in published.items() if not path.is_symlink()}
    findings += _published(published, digests, expected)
    with open_ledger(root) as ledger:
        if ledger is not None and not settled and not _has_tables(ledger):
            ledger = None  # killed while it was made
        if ledger is None:
            findings += [Finding("no-ledger", name, "published without a ledger") for name in sorted(digests)]
        else:
            try:
                findings += _ledger(root, ledger, digests, expected, settled)
                findings += _holds(ledger)
            except sqlite3.DatabaseError as error:
                findings.append(Finding("ledger-unreadable", LEDGER, str(error)))
                ledger = None
        findings += _mirror(root, ledger, settled)
    findings += _raw(root, expected)
    findings += _backups(root, expected)
    if settled:
        findings += _leftovers(root, expected)
        findings += _shared_inodes(root)
    return findings


def _published(published: dict[str, Path], digests: dict[str, str], expected: Expected) -> Iterator[Finding]:
    for name, path in sorted(published.items()):
        if path.name.endswith(".part"):
            continue  # a leftover, said there
        if name not in digests:
            yield Finding("not-a-file", name, "a link in the validated zone")
        elif name not in expected.known:
            yield Finding("unexpected", name, "nothing raw would be published here")
        elif digests[name] not in expected.known[name]:
            yield Finding("torn", name, f"{path.stat().st_size} bytes that are no whole known version")
    for name, digest in sorted(expected.required.items()):
        if digests.get(name) != digest:
            yield Finding(
                "reported-but-lost",
                name,
                f"reported as {digest[:12]}, is {digests.get(name, 'missing')[:12]}",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _ledger(
    root: Path, ledger: sqlite3.Connection, digests: dict[str, str], expected: Expected, settled: bool
) -> Iterator[Finding]:
    for (line,) in ledger.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield Finding("ledger-damaged", LEDGER, line)
    intended = [set(_texts(json.loads(row["item"]))) for row in ledger.execute("SELECT item FROM intents")]
    if settled:
        if intended:
            yield Finding("intents-left", LEDGER, f"{len(intended)} intents of a dead run")
        for row in ledger.execute("SELECT id FROM runs WHERE status = 'running' OR ended_at IS NULL"):
            yield Finding("run-not-ended", row["id"], "still running in the ledger")

    def is_intended(dest: str, digest: str) -> bool:
        return not settled and any(dest in texts and digest in texts for texts in intended)

    known: set[str] = set()
    for row in ledger.execute("SELECT * FROM files WHERE status != 'held'"):
        known.add(row["dest"])
        yield from _row(root, row, digests, is_intended, expected)
    for row in ledger.execute("SELECT *, 'processed' AS status FROM sidecars WHERE dest != ''"):
        known.add(row["dest"])
        yield from _row(root, row, digests, is_intended, expected)
    for name, digest in sorted(digests.items()):
        if name not in known and not name.endswith(".part") and not is_intended(name, digest):
            yield Finding("unknown-to-ledger", name, "published, and the ledger does not know it")
    put_back = {row["path"] for row in ledger.execute("SELECT path FROM outcomes WHERE outcome = 'restored'")}
    pruned: set[int] = set()
    if ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'pruned'").fetchone():
        pruned = {row["run"] for row in ledger.execute("SELECT run FROM pruned")}
    # of a file that was returned from the archive, `backup` is the place where it lay there
    for row in ledger.execute("SELECT * FROM outcomes WHERE backup != '' AND outcome != 'returned'"):
        path = root / row["backup"]
        if os.path.islink(path) and row["replaced_sha256"] == "link":
            continue
        if not path.is_file() and row["run"] in pruned:
            continue
        if not path.is_file() and expected.spent and row["path"] in put_back:
            continue
        if not path.is_file():
            yield Finding("backup-missing", row["backup"], f"named by an outcome of run {row['run']}")
        elif sha256_of(path) != row["replaced_sha256"]:
            yield Finding("backup-damaged", row["backup"], "not the bytes that were replaced")


def _holds(ledger: sqlite3.Connection) -> Iterator[Finding]:
    """What was taken back and waits is not what stands there as published since."""
    if not ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'holds'").fetchone():
        return
    for table in ("files", "sidecars"):
        for row in ledger.execute(
            f"SELECT t.path FROM {table} t JOIN holds h ON h.path = t.path WHERE t.run > h.run AND"
            " (t.size, t.mtime_ns, t.inode) = (h.size, h.mtime_ns, h.inode)"
        ):
            yield Finding("held-and-published", row["path"], "published after it was taken back, and still held")


def _row(
    root: Path, row: sqlite3.Row, digests: dict[str, str], is_intended: Any, expected: Expected
) -> Iterator[Finding]:
    dest = row["dest"]
    digest = digests.get(dest)
    if digest is None:
        if is_intended(dest, row["sha256"]):
            return  # on its way into a backup; whoever took it has it
        yield Finding("missing", dest, "the ledger says it is published")
        return
    if digest != row["sha256"]:
        if not is_intended(dest, digest):
            yield Finding("ledger-disagrees", dest, f"ledger {row['sha256'][:12]}, disk {digest[:12]}")
        return
    if "dest_size" in row.keys():  # noqa: SIM118 (a Row's `in` looks at values)
        facts = (root / dest).stat()
        inode = facts.st_ino
        said = (row["dest_size"], row["dest_mtime_ns"], inode if expected.restored else row["dest_inode"])
        stands = (facts.st_size, facts.st_mtime_ns, inode)
        if said != stands and not is_intended(dest, digest):
            yield Finding("identity-disagrees", dest, f"ledger {said}, disk {stands}")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _read_state(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=_no_duplicates)
    entries, moment = document.get("processed_files"), document.get("last_updated")
    if not isinstance(moment, str) or not isinstance(entries, dict):
        raise ValueError("not the form of a state file")
    return dict(entries)


def _mirror(root: Path, ledger: sqlite3.Connection | None, settled: bool) -> Iterator[Finding]:
    entries: dict[str, Any] = {}
    for name in (STATE + ".bak", STATE):
        if (root / name).exists():
            try:
                entries = _read_state(root / name)
            except ValueError as error:
                yield Finding("mirror-unreadable", name, str(error))
                return
    if ledger is None or not settled:
        return
    rows = {row["path"]: row for row in ledger.execute("SELECT * FROM files WHERE mirrored = 1 AND status != 'held'")}
    for name in sorted(rows.keys() - entries.keys()):
        yield Finding("mirror-lacks", name, "in the ledger, not in the mirror")
    carried: set[str] = set()
    if ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'foreign_entries'").fetchone():
        carried = {row["path"] for row in ledger.execute("SELECT path FROM foreign_entries")}
    for name in sorted(carried - entries.keys()):
        yield Finding("mirror-lacks", name, "carried on for another program, not in the mirror")
    for name in sorted(entries.keys() - rows.keys() - carried):
        yield Finding("mirror-invents", name, "in the mirror, not in the ledger")
    for name in sorted(rows.keys() & entries.keys()):
        row, entry = rows[name], entries[name]
        said = (entry.get("checksum"), entry.get("dest_path"), entry.get("metadata", {}).get("checksum"))
        if said != (row["sha256"], row["dest"], row["sha256"]):
            yield Finding("mirror-disagrees", name, f"mirror {said}, ledger {row['sha256']}")


def _raw(root: Path, expected: Expected) -> Iterator[Finding]:
    now = snapshot_raw(root)
    archived: dict[str, list[RawFile]] = {}
    if expected.moving:
        for path, facts in snapshot_raw(root, ARCHIVE).items():
            place = path.removeprefix(f"{ARCHIVE}/").partition("/")[2]
            archived.setdefault(f"data/raw/{place}", []).append(facts)
    for name in sorted(expected.raw.keys() | now.keys()):
        before, after = expected.raw.get(name), now.get(name)
        if before is None:
            yield Finding("raw-touched", name, "appeared in the raw zone")
        elif after is None:
            if before not in archived.get(name, []):
                yield Finding("raw-touched", name, "vanished from the raw zone")
        elif before != after:
            yield Finding("raw-touched", name, f"was {before}, is {after}")


def _backups(root: Path, expected: Expected) -> Iterator[Finding]:
    """Below data/_backups/<run>/ every file is a whole version of what stands at its place in the zone."""
    for path in walk_files(root / BACKUPS):
        name = path.relative_to(root).as_posix()
        if path.name.endswith(".part"):
            continue
        _, _, _, relative = name.split("/", 3) if name.count("/") >= 3 else ("", "", "", "")
        versions = expected.known.get(f"{VALIDATED}/{relative}", frozenset())
        if path.is_symlink() or sha256_of(path) not in versions:
            yield Finding("backup-torn", name, "no whole version of a published file")


def _leftovers(root: Path, expected: Expected) -> Iterator[Finding]:
    for top in ("data", "logs", ".opsconsole", "config"):
        for path in _walk_names(root / top):
            if path.endswith(".part"):
                yield Finding("leftover", os.path.relpath(path, root), "staged and forgotten")
    for top in (VALIDATED, BACKUPS, ARCHIVE):
        for place, folders, names in os.walk(root / top):
            name = Path(place).relative_to(root).as_posix()
            if not folders and not names and name not in expected.folders and name != top:
                yield Finding("empty-folder", name, "made by a run and left empty")


def _shared_inodes(root: Path) -> Iterator[Finding]:
    seen: dict[tuple[int, int], str] = {}
    for top in ("data", "logs", ".opsconsole", "config"):
        for path in _walk_names(root / top):
            facts = os.lstat(path)
            if not stat.S_ISREG(facts.st_mode):
                continue
            other = seen.setdefault((facts.st_dev, facts.st_ino), path)
            if other != path:
                this, other = os.path.relpath(path, root), os.path.relpath(other, root)
                yield Finding("shared-inode", this, f"the same inode as {other}")
