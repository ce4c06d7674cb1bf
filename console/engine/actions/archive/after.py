"""What follows when files have moved: emptied folders go; for a run that died, recovery does it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from console.engine.actions.archive.manifest import keep_manifests
from console.engine.actions.change.batches import remove_empty
from console.engine.actions.change.disk import Disk
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.text import keepable, on_disk, recordable

_TIDY = ("archive", "archive restore", "reprocess")  # actions that leave no folder that they emptied


def emptied_folders(run: ActiveRun, target: int = 0) -> list[str]:
    """Folders out of which this run (target: the run with that seq) took files: of the raw zone those below a source,
    of the others all below it."""
    zones = run.ctx.settings.zones
    found: set[str] = set()
    for row in run.connection.execute(
        "SELECT path, outcome, dest, backup FROM outcomes WHERE run = ?"
        " AND outcome IN ('archived', 'returned', 'removed')",
        [target or run.seq],
    ):
        if row["outcome"] == Outcome.ARCHIVED:
            found.update(_above(on_disk(row["backup"] or row["path"]), zones.raw.rstrip("/"), 1))
        elif row["outcome"] == Outcome.RETURNED:
            found.update(_above(on_disk(row["backup"]), zones.archive.rstrip("/"), 0))
        else:
            found.update(_above(on_disk(row["dest"]), zones.validated.rstrip("/"), 0))
    return sorted(found)


def _above(path: str, zone: str, keep: int) -> Iterator[str]:
    """The folders between `path` and its zone, the outermost `keep` of them left out."""
    inside = os.path.dirname(path[len(zone) + 1 :])
    names = inside.split("/") if inside else []
    for number in range(keep + 1, len(names) + 1):
        yield f"{zone}/{'/'.join(names[:number])}"


def former_modes(run: ActiveRun) -> None:
    """Folders that this run made again have the modes that they had when an earlier run removed them."""
    for row in run.connection.execute("SELECT path FROM folders WHERE run = ?", [run.seq]).fetchall():
        gone = run.connection.execute(
            "SELECT mode FROM folders_gone WHERE path = ? AND run < ? ORDER BY run DESC LIMIT 1", [row["path"], run.seq]
        ).fetchone()
        path = run.ctx.workspace.path(on_disk(row["path"]))
        try:
            if gone is not None and os.stat(path).st_mode & 0o7777 != gone["mode"]:
                os.chmod(path, gone["mode"])
        except FileNotFoundError:
            continue
        except OSError as error:
            run.log.add("WARNING", "Folder without its former mode", file=recordable(str(path)), detail=str(error))


def made_folders(run: ActiveRun, target: int, *, but_gone: bool = False) -> Iterator[str]:
    """The folders that the run `target` had made, in order Z to A; without those of backups and of the console.

    but_gone: without those either of which `run` has said that it removes them: they went with their batch.
    """
    stay = (run.ctx.settings.zones.backups.rstrip("/") + "/", ".opsconsole/")
    last = "\U0010ffff"
    while rows := run.connection.execute(
        "SELECT path FROM folders WHERE run = ?1 AND path < ?2 UNION SELECT path FROM folders_left WHERE run = ?1"
        " AND path < ?2 EXCEPT SELECT path FROM folders_gone WHERE run = ?3 ORDER BY path DESC LIMIT 1000",
        [target, last, run.seq if but_gone else 0],
    ).fetchall():
        yield from (on_disk(path) for (path,) in rows if not f"{on_disk(path)}/".startswith(stay))
        last = rows[-1][0]


def hand_folders_on(run: ActiveRun, target: int) -> None:
    """Folders that the run `target` had made, and that stay because files of later runs lie in them, count as made by
    those from now on: whoever takes the last of them back removes the folder."""
    later = "SELECT 1 FROM runs r WHERE r.seq > ? AND r.seq <> ? AND EXISTS (SELECT 1 FROM outcomes WHERE run = r.seq)"
    if run.connection.execute(later, [target, run.seq]).fetchone() is None:
        return
    folders = {folder for folder in made_folders(run, target) if os.path.isdir(run.ctx.workspace.path(folder))}
    if not folders:
        return
    rows = run.connection.execute(
        "SELECT run, dest FROM outcomes WHERE run > ? AND run <> ? AND dest <> '' AND outcome IN"
        " ('published', 'replaced', 'restored', 'sidecar', 'archived', 'returned')"
        " AND run NOT IN (SELECT run FROM undone WHERE whole)",
        [target, run.seq],
    )
    makers = set()
    for row in rows:
        folder = os.path.dirname(on_disk(row["dest"]))
        while folder and (row["run"], folder) not in makers:
            if folder in folders:
                makers.add((row["run"], folder))
            folder = os.path.dirname(folder)
    with transaction(run.connection) as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO folders_left (run, path) VALUES (?, ?)",
            sorted((seq, keepable(folder)) for seq, folder in makers),
        )


def settle_moves(run: ActiveRun) -> None:
    """Manifests, log line, modes of folders and emptied folders of a run that died."""
    keep_manifests(run)
    former_modes(run)
    targets = [seq for (seq,) in run.connection.execute("SELECT run FROM undone WHERE by = ?", [run.seq])]
    if run.request.action not in _TIDY and not targets:
        return
    disk = Disk(str(run.ctx.workspace.root), run.ctx.settings, run.id, run.ctx.env.failpoints.reach)
    try:
        if run.request.action in _TIDY:
            remove_empty(run, disk, emptied_folders(run))
        for target in targets:
            remove_empty(run, disk, made_folders(run, target))
            hand_folders_on(run, target)
    finally:
        disk.close()
