"""Executing a restore of a schema."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable

from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.schema.model import SchemaRestoreParams
from console.engine.actions.schema.plan import plan_schema_restore, schema_changes, source_place
from console.engine.context import Context
from console.engine.observe.rules_seen import files_of, find_rule
from console.engine.runs.active import ActiveRun
from console.engine.runs.request import Request
from console.engine.text import plural
from console.engine.workspace.shared import make_folder, open_shared


class SchemaRestore(ChangeExecution):
    """Puts the schema and what it refers to back; what stands there goes to .opsconsole/runs/<run>/kept/."""

    mirror = False

    def __init__(self, ctx: Context, request: Request) -> None:
        super().__init__(ctx, request)
        self._params = SchemaRestoreParams(**request.params)

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_schema_restore(self._ctx, self._params, connection=connection, before=before)

    def changes(self, run: ActiveRun) -> Iterable[Change | Left | None]:
        _, document = find_rule(self._ctx, self._params.checksum)
        files = files_of(document)
        for change in schema_changes(self._ctx, files, run.id):
            if isinstance(change, Change):
                self._lay_out(run, change.path, files[change.path])
            yield change

    def _lay_out(self, run: ActiveRun, path: str, content: bytes) -> None:
        """The bytes as a file, for the change to copy and compare."""
        place = self._ctx.workspace.path(source_place(run.id, path))
        make_folder(place.parent)
        with open(open_shared(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(content)

    def places(self) -> list[str]:
        return ["", ".opsconsole"]

    def message(self, run: ActiveRun) -> str:
        return f"{plural(run.counts.restored, 'file')} of the schema {self._params.checksum[:12]} restored"
