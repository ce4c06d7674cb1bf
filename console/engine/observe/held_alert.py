"""The note that files are held: how many, and the first of them with who took them back."""

from __future__ import annotations

import sqlite3

from console.engine.observe.alerts import Alert, Cause, Level
from console.engine.text import count, plural

_NAMED = 20


def held_alert(connection: sqlite3.Connection, sidecar: str) -> tuple[int, Alert | None]:
    """How many files are held, and the note about them; None where there is none. sidecar: the name of those that
    travel with their data and are counted for themselves, as everywhere."""
    held, beside = connection.execute(
        "SELECT count(*), total(path = :name OR substr(path, -length(:name) - 1) = '/' || :name) FROM holds",
        {"name": sidecar},
    ).fetchone()
    if not held:
        return 0, None
    beside = int(beside)
    rows = connection.execute(
        "SELECT h.path, h.by, h.at, h.reason, coalesce(r.id, '') AS run FROM holds h LEFT JOIN runs r ON r.seq = h.run"
        f" ORDER BY h.path LIMIT {_NAMED}"
    ).fetchall()
    details = [f"{row['path']}: {row['reason']}, by {row['by']} at {row['at']}, run {row['run']}" for row in rows]
    if held > len(rows):
        details.append(f"and {count(held - len(rows))} more: `opsconsole state list --status held`")
    details.append("No run publishes them until their source or their rule changes, or somebody lets them go:")
    details.append("`opsconsole state release FILE --reason TEXT`, or --run RUN, or --all.")
    verb, them = ("is", "it") if held == 1 else ("are", "them")
    what = plural(held - beside, "file")
    if beside:
        what = f"{what} and {plural(beside, 'sidecar')}" if held > beside else plural(beside, "sidecar")
    text = f"{what} {verb} held: a rollback took {them} back"
    step = "or `opsconsole state list --status held`"
    return held, Alert(text, step, Cause.HELD, Level.NOTE, details=tuple(details))
