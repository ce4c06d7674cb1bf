"""What a state file that we did not write says, compared with the ledger entry by entry.

gone: in the ledger, not in the file: counts as not processed. added: in the file, not in the ledger: adopted
if source and destination exist and match its checksum. altered: another value: never adopted, written back.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from console.engine.ledger.mirror_read import MirrorEntry, MirrorReader, fold, parse_entry
from console.engine.model import FileStatus, Identity
from console.engine.settings import Settings
from console.engine.workspace import Workspace

# What a rollback took back is not published; every other row's copy stands at its destination.
PUBLISHED = "status <> 'held' AND mirrored = 1"
COLUMNS = (
    "id, path, status, dest, size, mtime_ns, sha256, records, format, columns, processed_at, run, judged_run, mirrored"
)


@dataclass(frozen=True, slots=True)
class MirrorDifference:
    """How the state file differs from what the ledger would have written there.

    state: none (never written, not there), ours (nothing to judge), gone (we wrote one, it was deleted),
    edited. sha256, identity: of the version that was read; '' and None where there is none, '' too where its
    identity alone told that it is ours. gone: paths that count as not processed. added: entries that may be
    adopted: source and destination are there and as large as the entry says; record_difference compares
    their bytes. altered: paths whose entry has another value. refused: entries that nobody can adopt, as
    spelled, with the reason.
    foreign_writer: what else writes this file, in words; '' where none is known of. restored_run: the run
    (seq) whose state file was put back, 0 where it is none of ours. pending: entries that a run has changed
    since the file was last written. entries: how many entries were read.
    """

    state: str
    sha256: str = ""
    identity: Identity | None = None
    gone: tuple[str, ...] = ()
    added: tuple[MirrorEntry, ...] = ()
    altered: tuple[str, ...] = ()
    foreign_writer: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    restored_run: int = 0
    pending: int = 0
    entries: int = 0

    @property
    def empty(self) -> bool:
        """Nothing to record, report or write back."""
        return not (self.gone or self.added or self.altered or self.refused)


def entry_value(row: sqlite3.Row) -> dict[str, Any]:
    """The entry of a row of `files`, as the state file has it."""
    info: dict[str, Any] = {"file_size_bytes": row["size"], "format": row["format"]}
    if row["columns"] is not None:
        info["columns"] = json.loads(row["columns"])
    info["record_count"] = row["records"]
    return {
        "checksum": row["sha256"],
        "processed_at": naive(row["processed_at"]),
        "dest_path": row["dest"],
        "metadata": {
            "size_bytes": row["size"],
            "modified_timestamp": seconds(row["mtime_ns"]),
            "checksum": row["sha256"],
        },
        "validation_info": info,
    }


def naive(time: str) -> str:
    """A time of the ledger as the state file writes it: UTC without a zone."""
    return time.removesuffix("Z")


def seconds(mtime_ns: int) -> float:
    """The float that Python's os.stat gives as st_mtime for these nanoseconds: what the incumbent wrote."""
    whole, rest = divmod(mtime_ns, 1_000_000_000)
    return whole + 1e-9 * rest


def source_of(path: str, settings: Settings) -> str:
    """The source that a raw file belongs to: its first folder under the raw zone, '.' for none."""
    first, slash, _ = path[len(settings.zones.raw.rstrip("/")) + 1 :].partition("/")
    return first if slash else "."


def absolute_zones(settings: Settings) -> tuple[str, ...]:
    """The zones of the state file's paths that the configuration names by an absolute path."""
    return tuple(zone for zone in (settings.zones.raw, settings.zones.validated) if zone.startswith("/"))


def obstacle(entry: MirrorEntry, workspace: Workspace, settings: Settings) -> str:
    """Why an added entry cannot be adopted, as far as names and stat tell; '' when nothing speaks against
    it.
    """
    raw, validated = settings.zones.raw.rstrip("/") + "/", settings.zones.validated.rstrip("/") + "/"
    if not entry.path.startswith(raw):
        return "does not lie in the raw zone"
    if entry.dest != validated + entry.path[len(raw) :]:
        return f"its destination is not {validated}{entry.path[len(raw) :]}"
    for path, zone, name in ((entry.path, raw, "source"), (entry.dest, validated, "destination")):
        real = os.path.realpath(workspace.path(zone))
        try:
            facts = os.lstat(workspace.path(path))
            inside = os.path.realpath(workspace.path(path)) == os.path.join(real, path[len(zone) :])
        except OSError as error:
            return f"its {name} cannot be read: {error.strerror}"
        if not stat.S_ISREG(facts.st_mode) or not inside:
            return f"its {name} is not a plain file of the zone"
        if facts.st_size != entry.size:
            return f"its {name} has {facts.st_size} bytes, the entry says {entry.size}"
    return ""


@dataclass(slots=True)
class Judge:
    """Compares one state file with the ledger. settled: the run (seq) as of which the file was last
    written.
    """

    workspace: Workspace
    settings: Settings
    connection: sqlite3.Connection | None
    settled: int = 0
    restored: bool = False  # an older state file of ours: its values are old, not forged
    gone: list[str] = field(default_factory=list)
    added: dict[str, MirrorEntry] = field(default_factory=dict)
    altered: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    pending: int = 0
    entries: int = 0
    _seen: bytearray = field(default_factory=bytearray)  # one byte a row of `files`

    def judge(self, reader: MirrorReader) -> None:
        """Take every entry of the file, then look for those that are gone. Raises MirrorError and OSError."""
        find = self._finder()
        root, zones = str(self.workspace.root), absolute_zones(self.settings)
        for key, value in reader:
            self.entries += 1
            try:
                path = fold(key, root, zones)
            except ValueError as error:
                self.refused.append((key, str(error)))
                continue
            row = find(path)
            if row is not None and row["mirrored"] and row["status"] != FileStatus.HELD:
                self._known(row, value)
                continue
            try:
                entry = parse_entry(path, value, root, zones)
            except ValueError as error:
                self.refused.append((key, str(error)))
                continue
            if reason := obstacle(entry, self.workspace, self.settings):
                self.refused.append((key, reason))
            elif path not in self.added or self.added[path].processed_at < entry.processed_at:
                self.added[path] = entry
        self.find_gone()

    def _finder(self) -> Callable[[str], sqlite3.Row | None]:
        if self.connection is None:
            return lambda path: None
        cursor = self.connection.cursor()
        cursor.row_factory = sqlite3.Row
        last = cursor.execute("SELECT max(id) FROM files").fetchone()[0] or 0
        self._seen = bytearray(last + 1)
        sql = f"SELECT {COLUMNS} FROM files WHERE path = ?"
        return lambda path: cursor.execute(sql, [path]).fetchone()

    def _known(self, row: sqlite3.Row, value: Any) -> None:
        """An entry that the ledger has too. Spelled twice, it is as good as its better half."""
        same = matches(row, value, str(self.workspace.root), absolute_zones(self.settings))
        if same or not self._seen[row["id"]]:
            self._seen[row["id"]] = 2 if same else 1

    def find_gone(self) -> None:
        """Sort the ledger's entries by what was seen of them."""
        if self.connection is None:
            return
        cursor = self.connection.cursor()
        cursor.row_factory = None
        for number, path, run, judged in cursor.execute(
            f"SELECT id, path, run, judged_run FROM files WHERE {PUBLISHED} ORDER BY path"
        ):
            seen = self._seen[number] if number < len(self._seen) else 0
            if seen == 2:
                continue
            if run > self.settled or judged > self.settled:
                self.pending += 1  # a run changed it since the file was written: the file cannot know
            elif seen and not self.restored:
                self.altered.append(path)
            else:
                self.gone.append(path)


def matches(row: sqlite3.Row, value: Any, root: str, zones: tuple[str, ...] = ()) -> bool:
    """Whether an entry says what the ledger says. An adopted one was written by another program, whose sizes
    count characters and whose source may have been touched since."""
    if value == entry_value(row):
        return True
    if not isinstance(value, dict) or not isinstance(value.get("dest_path"), str):
        return False
    try:
        spelled = {**value, "dest_path": fold(value["dest_path"], root, zones)}
        if spelled == entry_value(row):
            return True
        if row["status"] != FileStatus.ADOPTED:
            return False
        entry = parse_entry(row["path"], value, root, zones)
    except ValueError:
        return False
    return (entry.dest, entry.checksum, entry.processed_at) == (
        row["dest"],
        row["sha256"],
        row["processed_at"],
    )
