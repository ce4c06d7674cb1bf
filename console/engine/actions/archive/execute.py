"""Executing an archive: by rename, or by a verified copy and then removal where the archive is another file system."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from console.engine.actions.archive.after import emptied_folders
from console.engine.actions.archive.model import ArchiveParams, check_params
from console.engine.actions.archive.plan import Archiving, make_plan
from console.engine.actions.archive.rows import archived_rows
from console.engine.actions.archive.select import Chosen, Selecting, Ways
from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.change.withdraw import withdrawal
from console.engine.context import Context
from console.engine.model import Outcome
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import plural, recordable
from console.engine.transfer.publish import hash_file


class Archive(ChangeExecution):
    """Moves what the plan made under the lock has chosen; sidecars last, where no data is left beside them."""

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = ArchiveParams(**request.params)
        check_params(self._params)  # wrong usage is said before there is a run
        self._archiving: Archiving | None = None
        self._ways = Ways(ctx, ctx.settings.zones.archive)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        self._archiving = make_plan(self._ctx, self._params)
        self._archiving.look(connection, None, None)
        self._archiving.close(connection, before, lock=False)
        return self._archiving.plan

    def changes(self, run: ActiveRun) -> Iterator[Change | Left | None]:
        yield from self._changes(run)
        yield None  # which sidecars are left alone is known when the data has moved
        yield from self._sidecars(run)

    def _changes(self, run: ActiveRun) -> Iterator[Change | Left]:
        assert self._archiving is not None
        for path, reason in self._archiving.plan.left:
            yield Left(path, "", reason)
        for chosen in self._archiving.chosen:
            yield from self._change(run, chosen)

    def _sidecars(self, run: ActiveRun) -> Iterator[Change | Left]:
        """What was left alone meanwhile keeps its sidecar."""
        assert self._archiving is not None
        selecting = Selecting(self._ctx, self._params, run.connection)
        cut = len(self._ctx.settings.zones.raw.rstrip("/")) + 1
        for chosen in self._archiving.sidecars:
            if selecting.data_left(os.path.dirname(chosen.path[cut:])):
                yield Left(chosen.path, "", "a data file of its folder was left as it is")
            else:
                yield from self._change(run, chosen)

    def _change(self, run: ActiveRun, chosen: Chosen) -> Iterator[Change | Left]:
        why = self._ways.obstacle(chosen.place)
        if why:
            yield Left(chosen.path, chosen.place, why)
            return
        try:
            identity, sha256 = self._read(run.connection, chosen)
        except OSError as error:
            yield Left(chosen.path, chosen.place, f"it cannot be read: {error.strerror}")
            return
        rows = archived_rows(run.connection, chosen.path, chosen.place, self._params.label, identity, sha256, run.seq)
        yield Change(
            "take", chosen.path, chosen.place, "", sha256, "", identity[0], Outcome.ARCHIVED, chosen.path, "", rows
        )
        if self._params.withdraw and not (chosen.sidecar and self._needed(run.connection, chosen.path)):
            shown = recordable(chosen.path)
            change = withdrawal(self._ctx.settings, run.connection, shown, run.id, "its source is archived")
            if change is not None:
                yield change._replace(subject=chosen.path)

    def _needed(self, connection: sqlite3.Connection, path: str) -> bool:
        """Whether a published copy is left that this sidecar's own copy belongs to."""
        folder = recordable(os.path.dirname(path))
        found = "SELECT 1 FROM files WHERE path > ? AND path < ? AND instr(substr(path, ?), '/') = 0 LIMIT 1"
        return connection.execute(found, [folder + "/", folder + "0", len(folder) + 2]).fetchone() is not None

    def _read(self, connection: sqlite3.Connection, chosen: Chosen) -> tuple[tuple[int, int], str]:
        """Size and time, and the checksum: the ledger's where the file is the one that it read, else by reading."""
        path = str(self._ctx.workspace.path(chosen.path))
        facts = os.lstat(path)
        identity = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        known = connection.execute(
            "SELECT sha256 FROM {} WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?".format(
                "sidecars" if chosen.sidecar else "files"
            ),
            [recordable(chosen.path), *identity],
        ).fetchone()
        return identity[:2], known[0] if known else hash_file(path)

    def places(self) -> list[str]:
        zones = self._ctx.settings.zones
        return [zones.validated, zones.backups, zones.raw, zones.archive]

    def emptied(self, run: ActiveRun) -> list[str]:
        return emptied_folders(run)

    def message(self, run: ActiveRun) -> str:
        counts = run.counts
        withdrawn = f", {plural(counts.removed, 'published copy', 'published copies')} withdrawn" * bool(counts.removed)
        return f"{plural(counts.archived, 'file')} archived as {self._params.label}{withdrawn}"
