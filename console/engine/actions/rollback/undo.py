"""What a run did, outcome by outcome, turned round into changes; what was touched since is left alone."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from typing import Any

from console.engine.actions.change.model import Change, Left, Row
from console.engine.actions.change.permissions import permissions_text
from console.engine.actions.change.rows import former_row, row_of
from console.engine.context import Context
from console.engine.environment import Who
from console.engine.model import Outcome, RunRow
from console.engine.runs.active import timestamp
from console.engine.settings import Settings
from console.engine.transfer.publish import hash_file

# Outcomes of which something is left on the disk or in the rows.
UNDOABLE = (
    Outcome.PUBLISHED,
    Outcome.REPLACED,
    Outcome.SIDECAR,
    Outcome.REVALIDATED,
    Outcome.MOVED,
    Outcome.RESTORED,
    Outcome.REMOVED,
    Outcome.ARCHIVED,
    Outcome.RETURNED,
    Outcome.MODE,
)
_ON_DISK = ", ".join(f"'{outcome}'" for outcome in UNDOABLE if outcome not in (Outcome.REVALIDATED, Outcome.MODE))


def undone_by(connection: sqlite3.Connection, seq: int) -> int:
    """The seq of the rollback that took this run back wholly and was not itself taken back; 0 where there is none."""
    rows = connection.execute("SELECT by, whole FROM undone WHERE run = ? ORDER BY by DESC", [seq]).fetchall()
    for by, whole in rows:
        if whole and not undone_by(connection, by):
            return int(by)
    return 0


def keep_place(settings: Settings, run: str, path: str) -> str:
    """Where run `run` keeps what it takes from `path`. In the backups lies nothing but published data, with paths
    relative to the validated zone, so that a plain copy of that folder puts it back."""
    validated = settings.zones.validated.rstrip("/") + "/"
    if path.startswith(validated):
        return f"{settings.zones.backups.rstrip('/')}/{run}/{path[len(validated) :]}"
    return f".opsconsole/runs/{run}/kept/{path}"


class Undo:
    """The changes that take `target` back, newest first. by: the id of the run that does it (for a plan: any)."""

    def __init__(self, ctx: Context, connection: sqlite3.Connection, target: RunRow, by: str, by_seq: int) -> None:
        self._ctx, self._connection, self._target = ctx, connection, target
        self._by, self._by_seq = by, by_seq
        self._now = timestamp(ctx.env.now())
        self._neutral = {row[0] for row in connection.execute("SELECT run FROM undone")}
        self._neutral |= {row[0] for row in connection.execute("SELECT seq FROM runs WHERE action = 'rollback'")}
        self._neutral.add(target.seq)
        undoers = connection.execute("SELECT by FROM undone WHERE run = ?", [target.seq]).fetchall()
        self._undoers = [by for (by,) in undoers if not undone_by(connection, by)]  # it was taken back in part
        self.later: dict[str, int] = {}  # runs that touched something since, and how many files

    def changes(self, *, trust: bool = False) -> Iterator[Change | Left]:
        """trust: believe size, time and inode of what we published ourselves, instead of reading it (for a plan)."""
        outcomes = ", ".join(f"'{outcome}'" for outcome in UNDOABLE)
        last = 1 << 62
        while True:  # in pages: what is done meanwhile goes through the same connection
            rows = self._connection.execute(
                f"SELECT * FROM outcomes WHERE run = ? AND id < ? AND outcome IN ({outcomes})"
                " ORDER BY id DESC LIMIT 500",
                [self._target.seq, last],
            ).fetchall()
            if not rows:
                return
            for row in rows:
                change = self._turn_round(row, trust)
                if change is not None:
                    yield change
            last = rows[-1]["id"]

    def _turn_round(self, row: sqlite3.Row, trust: bool) -> Change | Left | None:
        outcome = Outcome(row["outcome"])
        if outcome == Outcome.REVALIDATED:
            return self._judgement(row)
        if outcome == Outcome.MODE:
            return self._permissions(row)
        if self._undoers and self._taken_back(row):
            return None
        if (why := self._touched(row, outcome, trust)) is not None:
            return Left(row["path"], row["dest"], why)
        rows = self._rows(row, outcome)
        if outcome in (Outcome.ARCHIVED, Outcome.MOVED):
            return self._take(row, row["dest"], row["path"], row["sha256"], Outcome.RETURNED, rows)
        if outcome == Outcome.RETURNED:
            return self._take(row, row["dest"], row["backup"], row["sha256"], Outcome.ARCHIVED, rows)
        keep = keep_place(self._ctx.settings, self._by, row["dest"])
        if not row["replaced_sha256"]:
            return self._take(row, row["dest"], keep, row["sha256"], Outcome.REMOVED, rows)
        if why := self._lost(row["backup"]):
            return Left(row["path"], row["dest"], why)
        size = os.lstat(self._absolute(row["backup"])).st_size
        standing = row["sha256"]  # '' after a removal
        keep = keep if standing else ""
        before, after = standing, row["replaced_sha256"]
        return Change(
            "put", row["dest"], keep, row["backup"], before, after, size, Outcome.RESTORED, row["path"], "", rows
        )

    def _take(
        self, row: sqlite3.Row, path: str, keep: str, sha256: str, outcome: Outcome, rows: list[Row]
    ) -> Change | Left:
        if outcome != Outcome.REMOVED and os.path.lexists(self._absolute(keep)):
            return Left(row["path"], path, f"something stands at {keep} by now")
        return Change("take", path, keep, "", sha256, "", row["size"], outcome, row["path"], "", rows)

    def _permissions(self, row: sqlite3.Row) -> Change | Left | None:
        """The permissions before, where those that the run gave are still there; None where they are back already."""
        dest = row["dest"]
        try:
            facts = os.lstat(self._absolute(dest))
        except OSError as error:
            return Left(row["path"], dest, f"its permissions cannot be seen: {error.strerror}")
        if permissions_text(facts) == row["replaced_sha256"]:
            return None
        if stat.S_ISLNK(facts.st_mode) or permissions_text(facts) != row["sha256"]:
            return Left(row["path"], dest, "its permissions were changed since")
        before, after = row["sha256"], row["replaced_sha256"]
        return Change("mode", dest, "", "", before, after, 0, Outcome.MODE, row["path"])

    def _judgement(self, row: sqlite3.Row) -> Change | None:
        """Judged again and found the same: only what the ledger says of it goes back."""
        known, former = former_row(self._connection, self._target.seq, "files", row["path"])
        now = row_of(self._connection, "files", row["path"])
        if not known or now is None or now["judged_run"] != self._target.seq:
            return None
        rows: list[Row] = [("files", row["path"], former)]
        return Change("note", "", "", "", "", "", 0, Outcome.RESTORED, row["path"], "its former verdict", rows)

    # --- what the ledger says afterwards ----------------------------------------------------------------

    def _rows(self, row: sqlite3.Row, outcome: Outcome) -> list[Row]:
        path, rows = row["path"], list[Row]()
        main = "sidecars" if outcome == Outcome.SIDECAR else "files"
        published = outcome in (Outcome.PUBLISHED, Outcome.REPLACED, Outcome.SIDECAR)
        if outcome == Outcome.MOVED:  # by the same run as its publication, which is taken back after this
            now = row_of(self._connection, "files", path)
            return [] if now is None else [("files", path, {**now, "status": "processed"})]
        for table in ("files", "sidecars", "holds", "archived"):
            known, former = former_row(self._connection, self._target.seq, table, path)
            if known or (published and table == main):
                rows.append((table, path, former if known else self._reconstructed(row, table)))
        if published:
            now = row_of(self._connection, main, path)
            if now is not None:
                rows.append(("holds", path, self._hold(now)))
        return rows

    def _reconstructed(self, row: sqlite3.Row, table: str) -> dict[str, Any] | None:
        """The row before a run that an older program did, which remembered none: as much of it as is known."""
        now = row_of(self._connection, table, row["path"])
        if not row["replaced_sha256"] or now is None:
            return None
        return {**now, "sha256": row["replaced_sha256"], "size": 0, "mtime_ns": 0, "inode": 0}

    def _hold(self, now: dict[str, Any]) -> dict[str, Any]:
        who: Who = self._ctx.env.who
        return {
            "path": now["path"],
            "size": now["size"],
            "mtime_ns": now["mtime_ns"],
            "inode": now["inode"],
            "rule": now.get("rule"),
            "run": self._by_seq,
            "at": self._now,
            "by": who.login or who.user,
            "reason": f"taken back with run {self._target.id}",
        }

    # --- what stands in the way -------------------------------------------------------------------------

    def _absolute(self, path: str) -> str:
        return str(self._ctx.workspace.path(path))

    def _touched(self, row: sqlite3.Row, outcome: Outcome, trust: bool) -> str | None:
        """Why this file is not taken back: a later run or somebody else changed it; None where nothing did."""
        later = self._later_run(row)
        if later:
            self.later[later] = self.later.get(later, 0) + 1
            return f"run {later} changed it since"
        path = self._absolute(row["dest"])
        expected = "" if outcome == Outcome.REMOVED else row["sha256"]
        if trust and expected and self._as_published(row, path):
            return None
        try:
            standing = hash_file(path) if os.path.lexists(path) else ""
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        if standing == expected:
            return None
        if not standing:
            return "it is gone, and no run took it"
        return "somebody changed it since, no run of ours" if expected else "something stands there by now"

    def _taken_back(self, row: sqlite3.Row) -> bool:
        """Whether a rollback that did not come to its end has done this file already."""
        marks = ", ".join("?" * len(self._undoers))
        found = self._connection.execute(
            f"SELECT 1 FROM outcomes WHERE path = ? AND id > ? AND run IN ({marks}) AND outcome IN ({_ON_DISK})",
            [row["path"], row["id"], *self._undoers],
        )
        return found.fetchone() is not None

    def _later_run(self, row: sqlite3.Row) -> str:
        found = self._connection.execute(
            f"SELECT run FROM outcomes WHERE path = ? AND id > ? AND outcome IN ({_ON_DISK}) ORDER BY id DESC",
            [row["path"], row["id"]],
        ).fetchall()
        for (seq,) in found:
            if seq not in self._neutral:
                return str(self._connection.execute("SELECT id FROM runs WHERE seq = ?", [seq]).fetchone()[0])
        return ""

    def _as_published(self, row: sqlite3.Row, path: str) -> bool:
        now = self._connection.execute(
            "SELECT sha256, dest_size, dest_mtime_ns, dest_inode FROM files WHERE path = ? AND dest = ?",
            [row["path"], row["dest"]],
        ).fetchone()
        if now is None or now["sha256"] != row["sha256"]:
            return False
        try:
            facts = os.lstat(path)
        except OSError:
            return False
        return (facts.st_size, facts.st_mtime_ns, facts.st_ino) == tuple(now[1:])

    def _lost(self, backup: str) -> str:
        if backup and os.path.isfile(self._absolute(backup)):
            return ""
        return f"its backup is gone: {backup}" if backup else "no backup of it was kept"
