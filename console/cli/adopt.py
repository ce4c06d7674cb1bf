"""`opsconsole adopt`: take over what another program published, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, plan_ask_run, run_options
from console.cli.session import common, in_this_session

if TYPE_CHECKING:
    from console.cli.output import Stream
    from console.engine.actions.adopt.model import AdoptPlan
    from console.engine.context import Context


@click.command("adopt")
@run_options
@common
def command(**shared: Any) -> int:
    """Take over a workspace in which another program has published: its state file is read and believed where
    the published copies have the checksums that it names. Nothing published, nothing raw and not one byte of
    the state file is changed.

    \b
    Examples:
      opsconsole adopt --dry-run       what is there, by stat alone
      opsconsole adopt                 show the plan, ask, do it
      opsconsole leave                 give it all back
    """
    return plan_ask_run(
        "adopt",
        how_to_run(shared),
        question="Adopt this workspace?",
        make_plan=make_plan,
        show=show,
        counts=lambda plan: {"adopted": plan.adopted, "foreign": plan.left, "other_files": plan.other_files},
    )


def make_plan(ctx: Context) -> AdoptPlan:
    """The plan, with a line that says how far it is on a terminal."""
    from console.cli.output import ProgressLine, note, out
    from console.engine.actions.adopt.plan import plan_adopt
    from console.engine.text import count

    line = ProgressLine(note(), wanted=True)
    line.show("Reading the state file")
    try:
        return plan_adopt(
            ctx, progress=lambda plan: line.show(f"Reading the state file: {count(plan.entries)} entries")
        )
    finally:
        line.clear()
        out().flush()


def show(stream: Stream, plan: AdoptPlan) -> None:
    """The whole plan: what would be adopted, what stays as it is and why, what stands in the way."""
    from console.cli.plan_view import show_gate
    from console.engine.actions.adopt.compare import Found
    from console.engine.text import count, plural, size

    stream.line(("bold", "adopt: plan"))
    when = f", last written {plan.last_updated} UTC" if plan.last_updated else ""
    stream.line(f"  {plan.state_file}: {plural(plan.entries, 'entry', 'entries')}{when}")
    if plan.adopted:
        stream.line("  ", ("bold", plural(plan.adopted, "file")), f" to adopt, {size(plan.bytes)} to read and compare")
    for found in Found:
        number = plan.found.get(found, 0)
        if number and found != Found.AGREES:
            what = "adopted all the same" if found.adopted else "left as it is"
            stream.line(f"  {count(number)} {found}: {what}")
            for key, reason in plan.examples.get(found, [])[:3]:
                stream.line(f"      {key}: {reason}")
    if plan.other_files:
        stream.line(f"  {plural(plan.other_files, 'published file')} that no entry names: listed, never touched")
        for path in plan.other_examples[:3]:
            stream.line(f"      {path}")
    if plan.other_backups:
        stream.line(f"  {plural(plan.other_backups, 'backup')} of the other program: listed, never pruned")
    if not plan.entries and not plan.refused:
        stream.line("  there is nothing to adopt")
    stream.line(
        "  no published byte, no raw byte and no byte of the state file is changed; `opsconsole leave` undoes it"
    )
    show_gate(stream, plan.gate)
    stream.line("  same as: ", ("bold", in_this_session(plan.command)))
