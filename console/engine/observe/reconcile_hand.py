"""What somebody did by hand, told from what does not agree: what happened, and which command puts it right.

Almost all by stat; bytes are read of a few files only, where they decide between two stories.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.observe.others import foreign_backups
from console.engine.observe.reconcile import Line, Source
from console.engine.text import plural
from console.engine.transfer.publish import hash_file

_NAMED = 20
_READ = 500  # files that are read at most for one finding


@dataclass(frozen=True, slots=True)
class ByHand:
    """One thing that was done by hand. kind: flattened-archive unknown-in-archive overwritten-in-archive
    backup-copied-over truncated tampered deleted flat-copies. files: the first few, with where they went; number: how
    many in all.
    """

    kind: str
    number: int
    files: tuple[str, ...]
    sentence: str
    next_step: str


def by_hand(ctx: Context, sources: Iterable[Source]) -> list[ByHand]:
    """The findings, from what `reconcile` said of all sources. Raises LedgerError."""
    lines = [line for source in sources for line in source.lines]
    found: list[ByHand] = []
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return found
        found += _archive(ctx, connection, lines)
        copied = dict(_from_backups(ctx, connection, lines))
        found += _copied(copied)
    return [*found, *_copies(ctx, [line for line in lines if line.path not in copied])]


def _say(kind: str, files: list[str], sentence: str, next_step: str) -> ByHand:
    return ByHand(kind, len(files), tuple(files[:_NAMED]), sentence, next_step)


def _hash(ctx: Context, path: str) -> str:
    try:
        return hash_file(str(ctx.workspace.path(path)))
    except OSError:
        return ""


# --- an archive by `mv` ------------------------------------------------------------------------------------


def _archive(ctx: Context, connection: sqlite3.Connection, lines: list[Line]) -> Iterator[ByHand]:
    """Raw files that vanished and lie in the archive, where no run of ours put them."""
    gone: dict[str, list[Line]] = {}
    for line in lines:
        if line.kind == "missing" and line.zone == "raw":
            gone.setdefault(os.path.basename(line.path), []).append(line)
    here = [line for line in lines if line.kind == "extra" and line.zone == "archive"]
    moved: list[str] = []
    unknown: list[str] = []
    names: set[str] = set()  # of those that were moved
    read = 0
    for extra in here:
        same = gone.get(os.path.basename(extra.path), [])
        match = next((line for line in same if _identical(ctx, connection, line, extra)), None)
        if match is None and read < _READ:  # another inode: copied, or moved to another file system
            read += 1
            digest = _hash(ctx, extra.path)
            match = next((line for line in same if digest in _seen(connection, line.subject)), None)
        if match is None:
            unknown.append(extra.path)
        else:
            moved.append(f"{match.path} → {extra.path}")
            same.remove(match)
            names.add(os.path.basename(match.path))
    if moved:
        words = "was moved into the archive by hand, without its path"
        if len(moved) > 1:
            words = "were moved into the archive by hand, without their paths"
        yield _say(
            "flattened-archive",
            moved,
            f"{plural(len(moved), 'raw file')} {words}, a manifest and a row",
            "`opsconsole verify`, then `opsconsole verify --repair` puts back what was published; then"
            " `opsconsole archive` moves them with their paths; the flat files may go then",
        )
    if unknown:
        yield _say(
            "unknown-in-archive",
            unknown,
            f"{plural(len(unknown), 'file')} in the archive that no run of ours put there and no manifest names",
            "compare with what they were moved from; a SHA256SUMS beside them, written by `sha256sum` from the folder"
            " above the archive, has verify watch over them",
        )
    lost = sorted(line.path for name in names for line in gone[name])
    if lost:
        yield _say(
            "overwritten-in-archive",
            lost,
            f"{plural(len(lost), 'raw file')} of the same name as one that was moved into the archive by hand"
            f" {'are' if len(lost) > 1 else 'is'} nowhere: `mv` lets one overwrite the other",
            "`opsconsole verify --repair` puts back those of which a published copy or a backup is left",
        )


_KNOWN = " UNION ALL ".join(f"SELECT {{}} FROM {table} WHERE path = ?1" for table in ("failures", "files", "sidecars"))


def _recorded(connection: sqlite3.Connection, path: str) -> str:
    """The checksum of what was published of a raw file last, '' for nothing."""
    row = connection.execute(
        "SELECT sha256 FROM files WHERE path = ?1 UNION ALL SELECT sha256 FROM sidecars WHERE path = ?1", [path]
    ).fetchone()
    return str(row[0]) if row else ""


def _seen(connection: sqlite3.Connection, path: str) -> set[str]:
    """The checksums that a raw file had when it was judged."""
    return {str(row[0]) for row in connection.execute(_KNOWN.format(*["sha256"] * 3), [path]) if row[0]}


def _identical(ctx: Context, connection: sqlite3.Connection, line: Line, extra: Line) -> bool:
    """Whether it is the very file: a rename keeps size, time and inode."""
    rows = connection.execute(_KNOWN.format(*["size, mtime_ns, inode"] * 3), [line.subject]).fetchall()
    try:
        facts = os.lstat(ctx.workspace.path(extra.path))
    except OSError:
        return False
    return (facts.st_size, facts.st_mtime_ns, facts.st_ino) in [tuple(row) for row in rows]


# --- published copies --------------------------------------------------------------------------------------


def _from_backups(ctx: Context, connection: sqlite3.Connection, lines: list[Line]) -> Iterator[tuple[str, str]]:
    """(published path, name of the backup) of what stands there with the bytes of a backup."""
    zones = ctx.settings.zones
    validated, backups = zones.validated.rstrip("/") + "/", zones.backups.rstrip("/")
    foreign = foreign_backups(ctx, connection)[:_NAMED]
    read = 0
    for line in lines:
        if line.zone != "validated" or line.kind not in ("altered", "extra") or read >= _READ:
            continue
        ours = connection.execute(
            "SELECT DISTINCT backup, replaced_sha256 FROM outcomes WHERE path = ? AND backup <> ''"
            " AND replaced_sha256 <> '' ORDER BY id DESC",
            [line.subject],
        ).fetchall()
        sums = [(str(row[0])[len(backups) + 1 :].partition("/")[0], str(row[1])) for row in ours]
        inside = line.path[len(validated) :]
        others = [name for name in foreign if _size(ctx, f"{backups}/{name}/{inside}") == line.size]
        if not sums and not others:
            continue
        read += 1
        digest = _hash(ctx, line.path)
        sums += [(name, _hash(ctx, f"{backups}/{name}/{inside}")) for name in others]
        name = next((name for name, sha256 in sums if digest and sha256 == digest), "")
        if name and digest != _recorded(connection, line.subject):
            yield line.path, name


def _size(ctx: Context, path: str) -> int:
    try:
        return os.lstat(ctx.workspace.path(path)).st_size
    except OSError:
        return -1


def _copied(copied: dict[str, str]) -> Iterator[ByHand]:
    for name in sorted(set(copied.values())):
        files = sorted(path for path, backup in copied.items() if backup == name)
        yield _say(
            "backup-copied-over",
            files,
            f"{plural(len(files), 'published copy', 'published copies')} with the bytes of the backup {name}: it was"
            " copied over the zone by hand, and ledger and state file do not know",
            "`opsconsole verify`, then `opsconsole verify --repair` puts today's versions back; if the older ones"
            f" were meant, after that `opsconsole rollback {name}`",
        )


def _copies(ctx: Context, lines: list[Line]) -> Iterator[ByHand]:
    """Published copies that somebody changed, cut off or deleted; files at the top of the zone."""
    altered = [line for line in lines if line.zone == "validated" and line.kind == "altered"]
    cut = sorted(line.path for line in altered if line.size < line.recorded)
    changed = sorted(line.path for line in altered if line.size >= line.recorded)
    deleted = sorted(line.path for line in lines if line.zone == "validated" and line.kind == "missing")
    mend = "`opsconsole verify`, then `opsconsole verify --repair` puts the published version back, and keeps this one"
    for kind, files, words, step in (
        ("truncated", cut, "is shorter than it was published", mend),
        ("tampered", changed, "was written by somebody else since it was published", mend),
        ("deleted", deleted, "was deleted", "`opsconsole migrate` publishes it again; or verify and repair, as it was"),
    ):
        if files:
            many = words.replace("is shorter", "are shorter").replace("was ", "were ", 1) if len(files) > 1 else words
            yield _say(kind, files, f"{plural(len(files), 'published copy', 'published copies')} {many}", step)
    zone = ctx.settings.zones.validated.rstrip("/") + "/"
    flat = sorted(
        line.path
        for line in lines
        if line.zone == "validated" and line.kind == "extra" and "/" not in line.path[len(zone) :]
    )
    if flat:
        yield _say(
            "flat-copies",
            flat,
            f"{plural(len(flat), 'file')} at the top of the validated zone, where no source publishes: a backup without"
            " folders was copied there",
            "compare them with what was meant, then remove them by hand: no run of ours touches what it did not make",
        )
