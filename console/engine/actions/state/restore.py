"""Restore: the state file's entries as they were in a checkpoint. No data is touched.

An entry whose published copy has other bytes by now stays as it is and is said; entries that the checkpoint does not
have count as not processed.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from console.engine.actions.adopt.compare import Comparer
from console.engine.actions.change.binding import binding, common_gate, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left, PlannedChange, Row
from console.engine.actions.change.rows import row_of
from console.engine.actions.state.clear import cleared
from console.engine.actions.state.model import RestoreParams
from console.engine.checks.gate import apply_settings
from console.engine.context import Context
from console.engine.errors import LedgerError
from console.engine.ledger.checkpoint import Checkpoint, find_checkpoint
from console.engine.ledger.mirror_foreign import stored_key
from console.engine.ledger.mirror_judge import PUBLISHED, source_of
from console.engine.ledger.mirror_read import MirrorEntry, MirrorReader, absolute_zones, fold, parse_entry
from console.engine.ledger.store import reading
from console.engine.model import Check, FileStatus, GateItem, Outcome
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import plural
from console.engine.transfer.publish import hash_file

ACTION = "state restore"
_PAGE = 500


class Restoring:
    """The differences between the state as it is and a checkpoint, as changes. trust: size, time and inode tell."""

    def __init__(
        self, ctx: Context, connection: sqlite3.Connection, checkpoint: Checkpoint, seq: int, *, trust: bool
    ) -> None:
        self._ctx, self._connection, self._checkpoint = ctx, connection, checkpoint
        self._seq, self._trust = seq, trust
        self._comparer = Comparer(str(ctx.workspace.root), ctx.settings, thorough=not trust)
        self._reason = f"as in checkpoint {checkpoint.id}"

    def changes(self) -> Iterator[Change | Left]:
        """In the order of the checkpoint's entries, then what it does not have."""
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS in_checkpoint (path TEXT PRIMARY KEY) WITHOUT ROWID")
        self._connection.execute("DELETE FROM in_checkpoint")
        root, zones = str(self._ctx.workspace.root), absolute_zones(self._ctx.settings)
        with open(self._ctx.workspace.path(self._checkpoint.state), "rb", buffering=0) as file:
            for key, value in MirrorReader(file.fileno(), self._checkpoint.state):
                try:
                    path = fold(key, root, zones)
                    entry = parse_entry(path, value, root, zones)
                except ValueError as error:
                    if not self._carried(key):
                        yield Left(key, "", f"nobody can take this entry over: it {error}")
                    continue
                self._connection.execute("INSERT OR IGNORE INTO in_checkpoint VALUES (?)", [path])
                change = self._entry(key, entry)
                if change is not None:
                    yield change
        yield from self._not_there()

    def _carried(self, key: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM foreign_entries WHERE path = ?", [stored_key(key)])
        return found.fetchone() is not None

    def _entry(self, key: str, entry: MirrorEntry) -> Change | Left | None:
        row = row_of(self._connection, "files", entry.path)
        if row is None:
            return None if self._carried(key) else self._adopted(entry)
        if row["sha256"] != entry.checksum:
            return Left(entry.path, row["dest"], "its published copy has other bytes by now")
        if row["mirrored"]:
            return None
        if not self._stands(row):
            return Left(entry.path, row["dest"], "its published copy was changed or removed since")
        rows: list[Row] = [("files", entry.path, {**row, "mirrored": 1})]
        return Change("note", "", "", "", "", "", 0, Outcome.ENTERED, entry.path, self._reason, rows)

    def _stands(self, row: dict[str, Any]) -> bool:
        path = self._ctx.workspace.path(row["dest"])
        try:
            facts = os.lstat(path)
            if self._trust:
                now = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
                return now == tuple(row[name] for name in ("dest_size", "dest_mtime_ns", "dest_inode"))
            return hash_file(str(path)) == str(row["sha256"])
        except OSError:
            return False

    def _adopted(self, entry: MirrorEntry) -> Change | Left:
        """The ledger knows nothing of it: adopted if the bytes are there."""
        compared = self._comparer.compare(entry)
        if not compared.found.adopted:
            return Left(entry.path, entry.dest, compared.reason)
        row: dict[str, Any] = {
            "path": entry.path,
            "source": source_of(entry.path, self._ctx.settings),
            "status": FileStatus.ADOPTED.value,
            "dest": entry.dest,
            **dict(zip(("size", "mtime_ns", "inode"), compared.source, strict=True)),
            "sha256": entry.checksum,
            "rule": None,
            "records": entry.records,
            "format": entry.format,
            "columns": None if entry.columns is None else json.dumps(entry.columns),
            "warnings": 0,
            "processed_at": entry.processed_at,
            "judged_run": 0,
            "run": self._seq,
            **dict(zip(("dest_size", "dest_mtime_ns", "dest_inode"), compared.dest, strict=True)),
            "mirrored": 1,
        }
        rows: list[Row] = [("files", entry.path, row)]
        return Change("note", "", "", "", "", "", 0, Outcome.ENTERED, entry.path, f"{self._reason}, adopted", rows)

    def _not_there(self) -> Iterator[Change]:
        after = ""
        while True:
            found = self._connection.execute(
                f"SELECT path FROM files WHERE {PUBLISHED} AND path > ?"
                f" AND path NOT IN (SELECT path FROM in_checkpoint) ORDER BY path LIMIT {_PAGE}",
                [after],
            ).fetchall()
            for (path,) in found:
                row = row_of(self._connection, "files", path)
                if row is not None:
                    yield cleared(path, row, f"not in checkpoint {self._checkpoint.id}")
            if len(found) < _PAGE:
                return
            after = found[-1]["path"]


def plan_restore(
    ctx: Context,
    params: RestoreParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: as for plan_rollback. Raises UsageError where there is no such checkpoint."""
    checkpoint = find_checkpoint(ctx, params.checkpoint)
    plan = new_plan(ctx, ACTION, params)
    plan.undo = "rolling the run back puts the entries back as they are now"
    label = f", {checkpoint.label}" if checkpoint.label else ""
    plan.facts = [
        ("checkpoint", f"{checkpoint.id}, by {checkpoint.by}{label}"),
        ("entries", plural(checkpoint.entries, "entry", "entries")),
    ]
    if connection is not None:
        _fill(ctx, plan, params, checkpoint, connection, before, progress, cancelled)
        return plan
    try:
        with reading(ctx.workspace.ledger) as reader:
            if reader is None:
                plan.notes.append("there is no ledger: `opsconsole state rebuild` makes it anew")
                return plan
            plan.gate += common_gate(ctx, reader)
            plan.recovery = recovery_lines(ctx)
            reader.execute("PRAGMA temp_store=MEMORY")
            _fill(ctx, plan, params, checkpoint, reader, before, progress, cancelled)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def _fill(
    ctx: Context,
    plan: ChangePlan,
    params: RestoreParams,
    checkpoint: Checkpoint,
    connection: sqlite3.Connection,
    before: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    plan.binding = binding(ctx, ACTION, params, connection, before) | {"checkpoint": checkpoint.sha256}
    item = _whole(ctx, checkpoint)
    plan.gate.append(item)
    if item.verdict == Check.PASS:
        for number, change in enumerate(Restoring(ctx, connection, checkpoint, 0, trust=True).changes(), 1):
            if isinstance(change, Left):
                plan.leave(change.subject, change.reason)
            elif change.outcome == Outcome.CLEARED:
                plan.add(PlannedChange(change.subject, "clear", change.reason), "cleared")
            else:
                plan.add(PlannedChange(change.subject, "enter", change.reason), "entered")
            if progress and number % _PAGE == 0:
                progress(number, checkpoint.entries)
            if cancelled and cancelled():
                break
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})


def _whole(ctx: Context, checkpoint: Checkpoint) -> GateItem:
    """Whether the checkpoint's copy still has the bytes that it had."""
    try:
        same = hash_file(str(ctx.workspace.path(checkpoint.state))) == checkpoint.sha256
    except OSError as error:
        return GateItem("checkpoint", Check.FAIL, True, f"{checkpoint.state} cannot be read: {error.strerror}")
    if not same:
        step = "choose another one: `opsconsole state checkpoints`"
        return GateItem("checkpoint", Check.FAIL, True, f"{checkpoint.state} is not what was kept: damaged", step)
    return GateItem("checkpoint", Check.PASS, True, "the checkpoint has the bytes that it had")


class Restore(ChangeExecution):
    """One restore."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = RestoreParams(**request.params)
        self._checkpoint = find_checkpoint(ctx, self._params.checkpoint)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_restore(self._ctx, self._params, connection=connection, before=before)

    def changes(self, run: ActiveRun) -> Iterable[Change | Left]:
        return Restoring(self._ctx, run.connection, self._checkpoint, run.seq, trust=False).changes()

    def message(self, run: ActiveRun) -> str:
        counts = run.counts
        said = f"{plural(counts.entered, 'entry', 'entries')} put back, {counts.cleared:,} cleared"
        return f"the state is that of checkpoint {self._checkpoint.id}; {said}"
