"""`SHA256SUMS` of each label and `ARCHIVE_LOG.txt`: what a run moved into or out of the archive, for people.

Both follow the ledger and can be written again at any time: recovery does it for a run that died.
Escaping of names: GNU coreutils, "md5sum invocation" (backslash, newline and carriage return).
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun, release_reserve
from console.engine.text import on_disk, plural, visible
from console.engine.transfer.filesystem import fsync_path, in_words
from console.engine.workspace.shared import open_shared

_NAME = "SHA256SUMS"
_LOG = "ARCHIVE_LOG.txt"
_TAIL = 1 << 20  # bytes of the log that are searched for the line of a run


def sums_line(sha256: str, name: str) -> bytes:
    """The line of one file, without its newline, as `sha256sum` writes it."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return os.fsencode(f"{mark}{sha256}  {escaped}")


def name_of(line: bytes) -> str:
    """The name in a line of SHA256SUMS; '' for what is no such line."""
    text = os.fsdecode(line)
    escaped = text.startswith("\\")
    text = text[1:] if escaped else text
    if len(text) < 67 or text[64] != " " or text[65] not in " *":
        return ""
    name = text[66:]
    if not escaped:
        return name
    parts, rest = [], name
    while rest:
        before, slash, after = rest.partition("\\")
        parts.append(before)
        if not slash:
            break
        parts.append({"n": "\n", "r": "\r", "\\": "\\"}.get(after[:1], "\\" + after[:1]))
        rest = after[1:]
    return "".join(parts)


def keep_manifests(run: ActiveRun, also: Iterable[int] = ()) -> None:
    """Write what this run (alive or dead) changed in the archive into manifests and log; twice is as good as once.

    also: seqs of runs whose labels are looked at too: they are taken back, and whoever began that may have stopped.

    What cannot be written is said in the run's messages: the files themselves are where the ledger says.
    """
    moved, returned = _moved(run)
    _write_former(run, also, moved.keys() | returned.keys())
    for label in sorted(moved.keys() | returned.keys()):
        try:
            _keep(run, label, moved.get(label, 0), returned.get(label, set()))
        except OSError:
            release_reserve(run.ctx)
            try:
                _keep(run, label, moved.get(label, 0), returned.get(label, set()))
            except OSError as error:
                text = f"{_NAME} of {label} could not be written ({in_words(error)}); the next archive there does it"
                run.messages.append(text)
    if moved or returned:
        run.ctx.env.failpoints.reach("archive.listed")


def _write_former(run: ActiveRun, also: Iterable[int], known: Collection[str]) -> None:
    zone = run.ctx.settings.zones.archive.rstrip("/") + "/"
    places: dict[str, set[str]] = {}
    for seq in also:
        for (dest,) in run.connection.execute(
            "SELECT dest FROM outcomes WHERE run = ? AND outcome IN ('archived', 'moved')", [seq]
        ):
            place = on_disk(dest)
            places.setdefault(place[len(zone) :].partition("/")[0], set()).add(place)
    for label, gone in places.items():
        if label not in known and run.ctx.workspace.path(zone + label).is_dir():
            with suppress(OSError):  # a list, no data: the next archive there writes it
                _write_sums(run, label, gone)


def _keep(run: ActiveRun, label: str, moved: int, returned: set[str]) -> None:
    _write_sums(run, label, returned)
    _say(run, label, moved, len(returned))


def _moved(run: ActiveRun) -> tuple[Counter[str], dict[str, set[str]]]:
    """By label: how many files the run archived, and the places from which it returned some."""
    zone = run.ctx.settings.zones.archive.rstrip("/") + "/"
    moved: Counter[str] = Counter()
    returned: dict[str, set[str]] = {}
    for row in run.connection.execute(
        "SELECT outcome, dest, backup FROM outcomes WHERE run = ? AND outcome IN ('archived', 'moved', 'returned')",
        [run.seq],
    ):
        place = on_disk(row["backup"] if row["outcome"] == Outcome.RETURNED else row["dest"])
        label = place[len(zone) :].partition("/")[0]
        if row["outcome"] != Outcome.RETURNED:
            moved[label] += 1
        else:
            returned.setdefault(label, set()).add(place)
    return moved, returned


def _write_sums(run: ActiveRun, label: str, returned: set[str]) -> None:
    """The lines of others as they are, then ours in the order of their names; renamed into place as a whole."""
    zone = run.ctx.settings.zones.archive.rstrip("/")
    folder, cut = run.ctx.workspace.path(f"{zone}/{label}"), len(os.path.dirname(zone)) + 1
    if not os.path.dirname(zone):
        cut = 0
    path, part = folder / _NAME, folder / f".{_NAME}.{run.id}.part"
    rows = run.connection.execute("SELECT place, sha256 FROM archived WHERE label = ?", [label]).fetchall()
    ours = {on_disk(row["place"])[cut:]: row["sha256"] for row in rows}
    gone = {place[cut:] for place in returned} | ours.keys()
    try:
        standing = path.read_bytes()
    except FileNotFoundError:
        standing = b""
    lines = [line for line in standing.split(b"\n") if line and name_of(line) not in gone]
    lines += [sums_line(sha256, name) for name, sha256 in sorted(ours.items())]
    if not lines:
        path.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        return
    content = b"".join(line + b"\n" for line in lines)
    if content == standing:
        part.unlink(missing_ok=True)
        return
    _replace(run, path, part, content, _as_of(run, label))


def _as_of(run: ActiveRun, label: str) -> int | None:
    """When the newest of its files was archived, in ns: the manifest has that time, so that an undo has it too."""
    row = run.connection.execute(
        "SELECT max(r.started_at) FROM archived a JOIN runs r ON r.seq = a.run WHERE a.label = ?", [label]
    ).fetchone()
    return None if row[0] is None else int(datetime.fromisoformat(row[0]).timestamp()) * 1_000_000_000


def _replace(run: ActiveRun, path: Path, part: Path, content: bytes, at: int | None) -> None:
    with open(open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(content)
        if path.exists():
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
        file.flush()
        if at is not None:
            os.utime(file.fileno(), ns=(at, at))
        os.fsync(file.fileno())
    run.ctx.env.failpoints.reach("archive.summed")
    os.replace(part, path)
    fsync_path(str(path.parent))


def _say(run: ActiveRun, label: str, moved: int, returned: int) -> None:
    """One line for this run and label, unless it is there already."""
    row = run.connection.execute("SELECT who FROM runs WHERE seq = ?", [run.seq]).fetchone()
    who = json.loads(row["who"]) if row else {}
    by = who.get("login") or who.get("user") or "?"
    parts = [f"{plural(moved, 'file')} archived"] if moved else []
    parts += [f"{plural(returned, 'file')} returned"] if returned else []
    reason = str(run.request.params.get("reason") or "").strip()
    text = f"{label}: {', '.join(parts)} by run {run.id}, {by}" + (f": {reason}" if reason else "")
    path = run.ctx.workspace.path(run.ctx.settings.zones.archive) / _LOG
    with open(open_shared(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "a+b") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL))
        said = log.read().decode("utf-8", "replace")
        if any(f"Z {label}: " in line and f" by run {run.id}," in line for line in said.splitlines()):
            return
        start = "" if not said or said.endswith("\n") else "\n"
        log.write(f"{start}{run.ctx.env.now():%Y-%m-%dT%H:%M:%SZ} {visible(text)}\n".encode())
        log.flush()
        os.fsync(log.fileno())
