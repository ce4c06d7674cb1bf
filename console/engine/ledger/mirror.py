"""The mirror: the state file that people and the incumbent read, kept beside the ledger as a shared file.

It is written from the ledger after each run. Its digest says whether somebody else changed it; what they
changed is judged entry by entry, recorded by the holder of the lock, and never lost by our own writing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.ledger.mirror_files import make_folder, open_shared, sync_folder, write_all
from console.engine.ledger.mirror_find import read_mirror
from console.engine.ledger.mirror_foreign import carried_lines, release_published
from console.engine.ledger.mirror_judge import PUBLISHED, MirrorDifference, naive, seconds
from console.engine.ledger.mirror_memory import (
    fingerprint,
    identity_of,
    inside,
    mirror_path,
    remember,
    remembered,
)
from console.engine.ledger.mirror_read import MirrorEntry
from console.engine.ledger.mirror_record import difference_lines, record_difference, writer_told
from console.engine.model import Identity

__all__ = [
    "MirrorDifference",
    "MirrorEntry",
    "difference_lines",
    "honour_difference",
    "mirror_path",
    "read_mirror",
    "record_difference",
    "rewrite_mirror",
    "write_mirror",
]

_CHUNK = 1 << 20  # bytes written at a time
_ATTEMPTS = 5  # how often an edit made meanwhile is merged before we write all the same


def write_mirror(
    ctx: Context,
    connection: sqlite3.Connection,
    run_seq: int,
    tell: Callable[[str, str, str, str], None] | None = None,
) -> bool:
    """Write the state file from the ledger, atomically; True when it was rewritten.

    Only the holder of the lock calls it, after the outcomes of the run are recorded. A file without a
    changed entry is left alone. An edit made meanwhile is recorded and merged. Raises MirrorError when what
    stands there does not parse (it is left as it is), and OSError when it cannot be written (full disk, no
    permission: the old one stands).
    """
    path = mirror_path(ctx)
    make_folder(path.parent)
    part, backup_part = _part(path), _part(_backup(path))
    for leftover in (part, backup_part):  # of a writer that was killed
        leftover.unlink(missing_ok=True)
    _settle(ctx, connection, path)
    attempt = 0
    while True:
        attempt += 1
        difference = read_mirror(ctx, connection)
        if difference.state in ("edited", "gone"):
            honour_difference(ctx, connection, difference, run_seq, tell)
        if _agrees(connection, difference):
            _confirm(connection, run_seq)
            return False
        with inside(connection):
            release_published(ctx, connection)
        try:
            written = _Staged(ctx, connection, part)
            if written.entries == remembered(connection).entries and difference.state == "ours":
                _confirm(connection, run_seq, written.fingerprint)
                return False
            if _standing(path) == difference.identity or attempt == _ATTEMPTS:
                _replace(ctx, connection, path, written, run_seq)
                return True
        finally:
            part.unlink(missing_ok=True)


def rewrite_mirror(ctx: Context, connection: sqlite3.Connection, run_seq: int) -> bool:
    """Write a state file that was lost from the ledger: here its absence does not mean that nothing was processed.

    Only the holder of the lock calls it. Where somebody has put one there meanwhile it is as write_mirror.
    """
    path = mirror_path(ctx)
    make_folder(path.parent)
    if _standing(path) is not None:
        return write_mirror(ctx, connection, run_seq)
    part = _part(path)
    part.unlink(missing_ok=True)
    with inside(connection):
        release_published(ctx, connection)
    try:
        _replace(ctx, connection, path, _Staged(ctx, connection, part), run_seq)
    finally:
        part.unlink(missing_ok=True)
    return True


def honour_difference(
    ctx: Context,
    connection: sqlite3.Connection,
    difference: MirrorDifference,
    run_seq: int,
    tell: Callable[[str, str, str, str], None] | None = None,
) -> None:
    """Record what somebody changed in the state file, and tell the run's log (level, message, file, detail)."""
    told = writer_told(connection, run_seq)
    refused = record_difference(ctx, connection, difference, run_seq)
    if tell is not None:
        for line in difference_lines(difference, refused, told=told):
            tell(*line)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _backup(path: Path) -> Path:
    return path.with_name(f"{path.name}.bak")


def _standing(path: Path) -> Identity | None:
    try:
        return identity_of(os.lstat(path))
    except FileNotFoundError:
        return None


def _agrees(connection: sqlite3.Connection, difference: MirrorDifference) -> bool:
    """Whether no row can have changed since file and ledger agreed."""
    known = remembered(connection).fingerprint
    return difference.state in ("ours", "edited") and known != "" and known == fingerprint(connection)


def _confirm(connection: sqlite3.Connection, run_seq: int, found: str = "") -> None:
    """File and ledger agree as of this run."""
    memory = remembered(connection)
    with inside(connection):
        remember(connection, replace(memory, run=run_seq, fingerprint=found or memory.fingerprint))


def _settle(ctx: Context, connection: sqlite3.Connection, path: Path) -> None:
    """A writer was killed after its rename: what it would have recorded is recorded now."""
    staged = remembered(connection).staged
    if staged is None:
        return
    standing = _standing(path)
    if standing is not None and standing == Identity(staged["size"], staged["mtime_ns"], staged["inode"]):
        _record(connection, staged, standing)
    else:
        _part_ways(path)
        with inside(connection):
            remember(connection, replace(remembered(connection), staged=None))


def _record(connection: sqlite3.Connection, staged: dict[str, Any], identity: Identity) -> None:
    """The staged version stands in place now."""
    with inside(connection):
        connection.execute(
            "INSERT INTO mirrors (run, sha256, size, mtime_ns, inode, written_at) VALUES (?, ?, ?, ?, ?, ?)",
            [
                staged["run"],
                staged["sha256"],
                identity.size,
                identity.mtime_ns,
                identity.inode,
                staged["written_at"],
            ],
        )
        memory = replace(remembered(connection), judged=None, staged=None)
        agreed = {name: staged[name] for name in ("run", "entries", "fingerprint")}
        remember(connection, replace(memory, **agreed))


class _Staged:
    """A state file written beside the one in place, not yet durable in its name.

    sha256: of the whole file. entries: of the entries alone. fingerprint: of the rows they came from.
    """

    def __init__(self, ctx: Context, connection: sqlite3.Connection, part: Path) -> None:
        self.written_at = ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.fingerprint = fingerprint(connection)
        whole, entries = hashlib.sha256(), hashlib.sha256()
        descriptor = open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            for chunk in _entries(connection):
                entries.update(chunk)
                whole.update(chunk)
                write_all(descriptor, chunk)
            tail = f',\n  "last_updated": "{naive(self.written_at)}"\n}}'.encode()
            whole.update(tail)
            write_all(descriptor, tail)
            os.fsync(descriptor)
            self.identity = identity_of(os.fstat(descriptor))
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(part)) from error
        finally:
            os.close(descriptor)
        self.sha256, self.entries = whole.hexdigest(), entries.hexdigest()
        ctx.env.failpoints.reach("mirror.staged")


def _entries(connection: sqlite3.Connection) -> Iterator[bytes]:
    """The file up to the end of processed_files, in pieces of about 1 MiB, as json.dump(indent=2) has it."""
    quote = encode_basestring_ascii
    lists: dict[str, str] = {}  # columns as text: a few different ones among thousands of files
    cursor = connection.cursor()
    cursor.row_factory = None
    pieces, length = ['{\n  "processed_files": {'], 0
    comma = "\n"
    for path, dest, sha256, processed_at, size, mtime_ns, kind, columns, records in cursor.execute(
        "SELECT path, dest, sha256, processed_at, size, mtime_ns, format, columns, records FROM files"
        f" WHERE {PUBLISHED} ORDER BY path"
    ):
        header = ""
        if columns is not None:
            header = lists.get(columns, "")
            if not header:
                text = json.dumps(json.loads(columns), indent=2).replace("\n", "\n        ")
                header = lists[columns] = f'        "columns": {text},\n'
                if len(lists) > 1000:
                    lists.clear()
        piece = (
            f'{comma}    {quote(path)}: {{\n      "checksum": "{sha256}",\n'
            f'      "processed_at": "{naive(processed_at)}",\n      "dest_path": {quote(dest)},\n'
            f'      "metadata": {{\n        "size_bytes": {size},\n'
            f'        "modified_timestamp": {seconds(mtime_ns)!r},\n'
            f'        "checksum": "{sha256}"\n      }},\n'
            f'      "validation_info": {{\n        "file_size_bytes": {size},\n'
            f'        "format": {quote(kind)},\n{header}        "record_count": {records}\n      }}\n    }}'
        )
        comma = ",\n"
        pieces.append(piece)
        length += len(piece)
        if length > _CHUNK:
            yield "".join(pieces).encode()
            pieces, length = [], 0
    for line in carried_lines(connection):
        pieces.append(comma + line)
        comma = ",\n"
        length += len(line)
        if length > _CHUNK:
            yield "".join(pieces).encode()
            pieces, length = [], 0
    pieces.append("}" if comma == "\n" else "\n  }")
    yield "".join(pieces).encode()


def _replace(ctx: Context, connection: sqlite3.Connection, path: Path, written: _Staged, run_seq: int) -> None:
    """Rename the staged file into place, the one that stood there becoming .bak; record its digest."""
    staged = {
        "run": run_seq,
        "sha256": written.sha256,
        "entries": written.entries,
        "fingerprint": written.fingerprint,
        "written_at": written.written_at,
        "size": written.identity.size,
        "mtime_ns": written.identity.mtime_ns,
        "inode": written.identity.inode,
    }
    with inside(connection):
        remember(connection, replace(remembered(connection), staged=staged))
    _keep(path)
    ctx.env.failpoints.reach("mirror.backed-up")
    os.replace(_part(path), path)
    ctx.env.failpoints.reach("mirror.renamed")
    sync_folder(path.parent)
    _record(connection, staged, written.identity)
    ctx.env.failpoints.reach("mirror.recorded")


def _part_ways(path: Path) -> None:
    """A writer was killed between .bak and its rename: until the next version comes they are one file, and an edit of
    the one in place would be one of the other. The .bak becomes a copy."""
    backup = _backup(path)
    with contextlib.suppress(FileNotFoundError):
        standing = os.lstat(path)
        if os.path.samestat(os.lstat(backup), standing):
            _copy(path, _part(backup), standing)
            os.replace(_part(backup), backup)


def _copy(path: Path, part: Path, standing: os.stat_result) -> None:
    descriptor = open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(path, "rb") as source, open(descriptor, "wb") as copy:
        shutil.copyfileobj(source, copy, _CHUNK)
        copy.flush()
        os.fsync(copy.fileno())
    os.utime(part, ns=(standing.st_atime_ns, standing.st_mtime_ns))


def _keep(path: Path) -> None:
    """Give what stands at `path` the name .bak as well; the rename that follows leaves it that one alone."""
    backup, part = _backup(path), _part(_backup(path))
    try:
        standing = os.lstat(path)
    except FileNotFoundError:
        return
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(backup), standing):
            return  # a writer was killed just behind this place
    try:
        os.link(path, part, follow_symlinks=False)
    except OSError:  # another owner's file, or a file system without links
        part.unlink(missing_ok=True)  # never write through a name that may be another file's
        _copy(path, part, standing)
    os.replace(part, backup)
