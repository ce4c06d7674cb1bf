"""Settling what dead runs left: their intents finished or taken back, their staged files removed.

Only what an intent or a plan of ours names is ever removed; a file that the ledger does not know is never touched.
"""

from __future__ import annotations

import os
import sqlite3

import orjson

from console.engine.actions.archive.after import settle_moves
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change, unpacked
from console.engine.actions.change.record import record_changes
from console.engine.actions.change.whole import strays
from console.engine.actions.migrate.archive_source import archive_published, finish_archive, move_items
from console.engine.actions.migrate.rows import Recorder
from console.engine.context import Context
from console.engine.errors import RecoveryNeededError
from console.engine.ledger.digests import write_digest
from console.engine.ledger.store import transaction
from console.engine.model import RunStatus
from console.engine.records.rules import RuleSet
from console.engine.runs.active import ActiveRun, timestamp
from console.engine.runs.query import UNSETTLED, run_row
from console.engine.runs.request import Request
from console.engine.text import on_disk, plural, recordable
from console.engine.transfer.publish import Publisher, PublishItem, rename_new
from console.engine.transfer.stage import part_name


def recover_all(ctx: Context, connection: sqlite3.Connection, rules: RuleSet, run: ActiveRun) -> list[str]:
    """Settle every dead run, and what a run that ended could not take back; one sentence each.

    The caller holds the lock, so every other run that is still called running is dead.

    Raises RecoveryNeededError for files that somebody touched since the crash, unless `recovery` is overridden.
    """
    told = []
    dead = connection.execute(
        f"SELECT * FROM runs WHERE {UNSETTLED} ORDER BY seq",
        [run.seq],
    ).fetchall()
    for row in dead:
        told.append(_Recovery(ctx, connection, rules, row, run).settle())
    return told


class _Recovery:
    def __init__(
        self, ctx: Context, connection: sqlite3.Connection, rules: RuleSet, row: sqlite3.Row, by: ActiveRun
    ) -> None:
        self._ctx, self._connection, self._by = ctx, connection, by
        self._row = run_row(row)
        request = Request(self._row.id, self._row.action, self._row.params, self._row.command)
        self._dead = ActiveRun(ctx, connection, request, log=by.log)
        self._dead.seq = self._row.seq
        self._dead.counts = self._row.counts
        self._dead.done_files, self._dead.done_bytes = self._row.done_files, self._row.done_bytes
        self._dead.total_files, self._dead.total_bytes = self._row.total_files, self._row.total_bytes
        self._recorder = Recorder(self._dead, rules)
        reach = ctx.env.failpoints.reach
        self._publisher = Publisher(str(ctx.workspace.root), ctx.settings.zones.backups, reach)
        self.finished = self.taken_back = 0
        self.touched: list[str] = []

    def settle(self) -> str:
        for row in self._connection.execute(
            "SELECT id, kind, item FROM intents WHERE run = ? ORDER BY id", [self._row.seq]
        ).fetchall():
            if row["kind"] == "publish":
                self._publish(row["id"], [PublishItem(*item) for item in orjson.loads(row["item"])])
            elif row["kind"] == "change":
                self._change(row["id"], [unpacked(item) for item in orjson.loads(row["item"])])
            else:
                items = orjson.loads(row["item"])
                finish_archive(self._dead, f"moved-{self._row.id}", items, move_items(self._dead, items))
        self._publisher.close()
        settle_moves(self._dead)
        self._keep_standing_folders()
        operation = self._row.params.get("operation") or self._ctx.settings.operation
        if operation == "move":  # what it had published was to leave the raw zone
            archive_published(self._dead)
        removed = self._leftovers()
        died = self._row.status == RunStatus.RUNNING
        how = f"had died in phase {self._row.phase or 'start'}" if died else "had left something to settle"
        sentence = (
            f"run {self._row.id} {how}:"
            f" {plural(self.finished, 'file')} finished, {self.taken_back + removed} staged taken back"
        )
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE runs SET status = ?, ended_at = ?, message = ?, counts = ?, done_files = ? WHERE seq = ?",
                [
                    RunStatus.INTERRUPTED if died else self._row.status,
                    (self._row.heartbeat_at or timestamp(self._ctx.env.now())) if died else self._row.ended_at,
                    f"{'its process died' if died else self._row.message}; settled by run {self._by.id}",
                    orjson.dumps(self._dead.counts.to_json()).decode(),
                    self._dead.done_files,
                    self._row.seq,
                ],
            )
            write_digest(self._connection, self._row.seq)
        self._by.log.add("WARNING", sentence)
        self._ctx.env.failpoints.reach("recover.recorded")
        return sentence

    def _keep_standing_folders(self) -> None:
        """Folders that were to go and stand: nothing has to be made again."""
        rows = self._connection.execute("SELECT path FROM folders_gone WHERE run = ?", [self._row.seq]).fetchall()
        stand = [path for (path,) in rows if os.path.isdir(self._ctx.workspace.path(on_disk(path)))]
        with transaction(self._connection) as connection:
            connection.executemany(
                "DELETE FROM folders_gone WHERE run = ? AND path = ?", [(self._row.seq, path) for path in stand]
            )

    def _publish(self, intent: int, items: list[PublishItem]) -> None:
        done: list[tuple[PublishItem, bool]] = []
        touched: list[str] = []
        for item in items:
            how = self._publisher.settle(item)
            if how == "published":
                done.append((item, os.path.lexists(self._publisher.absolute(item.backup))))
            elif how == "touched":
                touched.append(item.dest)
            else:
                self.taken_back += 1
            self._ctx.env.failpoints.reach("recover.item")
        self._refuse_touched(touched)
        os.sync()  # rare, and it need not be fast: what is recorded next has to be on the disk
        now = timestamp(self._ctx.env.now())
        with transaction(self._connection) as connection:
            self._recorder.published(connection, done, now)
            connection.execute("DELETE FROM intents WHERE id = ?", [intent])
        for item in items:
            if item.dest in touched:
                self._publisher.drop(item)
        self.finished += len(done)

    def _change(self, intent: int, changes: list[Change]) -> None:
        disk = Disk(str(self._ctx.workspace.root), self._ctx.settings, self._row.id, self._ctx.env.failpoints.reach)
        done: list[Change] = []
        touched: list[Change] = []
        for change in changes:
            how = disk.settle(change)
            if how == "done":
                done.append(change)
            elif how == "touched":
                touched.append(change)
            else:
                self.taken_back += 1
            self._ctx.env.failpoints.reach("recover.item")
        try:
            self._refuse_touched([recordable(change.path) for change in touched])
            for change in touched:
                disk.drop(change)
        finally:
            disk.close()
        self._return_strays(changes)
        os.sync()
        with transaction(self._connection) as connection:
            record_changes(self._dead, connection, done)
            connection.execute("DELETE FROM intents WHERE id = ?", [intent])
        self.finished += len(done)

    def _return_strays(self, changes: list[Change]) -> None:
        """What somebody put into a folder while it was renamed goes back to where it was put."""
        reach = self._ctx.env.failpoints.reach
        disk = Disk(str(self._ctx.workspace.root), self._ctx.settings, self._row.id, reach)
        try:
            for place, was in strays(self._connection, self._row.seq, disk, changes):
                disk.folder(was)
                back = rename_new(disk.absolute(place), disk.absolute(was))
                said = "Put back, it was carried along" if back else "Carried along, lies in the backup"
                self._by.log.add("WARNING", said, file=recordable(was if back else place))
        finally:
            disk.close()

    def _refuse_touched(self, touched: list[str]) -> None:
        if touched and "recovery" not in self._by.request.overrides:
            raise RecoveryNeededError(
                f"run {self._row.id} died, and {plural(len(touched), 'file')} that it was changing changed since",
                file=", ".join(touched[:5]),
                untouched="these files; the others of that batch are settled",
                next_step="look at them; `opsconsole migrate --override recovery --reason TEXT` leaves them so",
            )

    def _leftovers(self) -> int:
        """Part files of this run beside the destinations that its plan names."""
        plan = self._ctx.workspace.run_folder(self._row.id) / "plan.jsonl"
        removed = 0
        try:
            lines = plan.read_bytes().splitlines()
        except OSError:
            return 0
        zone = os.path.realpath(self._ctx.workspace.path(self._ctx.settings.zones.validated))
        for line in lines:
            try:
                dest = self._publisher.absolute(orjson.loads(line)["dest"])
            except (orjson.JSONDecodeError, KeyError):
                continue  # the plan itself was cut off: nothing had been staged then
            folder, name = os.path.split(dest)
            try:
                os.unlink(f"{folder}/{part_name(name, self._row.id)}")
            except OSError:
                continue
            removed += 1
            while os.path.realpath(folder).startswith(zone + "/"):
                try:
                    os.rmdir(folder)  # made for this file alone, if it is empty
                except OSError:
                    break
                folder = os.path.dirname(folder)
        return removed
