"""What the ledger says of changes that were done."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

from console.engine.actions.change.model import Change, Row
from console.engine.actions.change.rows import apply_rows, is_held, is_patch, with_facts
from console.engine.globs import compile_glob
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.settings import Settings
from console.engine.text import keepable, recordable

_COUNTED = {
    Outcome.RESTORED: "restored",
    Outcome.REMOVED: "removed",
    Outcome.ARCHIVED: "archived",
    Outcome.RETURNED: "returned",
    Outcome.CLEARED: "cleared",
    Outcome.ENTERED: "entered",
    Outcome.MODE: "permissions",
    Outcome.LEFT_ALONE: "left_alone",
    Outcome.FAILED: "failed",
}


def count(run: ActiveRun, outcome: Outcome, number: int = 1) -> None:
    """So many more of these among the run's counts."""
    name = _COUNTED.get(outcome)
    if name:
        setattr(run.counts, name, getattr(run.counts, name) + number)


def _fresh(root: str, rows: Iterable[Row]) -> Iterable[Row]:
    """The rows with the inodes and times that the files have now: a copy has another inode than what it replaced."""
    seen: dict[str, os.stat_result | None] = {}
    for table, key, row in rows:
        if row is not None and is_held(row):
            raw = _facts(root, key)
            if raw is not None:
                row = with_facts(row, raw.st_size, raw.st_mtime_ns, raw.st_ino)
        elif row is not None and not is_patch(row) and table in ("files", "sidecars", "failures", "holds"):
            row = dict(row)
            if key not in seen:
                seen[key] = _facts(root, key)
            raw = seen[key]
            if raw is not None and (raw.st_size, raw.st_mtime_ns) == (row["size"], row["mtime_ns"]):
                row["inode"] = raw.st_ino
            dest = _facts(root, row["dest"]) if table == "files" else None
            if dest is not None and dest.st_size == row["dest_size"]:
                row |= {"dest_mtime_ns": dest.st_mtime_ns, "dest_inode": dest.st_ino}
        yield table, key, row


def _facts(root: str, path: str) -> os.stat_result | None:
    try:
        return os.lstat(path if path.startswith("/") else f"{root}/{path}")
    except (OSError, ValueError):
        return None


def record_changes(run: ActiveRun, connection: sqlite3.Connection, done: Iterable[Change]) -> None:
    """Outcomes and rows of changes that were done, in the caller's transaction; recovery says it the same way."""
    root = str(run.ctx.workspace.root)
    outcomes: list[tuple[Any, ...]] = []
    rows: list[Row] = []
    vouched: list[tuple[str, str]] = []
    by_source: Counter[str] = Counter()
    raw = run.ctx.settings.zones.raw.rstrip("/") + "/"
    tally: Counter[str] = Counter()
    for change in done:
        outcome = change.outcome
        row: tuple[Any, ...]
        subject = recordable(change.subject)
        path, keep = keepable(change.path), keepable(change.keep)
        if outcome in (Outcome.ARCHIVED, Outcome.RETURNED):  # a file that moved: where to, and where from
            came_from = path if outcome == Outcome.RETURNED or path != subject else ""
            row = (subject, outcome, keep, change.size, change.before, "", came_from, change.reason)
            if is_counted(run.ctx.settings, change):
                source, below, _ = change.subject[len(raw) :].partition("/")
                by_source[source if below else "."] += 1 if outcome == Outcome.RETURNED else -1
        else:
            kept = keep if change.before else ""
            row = (subject, outcome, path, change.size, change.after, change.before, kept, change.reason)
        outcomes.append(row)
        vouched.append((path, change.after))
        tally[outcome] += 1
        run.done_files += 1
        run.done_bytes += change.size
        rows += change.rows if change.kind == "note" else _fresh(root, change.rows)
    for outcome, number in tally.items():
        count(run, Outcome(outcome), number)
    apply_rows(connection, run.seq, rows)
    run.outcomes_in(connection, outcomes)
    if connection.execute("SELECT 1 FROM verified LIMIT 1").fetchone() is not None:
        connection.executemany("DELETE FROM verified WHERE path = ? AND expected <> ?", vouched)
    connection.executemany(  # what left on purpose is nothing that a brake would look for
        "UPDATE sources_seen SET files = max(0, files + ?) WHERE source = ?",
        [(files, recordable(source)) for source, files in by_source.items()],
    )


def is_counted(settings: Settings, change: Change) -> bool:
    """Whether the raw file that moved is one of those that a scan counts as a source's."""
    relative = change.subject[len(settings.zones.raw.rstrip("/")) + 1 :]
    return any(table == "files" for table, _, _ in change.rows) or is_data(settings, relative)


def is_data(settings: Settings, relative: str) -> bool:
    """Whether a raw file (path relative to the raw zone) is data by its name: no sidecar, not ignored."""
    name = relative.rpartition("/")[2]
    if name == settings.sidecar.name or os.path.splitext(name)[1].lower() not in settings.suffixes:
        return False
    return not any(compile_glob(item.match)(relative) for item in settings.ignore)
