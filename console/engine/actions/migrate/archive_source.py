"""`--operation move`: what was published leaves the raw zone for the archive. Nothing raw is ever unlinked.

Archive layout: `<archive>/<label>/<path relative to the archive's parent>`, with `SHA256SUMS` that `sha256sum -c`
accepts from there, and a line in `ARCHIVE_LOG.txt`. DESIGN: "Formats that others read".
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from console.engine.actions.change.rows import apply_rows
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.text import plural
from console.engine.transfer.publish import hash_file
from console.engine.transfer.stage import Folders, write_all
from console.engine.workspace.shared import open_shared


def archive_published(run: ActiveRun) -> None:
    """Move every source that this run published or found published, sidecars last."""
    rows = run.connection.execute(
        "SELECT path, sha256, outcome, size FROM outcomes WHERE run = ? AND"
        " outcome IN ('published', 'replaced', 'revalidated', 'sidecar') ORDER BY outcome = 'sidecar', id",
        [run.seq],
    ).fetchall()
    if not rows:
        return
    label = f"moved-{run.id}"
    items = _items(run, rows, label)
    with transaction(run.connection) as connection:
        connection.execute(
            "INSERT INTO intents (run, kind, item) VALUES (?, 'archive', ?)",
            [run.seq, orjson.dumps(items).decode()],
        )
    moved = move_items(run, items)
    finish_archive(run, label, items, moved)


def _items(run: ActiveRun, rows: list[sqlite3.Row], label: str) -> list[dict[str, Any]]:
    archive = run.ctx.settings.zones.archive.rstrip("/")
    base = os.path.dirname(archive)
    return [
        {
            "path": row["path"],
            "to": f"{archive}/{label}/{os.path.relpath(row['path'], base or '.')}",
            "sha256": row["sha256"],
            "size": row["size"],
            "sidecar": row["outcome"] == "sidecar",
        }
        for row in rows
    ]


def move_items(run: ActiveRun, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rename each source to its place in the archive; a copy, verified, where that is another file system.

    Returns what was moved, now or before a crash. A source that is no longer what was published stays.
    """
    root = str(run.ctx.workspace.root)
    zone = run.ctx.settings.zones.archive.rstrip("/")
    folders = Folders(os.path.join(root, zone))
    moved = []
    for item in items:
        source, target = os.path.join(root, item["path"]), os.path.join(root, item["to"])
        if not os.path.lexists(source):
            if os.path.lexists(target):
                moved.append(item)
            continue
        if os.path.lexists(target) and hash_file(target) != item["sha256"]:
            os.unlink(target)  # an unfinished copy of ours: the intent names it
        if hash_file(source) != item["sha256"]:
            run.log.add("WARNING", "Source changed after it was published, not archived", file=item["path"])
            continue
        descriptor = folders.open_making(os.path.relpath(os.path.dirname(target), folders.zone), [])
        _move(folders, descriptor, source, target)
        moved.append(item)
        run.ctx.env.failpoints.reach("archive.moved")
    folders.close()
    return moved


def _move(folders: Folders, descriptor: int, source: str, target: str) -> None:
    name = os.path.basename(target)
    try:
        os.rename(source, name, dst_dir_fd=descriptor)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    out = folders.create(name)
    try:
        with open(source, "rb", buffering=0) as file:
            while chunk := file.read(1 << 20):
                write_all(out, chunk)
        os.fsync(out)
    finally:
        os.close(out)
    if hash_file(target) != hash_file(source):
        raise OSError(errno.EIO, "the archived copy does not have the bytes of the source", target)
    os.fsync(descriptor)
    os.unlink(source)


def finish_archive(run: ActiveRun, label: str, items: list[dict[str, Any]], moved: list[dict[str, Any]]) -> None:
    """Manifest, log line, ledger; then the intent is done."""
    root = str(run.ctx.workspace.root)
    archive = os.path.join(root, run.ctx.settings.zones.archive.rstrip("/"))
    base = os.path.dirname(archive)
    lines = [f"{item['sha256']}  {_coreutils(os.path.relpath(os.path.join(root, item['to']), base))}" for item in moved]
    sums_flags, log_flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with open(open_shared(Path(archive, label, "SHA256SUMS"), sums_flags), "w", encoding="utf-8") as sums:
        sums.writelines(("\\" if "\\" in line else "") + line + "\n" for line in lines)
        sums.flush()
        os.fsync(sums.fileno())
    line = f"{run.ctx.env.now():%Y-%m-%dT%H:%M:%SZ} {label}: {plural(len(moved), 'file')} archived by run {run.id}\n"
    with open(open_shared(Path(archive, "ARCHIVE_LOG.txt"), log_flags), "a", encoding="utf-8") as log:
        log.write(line)
    sources: Counter[str] = Counter()
    raw = run.ctx.settings.zones.raw.rstrip("/") + "/"
    with transaction(run.connection) as connection:
        for item in moved:
            connection.execute("UPDATE files SET status = 'archived' WHERE path = ?", [item["path"]])
            apply_rows(connection, run.seq, [("archived", item["to"], _row(run, label, root, item))])
            if not item["sidecar"]:
                sources[item["path"][len(raw) :].partition("/")[0]] += 1
                run.counts.moved += 1
        run.outcomes_in(
            connection,
            [(i["path"], Outcome.MOVED, i["to"], i["size"], i["sha256"], "", "", "") for i in moved],
        )
        connection.execute("DELETE FROM intents WHERE run = ? AND kind = 'archive'", [run.seq])
    run.moved_by_source = dict(sources)
    for item in moved:
        run.log.add("INFO", "Source archived", file=item["path"], detail=item["to"])
    run.log.flush()


def _row(run: ActiveRun, label: str, root: str, item: dict[str, Any]) -> dict[str, Any]:
    facts = os.lstat(os.path.join(root, item["to"]))
    return {
        "path": item["path"],
        "label": label,
        "size": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "sha256": item["sha256"],
        "run": run.seq,
    }


def _coreutils(path: str) -> str:
    """sha256sum writes a name with a backslash or newline escaped, and marks the line with a backslash."""
    return path.replace("\\", "\\\\").replace("\n", "\\n")
