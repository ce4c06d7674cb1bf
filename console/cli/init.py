"""`opsconsole init`: a workspace, or what an existing one lacks."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.output import out
from console.cli.session import refuse_when_read_only


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--sample", is_flag=True, help="With sample data: real records of several sources, some of which fail.")
@click.option("--systemd", is_flag=True, help="With systemd timers and cron lines: migrate, check, verify.")
@click.option("--dry-run", is_flag=True, help="Show what would be made, and make nothing.")
@click.option("--yes", is_flag=True, help="Accepted for scripts; init never asks, it replaces no file of yours.")
def command(folder: str, sample: bool, systemd: bool, dry_run: bool, yes: bool) -> int:
    """Make a workspace in DIR: configuration, zones, logs, and the scripts that the runbook's commands name.

    In an existing workspace only what is missing is added; a script that is replaced is kept as *.incumbent.

    \b
    Example:
      opsconsole init --sample demo && cd demo && opsconsole
    """
    from console.engine.workspace.init import perform_init, plan_init

    plan = plan_init(Path(folder), sample, systemd=systemd)
    if dry_run:
        for step in plan.steps:
            out().line(step)
        if not plan.steps:
            out().line("Nothing is missing.")
        return 0
    refuse_when_read_only("make a workspace")
    done = perform_init(plan)
    for step in done:
        out().line(step)
    if not done:
        out().line("Nothing was missing.")
    out().line("")
    out().line("Next: ", ("bold", f"cd {_shell(folder)} && opsconsole"), "   or   ", ("bold", "opsconsole migrate"))
    return 0


def _shell(text: str) -> str:
    import shlex

    return shlex.quote(text)
