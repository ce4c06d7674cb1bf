"""Whether this workspace is ours to work in: somebody else's state file is adopted first, and one that was left
stays left until it is adopted again.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.ledger.mirror_adopt import needs_adoption
from console.engine.ledger.store import reading
from console.engine.model import Check, GateItem

LEFT = "left"  # key in `meta`: JSON {"run", "at", "by"} since the workspace was given back


REBUILDING = "rebuilding"  # key in `meta`: since when the ledger is being made anew; gone when that is done


def left_note(connection: sqlite3.Connection | None) -> dict[str, Any] | None:
    """When and by whom the workspace was given back; None while it is ours."""
    if connection is None:
        return None
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [LEFT]).fetchone()
    return dict(json.loads(row[0])) if row else None


def adoption_item(ctx: Context, connection: sqlite3.Connection | None) -> GateItem:
    """Fails where nothing may be published yet, or any more. Raises MirrorError as reading the state file does."""
    begun = None
    if connection is not None:
        begun = connection.execute("SELECT value FROM meta WHERE key = ?", [REBUILDING]).fetchone()
    if begun is not None:
        what = f"the ledger is half made anew: a rebuild began at {begun[0]} and died"
        return GateItem("adoption", Check.FAIL, True, what, "`opsconsole state rebuild` finishes it")
    left = left_note(connection)
    if left is not None:
        return GateItem(
            "adoption",
            Check.FAIL,
            True,
            f"this workspace was given back to its own scripts by {left['by']} at {left['at']}",
            "`opsconsole adopt` takes it over again",
        )
    if needs_adoption(ctx, connection):
        return GateItem(
            "adoption",
            Check.FAIL,
            True,
            f"{ctx.settings.state_file} names files that another program published, and nobody has adopted them",
            "`opsconsole adopt` takes them over as they are; it shows its plan first and changes no byte of them",
        )
    return GateItem("adoption", Check.PASS, True, "no other program's files wait to be adopted")


def waits_for_adoption(ctx: Context) -> bool:
    """Whether nothing is published here before somebody adopts the workspace. A ledger that cannot be read says no."""
    try:
        with reading(ctx.workspace.ledger) as connection:
            return adoption_item(ctx, connection).refuses
    except EngineError:
        return False
