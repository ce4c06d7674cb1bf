"""What of ledger and state file is lost or destroyed, and what they can be made anew from. Looks, changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from console.engine.actions.adopt.others import walk
from console.engine.checks.adoption import REBUILDING
from console.engine.context import Context
from console.engine.errors import LedgerError, MirrorError, NewerLedgerError
from console.engine.ledger.mirror_adopt import iter_entries
from console.engine.ledger.mirror_find import being_written
from console.engine.ledger.store import open_reader
from console.engine.observe.backups import plain_file
from console.engine.workspace.people import why_not

WHOLE, MISSING, DESTROYED, UNFINISHED = "whole", "missing", "destroyed", "unfinished"


@dataclass(frozen=True, slots=True)
class Copy:
    """A whole copy of the ledger. at: when it was made, seconds since the epoch. runs, files: how many it knows."""

    path: Path
    at: float
    runs: frozenset[str]
    files: int


@dataclass(frozen=True, slots=True)
class Lost:
    """ledger, mirror: whole, missing or destroyed, with why; unfinished: a rebuild of the ledger began and died.

    copy: the copy of the ledger to begin from. unknown: runs that have a folder and that the ledger, or its copy,
    does not know: their history is gone. entries: of the state file.
    """

    ledger: str
    ledger_reason: str
    mirror: str
    mirror_reason: str
    copy: Copy | None = None
    unknown: tuple[str, ...] = ()
    entries: int = 0

    @property
    def nothing(self) -> bool:
        return self.ledger == self.mirror == WHOLE

    @property
    def binding(self) -> dict[str, str]:
        """What a confirmed plan stands on."""
        copy = f"{self.copy.path.name} {self.copy.at}" if self.copy else "none"
        return {"ledger": self.ledger, "state file": f"{self.mirror}, {self.entries}", "copy": copy}


def look(ctx: Context, *, run: str = "") -> Lost:
    """run: the one that looks, which is not unknown.

    Raises LedgerError for a ledger that is only closed to this user, or a newer program's, and MirrorError for a state
    file that is being written at this moment: none of them is lost.
    """
    ledger, reason, known = _ledger(ctx)
    mirror, mirror_reason, entries = _mirror(ctx)
    copy = _copy(ctx) if ledger in (MISSING, DESTROYED) else None
    known = known if copy is None else copy.runs
    unknown = tuple(name for name in _run_folders(ctx) if name not in known and name != run and ledger != WHOLE)
    if mirror == MISSING and ledger == WHOLE and not _published(ctx):
        mirror = WHOLE  # there is nothing that it could say
    return Lost(ledger, reason, mirror, mirror_reason, copy, unknown, entries)


def _ledger(ctx: Context) -> tuple[str, str, frozenset[str]]:
    path = ctx.workspace.ledger
    try:
        found = _examine(path)
    except FileNotFoundError:
        return MISSING, "there is no ledger", frozenset()
    except NewerLedgerError:
        raise
    except LedgerError as error:
        if why_not(str(path), os.R_OK):
            raise
        return DESTROYED, error.what, frozenset()
    if isinstance(found, str):
        return DESTROYED, found, frozenset()
    runs, _, begun = found
    return (UNFINISHED, f"a rebuild began at {begun} and died", runs) if begun else (WHOLE, "", runs)


def _examine(path: Path) -> tuple[frozenset[str], int, str] | str:
    """The runs and the number of files of a ledger, and since when it is being rebuilt; or what is wrong with it.

    Raises FileNotFoundError and LedgerError."""
    with closing(open_reader(path)) as connection:
        try:
            problems = [row[0] for row in connection.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
            if problems:
                return f"it is damaged: {'; '.join(problems)}"
            runs = frozenset(row[0] for row in connection.execute("SELECT id FROM runs"))
            files = int(connection.execute("SELECT count(*) FROM files").fetchone()[0])
            begun = connection.execute("SELECT value FROM meta WHERE key = ?", [REBUILDING]).fetchone()
            return runs, files, begun[0] if begun else ""
        except sqlite3.Error as error:
            return f"it is damaged: {error}"


def _copy(ctx: Context) -> Copy | None:
    """The newest whole copy: the one made after each run, then those of checkpoints."""
    candidates = [ctx.workspace.ledger_backup]
    try:
        names = sorted(os.listdir(ctx.workspace.checkpoints), reverse=True)
        candidates += [ctx.workspace.checkpoints / name / "ledger.sqlite" for name in names]
    except OSError:
        pass
    for path in candidates:
        try:
            found = _examine(path)
            made = os.stat(path).st_mtime
        except (OSError, LedgerError):
            continue
        if not isinstance(found, str):
            return Copy(path, made, found[0], found[1])
    return None


def _mirror(ctx: Context) -> tuple[str, str, int]:
    entries = 0

    def restarted() -> None:
        nonlocal entries
        entries = 0

    stream = iter_entries(ctx, restarted)
    try:
        for _ in stream:
            entries += 1
    except MirrorError as error:
        if error.what == being_written(ctx).what:
            raise
        return DESTROYED, error.what, 0
    if stream.identity is None:
        return MISSING, "there is no state file", 0
    return WHOLE, "", entries


def _published(ctx: Context) -> bool:
    """Whether the ledger says that a file is published and in the state file."""
    from console.engine.ledger.mirror_judge import PUBLISHED

    with closing(open_reader(ctx.workspace.ledger)) as connection:
        return connection.execute(f"SELECT 1 FROM files WHERE {PUBLISHED} LIMIT 1").fetchone() is not None


def _run_folders(ctx: Context) -> list[str]:
    try:
        return sorted(os.listdir(ctx.workspace.private / "runs"))
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class Archived:
    """A raw file in the archive, as a SHA256SUMS names it. path: where it lay; place: where it lies."""

    path: str
    place: str
    label: str
    sha256: str
    facts: os.stat_result = field(compare=False)


def archived_files(ctx: Context) -> Iterator[Archived]:
    """What the manifests of the archive name and what is there; paths relative to the root. Reads the manifests."""
    archive = ctx.settings.zones.archive.rstrip("/")
    base, _, name = archive.rpartition("/")
    prefix = f"{base}/" if base else ""
    try:
        labels = sorted(os.listdir(ctx.workspace.path(archive)))
    except OSError:
        return
    for label in labels:
        try:
            lines = open(  # noqa: SIM115 - closed by the loop that reads it
                ctx.workspace.path(f"{archive}/{label}/SHA256SUMS"), encoding="utf-8", errors="surrogateescape"
            )
        except OSError:
            continue
        inside = f"{name}/{label}/"
        with lines:
            for line in lines:
                sha256, relative = _line(line)
                if not relative.startswith(inside) or ".." in relative.split("/"):
                    continue
                facts = plain_file(ctx.workspace.path(prefix + relative))
                if facts is not None:
                    yield Archived(prefix + relative[len(inside) :], prefix + relative, label, sha256, facts)


def _line(line: str) -> tuple[str, str]:
    """Digest and name of one line of sha256sum; a line that begins with a backslash has escapes in its name."""
    line = line.rstrip("\n")
    escaped = line.startswith("\\")
    digest, _, name = line.removeprefix("\\").partition(" ")
    name = name[1:]  # the second blank, or * for binary
    if escaped:
        parts = name.split("\\\\")
        name = "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)
    return digest, name


def on_disk(ctx: Context) -> Iterator[tuple[str, str]]:
    """(raw path, published path), relative to the root, of every published data file: no sidecar, no part file."""
    zones = ctx.settings.zones
    raw, validated = zones.raw.rstrip("/"), zones.validated.rstrip("/")
    for relative, entry in walk(os.path.realpath(ctx.workspace.path(validated))):
        if entry.name == ctx.settings.sidecar.name or (entry.name.startswith(".") and entry.name.endswith(".part")):
            continue
        yield f"{raw}/{relative}", f"{validated}/{relative}"
