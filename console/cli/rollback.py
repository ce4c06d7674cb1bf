"""`opsconsole rollback`: put back what a run replaced, take back what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.change import run_change
from console.cli.session import common, on_terminal

if TYPE_CHECKING:
    from console.engine.actions.rollback.model import RollbackParams
    from console.engine.context import Context


@click.command("rollback")
@click.argument("run", required=False, default="")
@click.option(
    "--last",
    is_flag=True,
    help="The newest run that changed something and was not rolled back; rollbacks do not count.",
)
@click.option("--all-or-nothing", is_flag=True, help="Refuse where one file cannot be taken back.")
@run_options
@common
def command(run: str, last: bool, all_or_nothing: bool, **shared: Any) -> int:
    """Put back what a run replaced, take back what it made, return what it moved; then compare checksums.

    A file that a later run or somebody else changed since is left as it is, and said. What is taken back is held:
    no later run publishes it until its source or its rule changes, or somebody releases it. A rollback is a run;
    rolling it back, by its name, does everything again: --last never means one.

    \b
    Examples:
      opsconsole rollback --last --dry-run     what taking the newest run back would do
      opsconsole rollback 4f2a                 the run whose id ends so
    """
    how = how_to_run(shared)
    if bool(run) == last:
        raise click.UsageError("Name a run, or give --last.")
    return run_change("rollback", how, lambda ctx: params(ctx, run, all_or_nothing=all_or_nothing))


def params(ctx: Context, run: str, *, all_or_nothing: bool) -> RollbackParams:
    """The run resolved; '' is the newest one. Raises UsageError."""
    from console.engine.actions.rollback.model import RollbackParams
    from console.engine.actions.rollback.plan import last_run
    from console.engine.errors import UsageError
    from console.engine.runs.query import find_run

    if run:
        return RollbackParams(find_run(ctx, run).id, all_or_nothing)
    found = last_run(ctx)
    who, me = found.who.get("login") or found.who.get("user"), ctx.env.who.login or ctx.env.who.user
    if who != me and not on_terminal():
        raise UsageError(
            f"the newest run is {who}'s: {found.id}",
            untouched="everything",
            next_step=f"name it, if it is that one: opsconsole rollback {found.short}",
        )
    return RollbackParams(found.id, all_or_nothing)
