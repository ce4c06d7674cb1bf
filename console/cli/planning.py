"""Making a plan while somebody waits: says how far it is, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.cli.output import ProgressLine, note, out
from console.engine.text import count

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import MigrateParams, Plan


def make_plan(ctx: Context, params: MigrateParams, depth: str) -> Plan:
    """The plan of a migrate, `scan` or `full`. Ctrl-C ends it; nothing was changed by then."""
    from console.engine.actions.migrate import plan_migrate

    line = ProgressLine(note(), wanted=True)
    word = "Reading and judging" if depth == "full" else "Looking at the raw zone"

    def progress(done: int, total: int) -> None:
        line.show(f"{word}: {count(done)}" + (f"/{count(total)}" if total else "") + " files")

    line.show(f"{word} ...")
    try:
        return plan_migrate(ctx, params, depth=depth, progress=progress)
    finally:
        line.clear()
        out().flush()
