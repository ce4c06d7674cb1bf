"""A zone: there, on the file system of the last run, and with the files in it that the ledger has there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from console.engine.actions.migrate.survey import read_seen
from console.engine.actions.verify.found import rightly_gone
from console.engine.actions.verify.model import Item
from console.engine.checks.brakes import Found, Seen, zone_brake
from console.engine.checks.probes.look import Finding, Look, closed, lacking
from console.engine.checks.probes.traces import traces_of_runs
from console.engine.model import Check
from console.engine.text import count, plural
from console.engine.transfer.filesystem import filesystem_of

_LOOKED_AT = 20  # files of the ledger, spread over all of them
_MOUNT = "mount it, or bring it back: `opsconsole doctor` and `opsconsole disk` show where it should be"


def zone_there(look: Look, *, zone: str) -> Finding:
    """Fails where the folder is gone, lies on another file system than at the last run, or has none of the files that
    the ledger has there; warns where some of the published copies or backups that were looked at are missing."""
    if not zone:
        return lacking("zone", "raw, validated or backups")
    path = str(getattr(look.ctx.settings.zones, zone)).rstrip("/")
    try:
        with os.scandir(look.ctx.workspace.path(path)) as entries:
            there, empty = True, next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        there, empty = False, True
    except OSError as error:
        return closed(look, error)
    if not there and zone == "raw":
        return Finding(Check.FAIL, f"there is no {path}", _MOUNT)
    if look.trouble or look.connection is None:
        return _without_ledger(look, zone, path, empty)
    try:
        expected, found = _looked_at(look, look.connection, zone, path)
    except OSError as error:
        return closed(look, error)
    said = f"{count(found)} of {plural(expected, 'file')} looked at {'is' if found == 1 else 'are'} there"
    if not there:
        if expected:
            return Finding(Check.FAIL, f"there is no {path}, and the ledger has files in it", _MOUNT)
        return Finding(Check.PASS, f"there is no {path} yet, and the ledger has nothing in it")
    return _judged(look, look.connection, zone, path, (expected, found), said)


def _judged(
    look: Look, connection: sqlite3.Connection, zone: str, path: str, files: tuple[int, int], said: str
) -> Finding:
    expected, found = files
    system = filesystem_of(look.ctx.workspace.path(path))
    seen = read_seen(connection).zones
    item = zone_brake(Seen(zones=seen), Found({zone: system.identity}, {}, 0))
    details = (f"{path}: {system.kind} at {system.mount}, {system.identity}",)
    if item.verdict != Check.PASS:
        return Finding(Check.FAIL, item.evidence, _MOUNT, (*details, f"at the last run: {seen[zone]}"))
    if expected and not found:
        what = f"{path} is there, and none of {plural(expected, 'file')} that the ledger has in it"
        return Finding(Check.FAIL, what, _MOUNT, details)
    if zone not in seen and not found:
        what = f"{path} is there; no run has said yet on which file system it has to be"
        return Finding(Check.UNKNOWN, what, "the next migrate keeps it", details)
    same = f"on the file system of the last run ({system.mount})" if zone in seen else f"on {system.mount}"
    if found < expected and zone != "raw":  # a source may go when it was published; what was kept may not
        return Finding(Check.WARN, f"{path} is {same}, but only {said}", "`opsconsole verify` names all", details)
    return Finding(
        Check.PASS, f"{path} is {same}" + (f"; {said}" if expected else "; nothing is known in it"), "", details
    )


def _without_ledger(look: Look, zone: str, path: str, empty: bool) -> Finding:
    """Where nothing was run yet, a raw zone with files and others without any are as they should be."""
    trouble = look.unreadable()
    if trouble is not None:
        return trouble
    traces = traces_of_runs(look.ctx)
    if not traces and empty == (zone != "raw"):
        return Finding(Check.PASS, f"{path}: {'nothing in it' if empty else 'there'}, and nothing was run here yet")
    what = f"{path} is {'empty or not there' if empty else 'there'}, and there is no ledger that says what it had"
    return Finding(Check.UNKNOWN, what + (f": {traces}" if traces else ""), traces.next_step)


def _looked_at(look: Look, connection: sqlite3.Connection, zone: str, path: str) -> tuple[int, int]:
    """How many of the ledger's files were looked at, and how many of them are there. Raises OSError for a place that
    cannot be looked at."""
    expected = found = 0
    for item in _items(connection, zone):
        if not item.path.startswith(f"{path}/"):
            continue
        try:
            os.lstat(look.ctx.workspace.path(item.path))
            found += 1
        except (FileNotFoundError, NotADirectoryError):
            if rightly_gone(connection, item):
                continue
        expected += 1
    return expected, found


_ROWS = {
    "raw": "SELECT id, path AS place, path, sha256 FROM files WHERE id >= ? AND status IN ('processed', 'adopted')",
    "validated": "SELECT id, dest AS place, path, sha256 FROM files WHERE id >= ? AND status <> 'held'",
    "backups": "SELECT id, backup AS place, path, replaced_sha256 AS sha256 FROM outcomes WHERE id >= ?"
    " AND backup <> '' AND replaced_sha256 <> '' AND run NOT IN (SELECT run FROM pruned)",
}


def _items(connection: sqlite3.Connection, zone: str) -> Iterator[Item]:
    """Some files of a zone, spread evenly over all that the ledger has there."""
    table = "outcomes" if zone == "backups" else "files"
    first, last = connection.execute(f"SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM {table}").fetchone()
    at = first
    step = max(1, (last - first + 1) // _LOOKED_AT)
    while at <= last:
        row = connection.execute(f"{_ROWS[zone]} ORDER BY id LIMIT 1", [at]).fetchone()
        if row is None:
            return
        yield Item(zone, row["place"], row["path"], row["sha256"])
        at = max(at + step, row["id"] + 1)
