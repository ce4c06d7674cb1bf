"""`--operation move`: what was published leaves the raw zone for the archive. Nothing raw is ever unlinked.

Archive layout: `<archive>/<label>/<path relative to the archive's parent>`, with `SHA256SUMS` that `sha256sum -c`
accepts from there, and a line in `ARCHIVE_LOG.txt`. DESIGN: "Formats that others read".
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections import Counter
from typing import Any

import orjson

from console.engine.actions.archive.manifest import keep_manifests
from console.engine.actions.change.rows import apply_rows
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.transfer.filesystem import fsync_path
from console.engine.transfer.publish import hash_file
from console.engine.transfer.stage import Folders, write_all


def archive_published(run: ActiveRun) -> None:
    """Move every source that this run published or found published, sidecars last."""
    rows = run.connection.execute(
        "SELECT path, sha256, outcome, size FROM outcomes WHERE run = ? AND"
        " outcome IN ('published', 'replaced', 'revalidated', 'sidecar') AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE"
        " o.path = outcomes.path AND o.run = outcomes.run AND o.outcome = 'moved')"  # killed after it was recorded
        " ORDER BY outcome = 'sidecar', id",
        [run.seq],
    ).fetchall()
    if not rows:
        return
    label = f"moved-{run.id}"
    items = _items(run, rows, label)
    made = _missing_folders(run, label, items)
    with transaction(run.connection) as connection:
        connection.executemany(
            f"INSERT OR IGNORE INTO folders (run, path) VALUES ({run.seq}, ?)", ((name,) for name in made)
        )
        connection.execute(
            "INSERT INTO intents (run, kind, item) VALUES (?, 'archive', ?)",
            [run.seq, orjson.dumps(items).decode()],
        )
    moved = move_items(run, items)
    finish_archive(run, label, items, moved)


def _missing_folders(run: ActiveRun, label: str, items: list[dict[str, Any]]) -> set[str]:
    """The folders below the archive that have to be made: an undo removes them."""
    top = run.ctx.settings.zones.archive.rstrip("/")
    root, made = str(run.ctx.workspace.root), set()
    for place in {f"{top}/{label}", *(os.path.dirname(item["to"]) for item in items)}:
        while place.startswith(top) and place not in made and not os.path.isdir(os.path.join(root, place)):
            made.add(place)
            place = os.path.dirname(place)
    return made


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
        digest = hash_file(source)
        if digest == item["sha256"] and os.path.lexists(target):
            os.unlink(source)  # copied to another file system, and killed before this
            moved.append(item)
            continue
        if digest != item["sha256"]:
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
            facts = os.fstat(file.fileno())
        os.fchmod(out, stat.S_IMODE(facts.st_mode))
        os.utime(out, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
        os.fsync(out)
    finally:
        os.close(out)
    if hash_file(target) != hash_file(source):
        raise OSError(errno.EIO, "the archived copy does not have the bytes of the source", target)
    fsync_path(os.path.dirname(target))  # `descriptor` leads there, but cannot be flushed (O_PATH)
    os.unlink(source)


def finish_archive(run: ActiveRun, label: str, items: list[dict[str, Any]], moved: list[dict[str, Any]]) -> None:
    """Ledger, manifest, log line; then the intent is done."""
    root = str(run.ctx.workspace.root)
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
    keep_manifests(run)
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
