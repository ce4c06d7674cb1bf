"""What the ledger says of a file that goes to the archive, and of one that comes back."""

from __future__ import annotations

import sqlite3

from console.engine.actions.change.model import Row
from console.engine.actions.change.rows import former_row, patch
from console.engine.text import keepable, recordable

# What a row of `files` may be called before its source is archived. A held one is not published and stays held.
_PUBLISHED = ("processed", "adopted", "damaged")


def archived_rows(
    connection: sqlite3.Connection,
    path: str,
    place: str,
    label: str,
    identity: tuple[int, int],
    sha256: str,
    run: int,
) -> list[Row]:
    """A raw file goes. identity: size and mtime_ns. Its remembered failure goes with it: nobody has to answer for
    what is in the archive; it comes back with the file."""
    shown = recordable(path)
    row = {
        "path": keepable(path),
        "label": label,
        "size": identity[0],
        "mtime_ns": identity[1],
        "sha256": sha256,
        "run": run,
    }
    rows: list[Row] = [("archived", keepable(place), row)]
    status = connection.execute("SELECT status FROM files WHERE path = ?", [shown]).fetchone()
    if status is not None and status[0] in _PUBLISHED:
        rows.append(("files", shown, patch(status="archived")))
    if connection.execute("SELECT 1 FROM failures WHERE path = ?", [shown]).fetchone():
        rows.append(("failures", shown, None))
    return rows


def returned_rows(connection: sqlite3.Connection, place: str, shown: str, run: int) -> list[Row]:
    """What run `run` archived at `place` comes back. shown: the raw path as the ledger's other tables have it."""
    rows: list[Row] = [("archived", keepable(place), None)]
    known, former = former_row(connection, run, "files", shown)
    moved = connection.execute(
        "SELECT 1 FROM outcomes WHERE path = ? AND +run = ? AND outcome = 'moved'", [shown, run]
    ).fetchone()
    if moved:  # by the run that published it
        rows.append(("files", shown, patch(status="processed")))
    elif known and former is not None:
        rows.append(("files", shown, patch(status=former["status"])))
    known, former = former_row(connection, run, "failures", shown)
    if known and former is not None:
        rows.append(("failures", shown, former))
    return rows


def archived_again(connection: sqlite3.Connection, place: str, shown: str, run: int) -> list[Row]:
    """What run `run` brought back from `place` goes there once more."""
    known, former = former_row(connection, run, "archived", keepable(place))
    rows: list[Row] = [("archived", keepable(place), former)] if known else []
    if former_row(connection, run, "files", shown)[0]:
        rows.append(("files", shown, patch(status="archived")))
    known, former = former_row(connection, run, "failures", shown)
    if known and former is None:
        rows.append(("failures", shown, None))
    return rows
