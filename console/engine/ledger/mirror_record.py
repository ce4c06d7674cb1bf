"""Recording in the ledger what hand edits of the state file mean. Only the holder of the lock does it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace

from console.engine.context import Context
from console.engine.ledger.mirror_foreign import release
from console.engine.ledger.mirror_judge import MirrorDifference, source_of
from console.engine.ledger.mirror_memory import fingerprint, identity_of, inside, remember, remembered
from console.engine.ledger.mirror_read import MirrorEntry
from console.engine.model import FileStatus

_NAMED = 1000  # entries named one by one in the log
_KNOWN = 20  # judged versions that are known again


def record_difference(
    ctx: Context, connection: sqlite3.Connection, difference: MirrorDifference, run_seq: int
) -> tuple[tuple[str, str], ...]:
    """Record what hand edits mean; only the holder of the lock calls it. One transaction, or the caller's.

    Reads source and destination of every added entry and adopts those whose bytes match its checksum.
    Returns (path, reason) of every entry that was not taken, the difference's own `refused` included.
    """
    refused = list(difference.refused)
    adopted: list[tuple[MirrorEntry, os.stat_result, os.stat_result]] = []
    for entry in difference.added:
        facts = _matching(ctx, entry)
        if isinstance(facts, str):
            refused.append((entry.path, facts))
        else:
            adopted.append((entry, *facts))
    twice = list(_still_ours(ctx, connection, difference.twice))
    with inside(connection):
        connection.executemany("UPDATE files SET mirrored = 0 WHERE path = ?", ([path] for path in difference.gone))
        for item in adopted:
            _adopt(ctx, connection, *item, run_seq)
        connection.executemany(
            "UPDATE files SET dest_size = ?, dest_mtime_ns = ?, dest_inode = ? WHERE path = ?", twice
        )
        release(connection, difference.let_go)
        memory = remembered(connection)
        # Where nothing is to be written back, the file says what the ledger says now.
        agreed = not (difference.added or difference.altered or refused or difference.pending)
        if difference.state != "ours":
            judged, known = None, memory.known
            if difference.identity is not None:
                judged = {
                    "sha256": difference.sha256,
                    **asdict(difference.identity),
                    "last_updated": difference.last_updated,
                }
                if difference.foreign_writer or not (difference.altered or refused):
                    # what a hand forged is not believed when it comes again
                    known = dict([*known.items(), (difference.sha256, run_seq)][-_KNOWN:])
            standing = fingerprint(connection) if agreed and judged else ""
            memory = replace(memory, entries="", fingerprint=standing, judged=judged, known=known)
        writer = memory.writer
        if difference.foreign_writer:
            writer = {"text": difference.foreign_writer, "run": run_seq}
        elif writer is not None and writer["run"] != run_seq:
            writer = None  # the run before this one told of it, and it did not come back
        remember(connection, replace(memory, writer=writer))
    return tuple(refused)


def writer_told(connection: sqlite3.Connection, run_seq: int) -> bool:
    """Whether this run has found, and its log has told of, another program that writes the state file."""
    writer = remembered(connection).writer
    return writer is not None and writer["run"] == run_seq


def _still_ours(
    ctx: Context, connection: sqlite3.Connection, paths: tuple[str, ...]
) -> Iterator[tuple[int, int, int, str]]:
    """Size, time, inode and path of the published copies that another program has put in the place of ours, where
    they have the same bytes."""
    for path in paths:
        row = connection.execute("SELECT dest, sha256 FROM files WHERE path = ?", [path]).fetchone()
        facts = _hashed(ctx, row["dest"], row["sha256"], "copy")
        if not isinstance(facts, str):
            yield facts.st_size, facts.st_mtime_ns, facts.st_ino, path


def _matching(ctx: Context, entry: MirrorEntry) -> tuple[os.stat_result, os.stat_result] | str:
    """What stat says of source and destination when both have the entry's bytes; else why not."""
    source = _hashed(ctx, entry.path, entry.checksum, "source")
    if isinstance(source, str):
        return source
    dest = _hashed(ctx, entry.dest, entry.checksum, "destination")
    return dest if isinstance(dest, str) else (source, dest)


def _hashed(ctx: Context, path: str, sha256: str, name: str) -> os.stat_result | str:
    """What stat says of a file when it has these bytes; else why not, calling it `name`."""
    try:
        descriptor = os.open(ctx.workspace.path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return f"its {name} cannot be read: {error.strerror}"
    with open(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return f"its {name} has another checksum"
        if identity_of(os.fstat(descriptor)) != identity_of(before):
            return f"its {name} changes"
    return before


def _adopt(
    ctx: Context,
    connection: sqlite3.Connection,
    entry: MirrorEntry,
    source: os.stat_result,
    dest: os.stat_result,
    run_seq: int,
) -> None:
    """An entry whose bytes were found: what the ledger had of the same bytes counts again, else it is
    adopted.
    """
    known = connection.execute("SELECT sha256, status FROM files WHERE path = ?", [entry.path]).fetchone()
    if known and known["sha256"] == entry.checksum and known["status"] != FileStatus.HELD:
        connection.execute("UPDATE files SET mirrored = 1 WHERE path = ?", [entry.path])
        return
    values = {
        "path": entry.path,
        "source": source_of(entry.path, ctx.settings),
        "status": FileStatus.ADOPTED.value,
        "dest": entry.dest,
        "size": source.st_size,
        "mtime_ns": source.st_mtime_ns,
        "inode": source.st_ino,
        "sha256": entry.checksum,
        "rule": None,
        "records": entry.records,
        "format": entry.format,
        "columns": None if entry.columns is None else json.dumps(entry.columns),
        "warnings": 0,
        "processed_at": entry.processed_at,
        "judged_run": 0,
        "run": run_seq,
        "dest_size": dest.st_size,
        "dest_mtime_ns": dest.st_mtime_ns,
        "dest_inode": dest.st_ino,
        "mirrored": 1,
    }
    columns = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "path")
    connection.execute(
        f"INSERT INTO files ({columns}) VALUES ({places}) ON CONFLICT (path) DO UPDATE SET {changes}", values
    )


def difference_lines(
    difference: MirrorDifference, refused: tuple[tuple[str, str], ...], *, told: bool = False
) -> Iterator[tuple[str, str, str, str]]:
    """What the run's log says of hand edits: (level, message, file, detail), one for each entry.

    refused: what record_difference returned. Taken-out entries are counted where there are more than
    `_NAMED`. told: the run has named the foreign writer already; it is warned of once, and what it did to single
    files is no warning.
    """
    level = "INFO" if difference.foreign_writer else "WARNING"
    if difference.foreign_writer and not told:
        yield "WARNING", "Another program writes the state file", "", difference.foreign_writer
    if difference.state == "gone":
        yield "WARNING", "The state file was deleted", "", f"{len(difference.gone)} files count as not processed"
    elif difference.restored_run:
        yield "WARNING", "An older state file was put back", "", f"that of run number {difference.restored_run}"
    for path in difference.gone[:_NAMED] if difference.state == "edited" else ():
        yield "INFO", "Taken out of the state file, counts as not processed", path, ""
    if difference.state == "edited" and len(difference.gone) > _NAMED:
        yield "INFO", f"{len(difference.gone) - _NAMED} more were taken out of the state file", "", ""
    for key in difference.let_go[:_NAMED]:
        yield "INFO", "Taken out of the state file, carried on no longer", key, ""
    if len(difference.let_go) > _NAMED:
        yield "INFO", f"{len(difference.let_go) - _NAMED} more are carried on no longer", "", ""
    refusals = {path for path, _ in refused}
    for entry in difference.added:
        if entry.path not in refusals:
            yield "INFO", "Added to the state file, adopted", entry.path, ""
    for path in difference.altered:
        yield level, "Altered in the state file, written back", path, ""
    for path, reason in refused:
        yield level, "Entry of the state file not adopted", path, reason
