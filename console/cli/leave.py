"""`opsconsole leave`: give the workspace back to the scripts that were here before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import agreed, check_gate, how_to_run, run_options
from console.cli.session import common, in_this_session, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.cli.output import Stream
    from console.engine.actions.leave.model import LeavePlan


@click.command("leave")
@run_options
@common
def command(**shared: Any) -> int:
    """Give the workspace back: the state file as the other program reads it, its scripts where they were. All
    data stays as it is. What only our ledger knows is said first; the ledger itself stays until you remove it.

    \b
    Examples:
      opsconsole leave --dry-run       what would be put back
      opsconsole adopt                 take it over again
    """
    from console.cli.launch import launch
    from console.cli.output import note, out
    from console.cli.result import Summary
    from console.engine.actions.leave.plan import plan_leave
    from console.engine.errors import EXIT_OK, EXIT_REFUSED, EngineError
    from console.engine.model import ActionParams

    how = how_to_run(shared)
    summary = Summary("leave", how.as_json)
    try:
        ctx = open_session()
        if not how.dry_run:
            refuse_when_read_only("leave")
        if how.dry_run or not how.yes:
            plan = plan_leave(ctx)
            show(out() if how.dry_run and not how.as_json else note(), plan)
            if how.dry_run:
                status = EXIT_REFUSED if plan.refused else EXIT_OK
                summary.last(None, "planned", {}, status)
                return status
            check_gate([item.name for item in plan.refused])
            if not agreed("Leave this workspace?", how):
                summary.last(None, "declined", {}, EXIT_OK)
                return EXIT_OK
        return launch(
            ctx, "leave", ActionParams(), {}, None, detach=how.detach, foreground=how.foreground, summary=summary
        )
    except EngineError as error:
        summary.refused(error)
        raise


def show(stream: Stream, plan: LeavePlan) -> None:
    """The whole plan."""
    from console.cli.plan_view import show_gate

    stream.line(("bold", "leave: plan"))
    for step in plan.steps or ["nothing has to be put back: the state file is as the other program reads it"]:
        stream.line(f"  {step}")
    for line in plan.unsaid:
        stream.line(("yellow", "  the state file cannot say: "), line)
    for line in plan.kept:
        stream.line(f"  stays: {line}")
    show_gate(stream, plan.gate)
    stream.line("  same as: ", ("bold", in_this_session(plan.command)))
