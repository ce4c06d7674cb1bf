"""What a run did, outcome by outcome, turned round into changes; what was touched since is left alone."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from typing import Any

from console.engine.actions.archive.rows import archived_again, returned_rows
from console.engine.actions.change.left import touched
from console.engine.actions.change.model import Change, Left, Row
from console.engine.actions.change.permissions import permissions_text
from console.engine.actions.change.rows import former_row, held
from console.engine.actions.rollback.page import MAIN, UNDOABLE, OutcomeOf, Page, Way, place_of, with_names
from console.engine.context import Context
from console.engine.environment import Who
from console.engine.model import Outcome, RunRow
from console.engine.runs.active import timestamp
from console.engine.settings import Settings
from console.engine.text import on_disk
from console.engine.transfer.publish import standing

_PAGE = 500
_JUDGED = ("files", "holds")  # tables that a judgement alone changes
# Runs that only put back what stood there: what they did is no change that has to be taken back first.
_REPAIRS = ("repair",)


def undone_by(connection: sqlite3.Connection, seq: int) -> int:
    """The seq of the rollback that took this run back wholly and was not itself taken back; 0 where there is none."""
    rows = connection.execute("SELECT by, whole FROM undone WHERE run = ? ORDER BY by", [seq]).fetchall()
    again = {by: undone_by(connection, by) for by, _ in rows}  # which of them were taken back, and by which
    for by, whole in reversed(rows):
        # one that finished what another had begun counts only as long as that one stands
        if whole and not again[by] and not any(taken > by for other, taken in again.items() if other < by):
            return int(by)
    return 0


def pruned_words(connection: sqlite3.Connection, seq: int) -> str:
    """When and by whom the backup of this run was pruned, in a clause; '' where nobody did."""
    row = connection.execute(
        "SELECT r.id, r.started_at, r.who FROM pruned p JOIN runs r ON r.seq = p.by WHERE p.run = ?", [seq]
    ).fetchone()
    if row is None:
        return ""
    who = json.loads(row["who"])
    name = who.get("login") or who.get("user") or "?"
    return f"its backup was pruned on {row['started_at'][:10]} by {name}, run {row['id']}"


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
        self._root = str(ctx.workspace.root)
        self._now = timestamp(ctx.env.now())
        self._undoes = {by: run for run, by in connection.execute("SELECT run, by FROM undone")}
        marks = ", ".join("?" * len(_REPAIRS))
        repairs = connection.execute(f"SELECT seq FROM runs WHERE action IN ({marks})", _REPAIRS)
        self._repairs = {seq for (seq,) in repairs if seq != target.seq}
        archived = connection.execute("SELECT 1 FROM archived WHERE run = ? LIMIT 1", [target.seq])
        former = connection.execute("SELECT 1 FROM former WHERE run = ? LIMIT 1", [target.seq])
        self._remembered = former.fetchone() is not None
        self._held = connection.execute("SELECT 1 FROM holds LIMIT 1").fetchone() is not None
        self._archives = archived.fetchone() is not None  # asked once: most runs archive nothing
        self._ids: dict[int, str] = {}
        self._holding: dict[str, dict[str, Any]] = {}  # how all plain files are held, by the table of their rows
        self.later: dict[str, int] = {}  # runs that touched something since, and how many files

    def changes(self, *, trust: bool = False) -> Iterator[Change | Left]:
        """trust: believe size, time and inode of what we published ourselves, and that a backup has its bytes, instead
        of reading them (for a plan; whoever does the changes reads each file before)."""
        outcomes = ", ".join(f"'{outcome}'" for outcome in UNDOABLE)
        last = 1 << 62
        while True:  # in pages: what is done meanwhile goes through the same connection
            rows = self._connection.execute(
                f"SELECT * FROM outcomes WHERE run = ? AND id < ? AND outcome IN ({outcomes})"
                f" ORDER BY id DESC LIMIT {_PAGE}",
                [self._target.seq, last],
            ).fetchall()
            if not rows:
                return
            page = Page(
                self._connection,
                self._ctx.settings,
                self._target.seq,
                rows,
                remembered=self._remembered,
                held=self._held,
            )
            for row in rows:
                change = self._turn_round(with_names(row), page, trust)
                if change is not None:
                    yield change
            last = rows[-1]["id"]

    def _turn_round(self, row: OutcomeOf, page: Page, trust: bool) -> Change | Left | None:
        outcome = Outcome(row["outcome"])
        if page.is_plain(row):
            return self._plain(row, outcome, page, trust)
        if outcome in (Outcome.CLEARED, Outcome.ENTERED):
            return self._entry(row, page)
        if outcome == Outcome.MODE:
            return self._permissions(row)
        if outcome == Outcome.REVALIDATED or not row["dest"]:
            return self._judgement(row, page)
        stands = self._stands(row, page)
        if not stands:
            return None  # a rollback that left others alone has taken this one back already
        if stands != self._target.seq:
            return Left(row["path"], row["dest"], self._named(stands))
        if (why := self._touched(row, outcome, page, trust)) is not None:
            return Left(row["path"], row["dest"], why)
        rows = self._rows(row, outcome, page)
        if outcome in (Outcome.ARCHIVED, Outcome.MOVED):
            return self._take(row, row["dest"], row["backup"] or row["path"], row["sha256"], Outcome.RETURNED, rows)
        if outcome == Outcome.RETURNED:
            return self._take(row, row["dest"], row["backup"], row["sha256"], Outcome.ARCHIVED, rows)
        keep = keep_place(self._ctx.settings, self._by, row["dest"])
        if not row["replaced_sha256"]:
            return self._take(row, row["dest"], keep, row["sha256"], Outcome.REMOVED, rows)
        return self._put_back(row, keep, rows, trust)

    def _plain(self, row: OutcomeOf, outcome: Outcome, page: Page, trust: bool) -> Change | Left:
        """Of all that follows what concerns a file that was published where nothing stood."""
        if (why := self._touched(row, outcome, page, trust)) is not None:
            return Left(row["path"], row["dest"], why)
        main = "sidecars" if outcome == Outcome.SIDECAR else "files"
        if main not in self._holding:
            who: Who = self._ctx.env.who
            reason = f"taken back with run {self._target.id}"
            self._holding[main] = held(main, self._by_seq, self._now, who.login or who.user, reason)
        rows: list[Row] = [(main, row["path"], None), ("holds", row["path"], self._holding[main])]
        keep = keep_place(self._ctx.settings, self._by, row["dest"])
        return self._take(row, row["dest"], keep, row["sha256"], Outcome.REMOVED, rows)

    def _put_back(self, row: OutcomeOf, keep: str, rows: list[Row], trust: bool) -> Change | Left:
        backup, size = self._backup_of(row)
        wanted = row["replaced_sha256"]
        if not backup:
            why = f"its backup is gone: {row['backup']}" if row["backup"] else "no backup of it was kept"
            if row["backup"]:
                why = pruned_words(self._connection, self._target.seq) or why
            return Left(row["path"], row["dest"], why)
        if not trust and not self._has(backup, wanted):
            return Left(row["path"], row["dest"], f"{backup} does not have the bytes that were recorded")
        before = row["sha256"]  # '' after a removal
        keep = keep if before else ""
        return Change("put", row["dest"], keep, backup, before, wanted, size, Outcome.RESTORED, row["path"], "", rows)

    def _take(
        self, row: OutcomeOf, path: str, keep: str, sha256: str, outcome: Outcome, rows: list[Row]
    ) -> Change | Left:
        if outcome != Outcome.REMOVED and os.path.lexists(self._absolute(keep)):
            return Left(row["path"], path, f"something stands at {keep} by now")
        return Change("take", path, keep, "", sha256, "", row["size"], outcome, row["path"], "", rows)

    def _permissions(self, row: OutcomeOf) -> Change | Left | None:
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

    def _judgement(self, row: OutcomeOf, page: Page) -> Change | None:
        """Judged again and found the same: only what the ledger says of it goes back."""
        path = row["path"]
        if ("files", path) not in page.former:
            return None
        now = page.now["files"].get(path)
        judged = now["judged_run"] if now else 0
        expected = self._target.seq
        if row["outcome"] != Outcome.REVALIDATED:  # the target is a rollback, which had put a verdict back
            _, put = former_row(self._connection, self._undoes.get(expected, 0), "files", path)
            expected = put["judged_run"] if put else 0
        if judged != expected:
            return None  # a later run has judged it
        rows: list[Row] = [("files", path, _as_it_lies(page.former["files", path], now))]
        if ("holds", path) in page.former and self._hold_goes_back(path, page):
            rows.append(("holds", path, page.former["holds", path]))
        return Change("note", "", "", "", "", "", 0, Outcome.RESTORED, path, "its former verdict", rows)

    def _hold_goes_back(self, path: str, page: Page) -> bool:
        """Whether no later rollback has put a hold of its own there."""
        held = page.now["holds"].get(path)
        if held is None or page.former["holds", path] is not None:
            return held is None
        _, put = former_row(self._connection, self._undoes.get(self._target.seq, 0), "holds", path)
        return put is not None and (put["run"], put["at"]) == (held["run"], held["at"])

    def _entry(self, row: OutcomeOf, page: Page) -> Change | None:
        """An entry of the state file went or came: only that goes back, not what a later run made of the file."""
        path = row["path"]
        former, now = page.former.get(("files", path)), page.now["files"].get(path)
        if former is None or now is None or now["mirrored"] == former["mirrored"]:
            return None
        rows: list[Row] = [("files", path, {**now, "mirrored": former["mirrored"]})]
        # by its own name, so that the undo of this undo knows that it was about the entry alone
        outcome = Outcome.ENTERED if former["mirrored"] else Outcome.CLEARED
        return Change("note", "", "", "", "", "", 0, outcome, path, "what the ledger said before", rows)

    # --- what the ledger says afterwards ----------------------------------------------------------------

    def _rows(self, row: OutcomeOf, outcome: Outcome, page: Page) -> list[Row]:
        path, rows = row["path"], list[Row]()
        main = "sidecars" if outcome == Outcome.SIDECAR else "files"
        published = outcome in (Outcome.PUBLISHED, Outcome.REPLACED, Outcome.SIDECAR)
        now = page.now[main].get(path)
        if outcome in (Outcome.MOVED, Outcome.ARCHIVED):
            return returned_rows(self._connection, row["dest"], path, self._target.seq)
        if outcome == Outcome.RETURNED:
            return archived_again(self._connection, row["backup"], path, self._target.seq)
        for table in ("files", "sidecars", "failures", "holds"):
            known = (table, path) in page.former
            if known or (published and table == main):
                former = page.former[table, path] if known else self._reconstructed(row, now)
                if table == "files" and former is not None and self._still_archived(path):
                    former = {**former, "status": "archived"}
                rows.append((table, path, former))
        if published and now is not None:
            held = page.now["holds"].get(path)
            # a later version was taken back before: it is what lies in the raw zone, and stays held
            if held is None or self._is_source(now):
                held = self._hold(now)
            rows.append(("holds", path, held))
        return rows

    def _still_archived(self, path: str) -> bool:
        """Whether the run that is taken back archived this file as well, and that stands."""
        if not self._archives:
            return False
        found = "SELECT 1 FROM archived WHERE path = ? AND run = ?"
        return self._connection.execute(found, [path, self._target.seq]).fetchone() is not None

    def _is_source(self, row: dict[str, Any]) -> bool:
        """Whether the raw file is the one that this row is about."""
        try:
            facts = os.lstat(self._absolute(row["path"]))
        except OSError:
            return False
        return (facts.st_size, facts.st_mtime_ns) == (row["size"], row["mtime_ns"])

    def _reconstructed(self, row: OutcomeOf, now: dict[str, Any] | None) -> dict[str, Any] | None:
        """The row before a run that an older program did, which remembered none: as much of it as is known."""
        if not row["replaced_sha256"] or now is None:
            return None
        before = {**now, "sha256": row["replaced_sha256"], "inode": 0}
        backup, _ = self._backup_of(row)
        if backup:
            facts = os.lstat(self._absolute(backup))
            before |= {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}
            if "dest_size" in before:
                before["dest_size"] = facts.st_size
        earlier = self._connection.execute(
            "SELECT o.run, r.ended_at FROM outcomes o JOIN runs r ON r.seq = o.run WHERE o.path = ? AND o.id < ?"
            " AND o.sha256 = ? ORDER BY o.id DESC LIMIT 1",
            [row["path"], row["id"], row["replaced_sha256"]],
        ).fetchone()
        if earlier is not None:
            before["run"] = earlier["run"]
            if "judged_run" in before:
                before |= {"judged_run": earlier["run"], "processed_at": earlier["ended_at"] or now["processed_at"]}
        return before

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
            "source": now["source"],
        }

    # --- what stands in the way -------------------------------------------------------------------------

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._root}/{path}"

    def _stands(self, row: OutcomeOf, page: Page) -> int:
        """The run whose change of this file is the last one that stands: the target, or a later one that would have to
        be taken back first; 0 where the target's own was taken back.

        Of a file's two changes (the published copy, the raw file) each for itself: one that died may have come only
        half the way.
        """
        if row["path"] not in page.later_of:  # as nearly always
            return self._target.seq
        own = place_of(self._ctx.settings, row["outcome"], row["dest"])
        ways = {place: Way(self._target.seq) for place in (("raw", "published") if own in MAIN else (own,))}
        seen: set[tuple[int, str]] = set()
        for seq, place in page.later(row):
            if place in ways and (seq, place) not in seen and seq not in self._repairs and seq != self._by_seq:
                seen.add((seq, place))
                ways[place].go(seq, self._undoes.get(seq, 0))
        if not ways[own].target_stands:
            return 0
        return next((way.leader for way in ways.values() if way.leader), self._target.seq)

    def _named(self, seq: int) -> str:
        if seq not in self._ids:
            self._ids[seq] = self._connection.execute("SELECT id FROM runs WHERE seq = ?", [seq]).fetchone()[0]
        name = self._ids[seq]
        self.later[name] = self.later.get(name, 0) + 1
        return f"run {name} changed it since"

    def _touched(self, row: OutcomeOf, outcome: Outcome, page: Page, trust: bool) -> str | None:
        """Why this file is not taken back: somebody changed it; None where nobody did."""
        expected = "" if outcome == Outcome.REMOVED else row["sha256"]
        if trust and expected:
            return None  # whoever does the change reads it just before, and leaves alone what is another file by now
        try:
            stands = standing(self._absolute(row["dest"]))
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        return None if stands == expected else touched(stands, expected)

    def _has(self, backup: str, wanted: str) -> bool:
        try:
            return standing(self._absolute(backup)) == wanted
        except OSError:
            return False

    def _backup_of(self, row: OutcomeOf) -> tuple[str, int]:
        """Where what this run replaced is kept, and its size: in its own backup, or, where that was put back without a
        copy for want of room, in that of a later run which replaced it again. '' where it is nowhere."""
        if not row["backup"]:
            return "", 0
        try:
            return row["backup"], os.lstat(self._absolute(row["backup"])).st_size
        except OSError:
            pass
        found = self._connection.execute(
            "SELECT backup FROM outcomes WHERE path = ? AND replaced_sha256 = ? AND backup <> '' ORDER BY id DESC",
            [row["path"], row["replaced_sha256"]],
        )
        for (backup,) in found:
            place = on_disk(backup)
            try:
                return place, os.lstat(self._absolute(place)).st_size
            except OSError:
                continue
        return "", 0


def _as_it_lies(former: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any] | None:
    """The former row with the places of today's: the same bytes may have been taken away and put back since, and a
    copy has another inode."""
    if former is None or now is None or (former["dest"], former["sha256"]) != (now["dest"], now["sha256"]):
        return former
    row = {**former, **{column: now[column] for column in ("dest_size", "dest_mtime_ns", "dest_inode")}}
    if (former["size"], former["mtime_ns"]) == (now["size"], now["mtime_ns"]):
        row["inode"] = now["inode"]
    return row
