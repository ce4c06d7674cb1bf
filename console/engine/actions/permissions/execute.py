"""Executing a repair of permissions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable

from console.engine.actions.change.execute import ChangeExecution
from console.engine.actions.change.model import Change, ChangePlan, Left
from console.engine.actions.permissions.plan import plan_permissions, why_left
from console.engine.model import ActionParams, Outcome
from console.engine.observe.permissions import examine_permissions
from console.engine.runs.active import ActiveRun
from console.engine.text import plural, recordable


class PermissionsRepair(ChangeExecution):
    """Folders first, from the outside in: what a closed one hides is looked at once it is open."""

    mirror = False  # a state file that cannot be read may be what is repaired

    def plan(self, connection: sqlite3.Connection, before: int) -> ChangePlan:
        return plan_permissions(self._ctx, ActionParams(), connection=connection, before=before)

    def changes(self, run: ActiveRun) -> Iterable[Change | Left | None]:
        seen: set[str] = set()
        opened = True
        while opened:
            opened = False
            for finding in examine_permissions(self._ctx):
                if finding.path in seen:
                    continue
                seen.add(finding.path)
                if why := why_left(finding):
                    path = recordable(finding.path)
                    yield Left(path, path, why)
                    continue
                opened = opened or finding.closed
                before, after = finding.now, finding.wanted
                path = finding.path
                yield Change("mode", path, "", "", before, after, 0, Outcome.MODE, path, finding.problem)
            yield None

    def places(self) -> list[str]:
        """All file systems of the zones; a folder that cannot be opened stands back for the one above."""
        found = []
        for folder in ("", *self._ctx.settings.folders):
            place = self._ctx.workspace.path(folder)
            while not os.access(place, os.R_OK | os.X_OK, effective_ids=True) and place != place.parent:
                place = place.parent
            found.append(str(place))
        return found

    def message(self, run: ActiveRun) -> str:
        return f"{plural(run.counts.permissions, 'place')} given other permissions"
