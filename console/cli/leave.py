"""`opsconsole leave`: give the workspace back to the scripts that were here before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, plan_ask_run, run_options
from console.cli.session import common, in_this_session

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
    from console.engine.actions.leave.plan import plan_leave

    return plan_ask_run(
        "leave",
        how_to_run(shared),
        question="Leave this workspace?",
        make_plan=plan_leave,
        show=show,
        counts=lambda plan: {},
    )


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
