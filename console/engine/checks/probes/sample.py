"""Tested with sample data: some waiting files go the way of a migrate, into a scratch folder that is removed again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from console.engine.actions.migrate.model import Candidate, Group, Staged
from console.engine.actions.migrate.worker import Stager
from console.engine.checks.probes.look import Finding, Look
from console.engine.environment import Failpoints
from console.engine.model import Check
from console.engine.runs.query import process_started
from console.engine.text import plural, recordable, size
from console.engine.transfer.filesystem import room
from console.engine.transfer.publish import hash_file

_SCRATCH = "scratch-"  # in our own folder, then the process that made it: `scratch-<pid>-<when it started>`
_SPARE = 64 << 20  # bytes that are left free


def sample_migrates(look: Look, *, files: int, megabytes: int) -> Finding:
    """Passes where each file of the sample is read, judged, staged, and read back with the same checksum; warns where
    some are refused by their rule, fails where all are, or one cannot be read or written; unknown without files."""
    ctx = look.ctx
    if ctx.read_only:
        return Finding(Check.UNKNOWN, "a read-only session writes nothing, a scratch folder neither")
    if (trouble := look.unreadable()) is not None:
        return trouble
    groups, from_where = _waiting(look, files, megabytes << 20), "waiting"
    if not groups:
        groups, from_where = _published(look, files, megabytes << 20), "published"
    if not groups:
        return Finding(Check.UNKNOWN, "there is no file to test with", "put a file of a source into the raw zone")
    need = sum(candidate.size for group in groups for candidate in group.candidates)
    if room(ctx.workspace.private)[0] < need + _SPARE:
        return Finding(Check.UNKNOWN, f"no room to test with {size(need)}", "free some room")
    with _scratch(look) as scratch:
        zone = os.path.relpath(scratch, ctx.workspace.root)
        settings = replace(ctx.settings, zones=replace(ctx.settings.zones, validated=zone))
        stager = Stager(str(ctx.workspace.root), settings, look.rules, "sample", Failpoints())
        answers = []
        for group in groups:
            if look.cancelled():
                return Finding(Check.UNKNOWN, "interrupted")
            answers += [_read_back(answer, scratch) for answer in stager.group(group, False)]
    return _judged([answer for answer in answers if answer.kind != "sidecar"], from_where)


def _judged(answers: list[Staged], from_where: str) -> Finding:
    good = [answer for answer in answers if answer.kind in ("staged", "revalidated", "unchanged")]
    refused = [answer for answer in answers if answer.kind == "failed"]
    broken = [answer for answer in answers if answer not in good and answer not in refused]
    said = f"{len(good)} of {plural(len(answers), f'{from_where} file')} went through"
    details = tuple(f"{recordable(each.path)}: {each.reason or each.kind}" for each in [*broken, *refused][:50])
    details += tuple(
        f"{recordable(each.path)}: {plural(each.facts.records, 'record')}, read back" for each in good[:20]
    )
    if broken:
        why = f"{recordable(broken[0].path)}: {broken[0].reason or broken[0].kind}"
        return Finding(Check.FAIL, f"{said}; {why}", "`opsconsole migrate --dry-run` reads them all", details)
    if refused:
        verdict = Check.WARN if good else Check.FAIL
        return Finding(verdict, f"{said}; {refused[0].reason}", "`opsconsole migrate --dry-run` judges all", details)
    return Finding(Check.PASS, f"{said}: read, judged, written and read back", "", details)


def _read_back(answer: Staged, scratch: Path) -> Staged:
    """The answer, or that what was written is not what was read."""
    if answer.kind != "staged":
        return answer
    part = scratch / answer.part
    try:
        os.replace(part, scratch / answer.path)  # as publishing does
        if hash_file(str(scratch / answer.path)) == answer.sha256:
            return answer
        return answer._replace(kind="damaged", reason="Checksum mismatch: read back other bytes than were written")
    except OSError as error:
        return answer._replace(kind="unreadable", reason=error.strerror or str(error))


@contextmanager
def _scratch(look: Look) -> Iterator[Path]:
    """A folder in our own one. What an earlier one left that was killed goes too."""
    private = look.ctx.workspace.private
    made = not private.exists()
    private.mkdir(exist_ok=True)
    with suppress(OSError):
        for entry in os.scandir(private):
            if entry.name.startswith(_SCRATCH) and not _lives(entry.name):
                shutil.rmtree(entry.path, ignore_errors=True)
    pid = os.getpid()
    folder = private / f"{_SCRATCH}{pid}-{process_started(pid):.0f}-{look.ctx.env.token(4)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            with suppress(OSError):
                private.rmdir()


def _lives(name: str) -> bool:
    """Whether the process that made this folder is still there."""
    parts = name.removeprefix(_SCRATCH).split("-")
    return len(parts) > 1 and parts[0].isdigit() and f"{process_started(int(parts[0])):.0f}" == parts[1]


def _waiting(look: Look, files: int, most: int) -> list[Group]:
    """Waiting files, a few of each source, so that none has the sample to itself."""
    by_source: dict[str, list[tuple[str, Candidate]]] = {}
    for group in look.survey().groups:
        source = group.folder.partition("/")[0]
        kept = by_source.setdefault(source, [])
        for candidate in group.candidates:
            if len(kept) < files:
                kept.append((group.folder, candidate))
    return _spread([pairs for pairs in by_source.values() if pairs], files, most)


def _published(look: Look, files: int, most: int) -> list[Group]:
    """Published files, where nothing waits: from the first ones on, spread over the sources."""
    if look.connection is None:
        return []
    raw = look.ctx.settings.zones.raw.rstrip("/") + "/"
    by_source: list[list[tuple[str, Candidate]]] = []
    for (source,) in look.connection.execute("SELECT DISTINCT source FROM files WHERE status = 'processed'").fetchall():
        rows = look.connection.execute(
            "SELECT path, size, mtime_ns, inode FROM files WHERE path > ? AND path < ?"
            " AND status = 'processed' LIMIT ?",
            [f"{raw}{source}/", f"{raw}{source}0", files],
        ).fetchall()
        paths = [(row[0][len(raw) :], *tuple(row)[1:]) for row in rows]
        by_source.append([(path.rpartition("/")[0], Candidate(path, "again", *rest)) for path, *rest in paths])
    return _spread([pairs for pairs in by_source if pairs], files, most)


def _spread(by_source: list[list[tuple[str, Candidate]]], files: int, most: int) -> list[Group]:
    """In turns from each source, until there are enough files or bytes; at least one file."""
    chosen: list[tuple[str, Candidate]] = []
    total, turn = 0, 0
    while len(chosen) < files and any(turn < len(pairs) for pairs in by_source):
        for pairs in by_source:
            if turn < len(pairs) and len(chosen) < files:
                candidate = pairs[turn][1]
                if not chosen or total + candidate.size <= most:
                    chosen.append(pairs[turn])
                    total += candidate.size
        turn += 1
    return [Group(folder, [candidate], None, False) for folder, candidate in chosen]
