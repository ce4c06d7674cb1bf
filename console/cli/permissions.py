"""`opsconsole permissions`: what in data and logs stands in somebody's way, and putting it right."""

from __future__ import annotations

from typing import Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.change import run_change
from console.cli.session import common, open_session

_SHOWN = 50


@click.group("permissions")
def command() -> None:
    """Who may do what in data and logs.

    \b
    Examples:
      opsconsole permissions check
      opsconsole permissions repair --dry-run
    """


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, last the summary.")
@common
def check_command(as_json: bool) -> int:
    """Look at every folder and file of data and logs; change nothing, follow no link.

    Each finding names the operation that it stands in the way of. Exit status 1 where something is found.

    \b
    Example:
      opsconsole permissions check --json
    """
    from dataclasses import asdict

    from console.cli.output import out
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.observe.permissions import Looked, examine_permissions
    from console.engine.text import count, plural

    ctx, looked, number = open_session(), Looked(), 0
    for finding in examine_permissions(ctx, looked):
        number += 1
        if as_json:
            out().json({"event": "finding", **asdict(finding)})
        elif number <= _SHOWN:
            out().line(("yellow", finding.path), f"  {finding.now}")
            out().line(f"    {finding.problem}" + (f"; blocks: {finding.blocks}" if finding.blocks else ""))
            if finding.wanted:
                out().line(f"    repair: {finding.wanted}" + (f"; {finding.hindrance}" if finding.hindrance else ""))
            elif finding.hindrance:
                out().line(f"    next: {finding.hindrance}")
    status = EXIT_FAILURES if number else EXIT_OK
    if as_json:
        counts = {"findings": number, "folders": looked.folders, "files": looked.files, "links": looked.links}
        out().json({"event": "summary", "counts": counts, "by": looked.by_problem, "exit_status": status})
        return status
    if number > _SHOWN:
        out().line(f"and {count(number - _SHOWN)} more; --json names all")
        for problem, found in sorted(looked.by_problem.items(), key=lambda each: -each[1]):
            out().line(f"  {count(found)}  {problem}")
    links = f", {plural(looked.links, 'link')} not followed" if looked.links else ""
    seen = f"{plural(looked.folders, 'folder')} and {plural(looked.files, 'file')} looked at{links}"
    out().line(f"{seen}: {plural(number, 'finding')}" if number else f"{seen}: nothing stands in anybody's way")
    return status


@command.command("repair")
@run_options
@common
def repair_command(**shared: Any) -> int:
    """Give folders and files what owner and group need. Folders get x, files do not; links are not followed.

    In the raw zone no write bit is added. What an owner or an immutable flag blocks is said and left. The run can be
    rolled back: every mode and group comes back as it was.

    \b
    Example:
      opsconsole permissions repair --yes
    """
    from console.engine.model import ActionParams

    how = how_to_run(shared)
    return run_change("permissions repair", how, lambda ctx: ActionParams())
