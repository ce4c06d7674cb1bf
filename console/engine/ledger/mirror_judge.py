"""What a state file that we did not write says, compared with the ledger entry by entry.

gone: in the ledger, not in the file: counts as not processed. added: in the file, not in the ledger: adopted
if source and destination exist and match its checksum. altered: another value: never adopted, written back.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.engine.ledger.mirror_foreign import Carried
from console.engine.ledger.mirror_read import MirrorEntry, MirrorReader, absolute_zones, fold, parse_entry
from console.engine.ledger.mirror_writer import Base, History, epoch
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
    since the file was last written, or that a foreign writer did not know. entries: how many entries were read.
    twice: paths that a foreign writer has published too, the same bytes. let_go: keys of entries carried on for
    others that were taken out. last_updated: what the version says of itself.
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
    twice: tuple[str, ...] = ()
    let_go: tuple[str, ...] = ()
    last_updated: Any = None

    @property
    def empty(self) -> bool:
        """Nothing to record, report or write back."""
        return not (self.gone or self.added or self.altered or self.refused or self.let_go)


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


_OTHER, _BYTES, _SAME = 1, 2, 3  # what an entry says of a file of the ledger: another value, its bytes, all of it


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
    twice: list[str] = field(default_factory=list)
    let_go: list[str] = field(default_factory=list)
    pending: int = 0
    entries: int = 0
    _seen: bytearray = field(default_factory=bytearray)  # one byte a row of `files`
    _times: array[float] = field(default_factory=lambda: array("d"))  # of entries with a value of another's

    def read(self, reader: MirrorReader) -> None:
        """Take every entry of the file. Raises MirrorError and OSError."""
        find, carried = self._finder(), Carried(self.connection)
        root, zones = str(self.workspace.root), absolute_zones(self.settings)
        for key, value in reader:
            self.entries += 1
            known = carried.known(key, value)
            try:
                path = fold(key, root, zones)
            except ValueError as error:
                if not known:
                    self.refused.append((key, str(error)))
                continue
            row = find(path)
            if row is not None and row["mirrored"] and row["status"] != FileStatus.HELD:
                self._known(row, value)
            elif not known:
                self._strange(key, path, value, root, zones)
        self.let_go = list(carried.gone())

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
        found = compare(row, value, str(self.workspace.root), absolute_zones(self.settings))
        self._seen[row["id"]] = max(self._seen[row["id"]], found)
        if found != _SAME and isinstance(value, dict) and (time := epoch(value.get("processed_at"))) is not None:
            self._times.append(time)

    def _strange(self, key: str, path: str, value: Any, root: str, zones: tuple[str, ...]) -> None:
        """An entry that the ledger has not."""
        try:
            entry = parse_entry(path, value, root, zones)
        except ValueError as error:
            self.refused.append((key, str(error)))
            return
        self._times.append(epoch(entry.processed_at) or 0.0)
        if reason := obstacle(entry, self.workspace, self.settings):
            self.refused.append((key, reason))
        elif path not in self.added or self.added[path].processed_at < entry.processed_at:
            self.added[path] = entry

    def base(self, history: History, started: float | None) -> Base:
        """What the foreign writer of this version knew of our runs. started: of its process, if that is seen."""
        newest = 0
        for number, _, run, _, status in self._rows():
            if run > newest and status != FileStatus.ADOPTED and self._mark(number) == _SAME:
                newest = run
        begin = history.until(newest)
        own = min((time for time in self._times if time > begin), default=None)
        for number, processed_at in self._adopted_since(begin):
            if self._mark(number) == _SAME and (time := epoch(processed_at)) is not None:
                own = time if own is None else min(own, time)
        times = [time for time in (own, started) if time is not None]
        return Base(history, newest, min(times, default=None))

    def _adopted_since(self, begin: float) -> Iterator[tuple[int, str]]:
        """Id and time of what other programs published since then."""
        assert self.connection is not None
        cursor = self.connection.cursor()
        cursor.row_factory = None
        since = datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield from cursor.execute(
            f"SELECT id, processed_at FROM files WHERE {PUBLISHED} AND status = 'adopted' AND processed_at > ?", [since]
        )

    def _mark(self, number: int) -> int:
        return self._seen[number] if number < len(self._seen) else 0

    def _rows(self) -> Iterator[tuple[int, str, int, int, str]]:
        """Id, path, run, judged_run and status of everything that a state file should have."""
        if self.connection is None:
            return
        cursor = self.connection.cursor()
        cursor.row_factory = None
        yield from cursor.execute(
            f"SELECT id, path, run, judged_run, status FROM files WHERE {PUBLISHED} ORDER BY path"
        )

    def sort(self, base: Base | None = None) -> None:
        """Sort the ledger's entries by what was seen of them. base: what a foreign writer knew; None: an editor
        had the whole file before him."""
        for number, path, run, judged, _ in self._rows():
            mark = self._mark(number)
            if mark == _SAME:
                continue
            if run > self.settled or judged > self.settled:
                self.pending += 1  # a run changed it since the file was written: the file cannot know
            elif base is not None and mark == _BYTES:
                self.pending += 1
                self.twice.append(path)
            elif base is not None and not base.knew(run):
                self.pending += 1
            elif mark and not self.restored:
                self.altered.append(path)
            else:
                self.gone.append(path)
                self.pending += mark > 0  # an old copy still has it, with an old value

    def all_gone(self) -> None:
        """There is no file."""
        self.let_go = list(Carried(self.connection).gone())
        self.sort()


def compare(row: sqlite3.Row, value: Any, root: str, zones: tuple[str, ...] = ()) -> int:
    """What an entry says of a file of the ledger: _SAME, _BYTES (it has the file's bytes at its place, and
    another time or other facts) or _OTHER. An adopted one was written by another program, whose sizes
    count characters and whose source may have been touched since."""
    if value == entry_value(row):
        return _SAME
    if not isinstance(value, dict) or not isinstance(value.get("dest_path"), str):
        return _OTHER
    try:
        spelled = {**value, "dest_path": fold(value["dest_path"], root, zones)}
        if spelled == entry_value(row):
            return _SAME
        entry = parse_entry(row["path"], value, root, zones)
    except ValueError:
        return _OTHER
    if (entry.dest, entry.checksum) != (row["dest"], row["sha256"]):
        return _OTHER
    return _SAME if row["status"] == FileStatus.ADOPTED and entry.processed_at == row["processed_at"] else _BYTES
