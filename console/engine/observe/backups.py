"""What lies below the backup zone: each run's backup, what it would put back, what pruning would free. Reads only."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from console.engine.actions.adopt.others import walk
from console.engine.actions.rollback.page import ON_DISK
from console.engine.actions.rollback.undo import undone_by
from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.model import RunRow
from console.engine.runs.query import run_row
from console.engine.transfer.publish import hash_file

_PAGE = 500  # outcomes read at a time


@dataclass(frozen=True, slots=True)
class Backup:
    """The backup of one run of ours.

    folder: relative to the root. files, bytes: of those that are there and that an outcome of the run names; frees:
    what removing them gives back. missing: named, and not there. foreign: there, and named by no outcome.
    restores, removes, moves: files that rolling the run back would put back, take away, move back to where they lay;
    later: files that runs after it changed since, which a rollback leaves alone. undone: the run (id) that took it
    back; pruned: the run (id) that began to prune it; '' for none.
    """

    run: RunRow
    folder: str
    files: int = 0
    bytes: int = 0
    frees: int = 0
    missing: int = 0
    foreign: int = 0
    restores: int = 0
    removes: int = 0
    moves: int = 0
    later: int = 0
    undone: str = ""
    pruned: str = ""

    @property
    def superseded(self) -> bool:
        """Whether runs after it have changed everything that it did."""
        return self.later > 0 and not (self.restores or self.removes or self.moves)


@dataclass(frozen=True, slots=True)
class ForeignBackup:
    """A name below the backup zone that is no run's of this ledger: listed, never touched."""

    path: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """A backup that does not have the bytes that were recorded; found: '' where it is missing or cannot be read."""

    run: str
    path: str
    expected: str
    found: str
    reason: str


class Freed:
    """What removing files gives back: an inode counts when its last name is among them. Bytes as allocated."""

    def __init__(self) -> None:
        self._bytes = 0
        self._shared: dict[tuple[int, int], int] = {}  # names still needed; few: at rest no two names share an inode

    def add(self, facts: os.stat_result) -> None:
        """One more name that goes."""
        if facts.st_nlink > 1:
            key = (facts.st_dev, facts.st_ino)
            left = self._shared.get(key, facts.st_nlink) - 1
            self._shared[key] = left
            if left:
                return
        self._bytes += facts.st_blocks * 512

    @property
    def bytes(self) -> int:
        return self._bytes


def backup_folder(ctx: Context, run: str) -> str:
    """Where a run keeps what it replaced, relative to the root."""
    return f"{ctx.settings.zones.backups.rstrip('/')}/{run}"


def named_files(ctx: Context, connection: sqlite3.Connection, run: RunRow) -> Iterator[tuple[str, str]]:
    """(path relative to the root, recorded checksum) of every file below the run's backup that its outcomes name."""
    prefix = backup_folder(ctx, run.id) + "/"
    last = 0
    while True:  # in pages: whoever removes them writes to the same ledger meanwhile
        rows = connection.execute(
            "SELECT id, backup, replaced_sha256 FROM outcomes WHERE run = ? AND id > ? AND backup <> ''"
            f" ORDER BY id LIMIT {_PAGE}",
            [run.seq, last],
        ).fetchall()
        for row in rows:
            if row["backup"].startswith(prefix):
                yield row["backup"], row["replaced_sha256"]
        if len(rows) < _PAGE:
            return
        last = rows[-1]["id"]


def plain_file(path: str | os.PathLike[str]) -> os.stat_result | None:
    """What lstat says of a regular file; None for anything else."""
    try:
        facts = os.lstat(path)
    except (OSError, ValueError):
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def list_backups(
    ctx: Context, connection: sqlite3.Connection, *, cancelled: Callable[[], bool] | None = None
) -> list[Backup]:
    """Every run's backup that has a folder, newest run first. Looks at every file in them, reads none."""
    found = []
    for name in _names(ctx):
        row = connection.execute("SELECT * FROM runs WHERE id = ?", [name]).fetchone()
        if row is not None:
            found.append(run_row(row))
        if cancelled and cancelled():
            break
    return [_backup(ctx, connection, run) for run in sorted(found, key=lambda run: -run.seq)]


def _names(ctx: Context) -> list[str]:
    try:
        return sorted(os.listdir(ctx.workspace.path(ctx.settings.zones.backups)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _backup(ctx: Context, connection: sqlite3.Connection, run: RunRow) -> Backup:
    folder = backup_folder(ctx, run.id)
    files = size = missing = 0
    freed, zone = Freed(), os.path.realpath(ctx.workspace.path(ctx.settings.zones.backups))
    inside: dict[str, bool] = {}  # whether a folder lies where its name says: no link on the way
    for path, _ in named_files(ctx, connection, run):
        above = os.path.dirname(path[len(folder) - len(run.id) :])
        if above not in inside:
            inside[above] = os.path.realpath(f"{zone}/{above}") == f"{zone}/{above}"
        facts = plain_file(ctx.workspace.path(path)) if inside[above] else None
        if facts is None:
            missing += 1
            continue
        files += 1
        size += facts.st_size
        freed.add(facts)
    there = sum(1 for _ in walk(str(ctx.workspace.path(folder))))
    undone = undone_by(connection, run.seq)
    restores, removes, moves, later = (0, 0, 0, 0) if undone else _undo_of(connection, run.seq)
    return Backup(
        run,
        folder,
        files,
        size,
        freed.bytes,
        missing,
        max(0, there - files),
        restores,
        removes,
        moves,
        later,
        _run_id(connection, undone),
        _run_id(connection, _pruned_by(connection, run.seq)),
    )


def changed_later(outcome: str) -> str:
    """SQL: whether a later run, no rollback and not taken back, changed the file of this row of `outcomes`."""
    return f"""EXISTS (SELECT 1 FROM outcomes later WHERE later.path = {outcome}.path AND later.id > {outcome}.id
        AND later.run <> {outcome}.run AND later.outcome IN ({ON_DISK})
        AND NOT EXISTS (SELECT 1 FROM undone WHERE undone.run = later.run)
        AND (SELECT action FROM runs WHERE seq = later.run) <> 'rollback')"""


def _undo_of(connection: sqlite3.Connection, seq: int) -> tuple[int, int, int, int]:
    """How many files a rollback would put back, take away and move, and how many later runs stand in its way of."""
    row = connection.execute(
        f"""SELECT total(kind = 'put' AND NOT later), total(kind = 'take' AND NOT later),
        total(kind = 'move' AND NOT later), total(later) FROM (SELECT CASE WHEN outcome IN ('archived', 'moved',
        'returned') THEN 'move' WHEN replaced_sha256 <> '' THEN 'put' ELSE 'take' END AS kind, {changed_later("o")}
        AS later FROM outcomes o WHERE run = ? AND outcome IN ({ON_DISK}) AND dest <> '')""",
        [seq],
    ).fetchone()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


def _pruned_by(connection: sqlite3.Connection, seq: int) -> int:
    row = connection.execute("SELECT by FROM pruned WHERE run = ?", [seq]).fetchone()
    return int(row[0]) if row else 0


def _run_id(connection: sqlite3.Connection, seq: int) -> str:
    row = connection.execute("SELECT id FROM runs WHERE seq = ?", [seq]).fetchone() if seq else None
    return str(row[0]) if row else ""


def foreign_backups(ctx: Context, connection: sqlite3.Connection | None) -> list[ForeignBackup]:
    """What no run of this ledger made, name by name, in their order."""
    zone = ctx.settings.zones.backups.rstrip("/")
    found = []
    for name in _names(ctx):
        if connection is not None and connection.execute("SELECT 1 FROM runs WHERE id = ?", [name]).fetchone():
            continue
        path = ctx.workspace.path(f"{zone}/{name}")
        facts = plain_file(path)
        sizes = (
            [facts.st_size] if facts else [entry.stat(follow_symlinks=False).st_size for _, entry in walk(str(path))]
        )
        found.append(ForeignBackup(f"{zone}/{name}", len(sizes), sum(sizes)))
    return found


@dataclass(slots=True)
class Backups:
    """All that lies below the backup zone at one moment."""

    ours: list[Backup] = field(default_factory=list)
    foreign: list[ForeignBackup] = field(default_factory=list)


def all_backups(ctx: Context) -> Backups:
    """Ours, newest run first, and those of others. Works without a ledger. Raises LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        ours = list_backups(ctx, connection) if connection is not None else []
        return Backups(ours, foreign_backups(ctx, connection))


def verify_backups(
    ctx: Context, runs: list[RunRow], *, progress: Callable[[int, int], None] | None = None
) -> Iterator[Damaged]:
    """Read the backups of these runs and compare them with the checksums recorded when they were made.

    Gives those that differ, cannot be read or are missing (pruned ones left out). progress(files, bytes) so far.
    Raises LedgerError.
    """
    files = size = 0
    with reading(ctx.workspace.ledger) as connection:
        for run in runs if connection is not None else ():
            assert connection is not None
            pruned = _pruned_by(connection, run.seq)
            for path, expected in named_files(ctx, connection, run):
                there = plain_file(ctx.workspace.path(path))
                if there is None:
                    if not pruned:
                        yield Damaged(run.id, path, expected, "", "it is missing")
                    continue
                files, size = files + 1, size + there.st_size
                try:
                    found = hash_file(str(ctx.workspace.path(path)))
                except OSError as error:
                    yield Damaged(run.id, path, expected, "", f"it cannot be read: {error.strerror}")
                    continue
                if found != expected:
                    yield Damaged(run.id, path, expected, found, "it has other bytes than were recorded")
                if progress:
                    progress(files, size)
