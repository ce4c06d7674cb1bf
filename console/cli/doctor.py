"""`opsconsole doctor`: examines, reports, and repairs only by a plan that somebody agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.session import common, on_terminal, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.observe.doctor import Finding


@click.command("doctor")
@click.option("--repair", "wanted", is_flag=True, help="Show what can be repaired, ask, and do it.")
@click.option("--dry-run", is_flag=True, help="With --repair: show it only.")
@click.option("--yes", is_flag=True, help="With --repair: do it without asking.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
@common
def command(wanted: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Examine ledger, state file, what dead runs left, ownership and logs; change nothing.

    Exit status 1 where something is wrong. With --repair it shows what it could put right, and asks.

    \b
    Examples:
      opsconsole doctor
      opsconsole doctor --repair --yes
    """
    from console.cli.output import out
    from console.engine.observe.doctor import examine

    if (yes or dry_run) and not wanted:
        raise click.UsageError("--yes and --dry-run go with --repair.")
    ctx = open_session()
    findings = examine(ctx)
    if as_json:
        for finding in findings:
            out().json(finding)
    else:
        _show(findings)
    if not wanted or dry_run:
        return _status(findings)
    return _repair(ctx, findings, yes)


def _status(findings: list[Finding]) -> int:
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.model import Check

    return EXIT_FAILURES if any(finding.check != Check.PASS for finding in findings) else EXIT_OK


def _show(findings: list[Finding]) -> None:
    from console.cli.output import out
    from console.cli.plan_view import SIGNS, STYLES

    stream = out()
    for finding in findings:
        stream.line((STYLES[finding.check], f"{SIGNS[finding.check]:<8}"), finding.text)
        facts = (("file", finding.file), ("next", finding.next_step), ("repair", finding.repair))
        for name, value in facts:
            if value and (name != "file" or finding.check != "pass"):
                stream.line(f"        {name}: {value}")


def _repair(ctx: Context, findings: list[Finding], yes: bool) -> int:
    """Do what was shown, after a yes; then examine again."""
    from console.cli.ask import confirm
    from console.cli.output import note, out
    from console.engine.errors import UsageError
    from console.engine.observe.doctor import examine, repair
    from console.engine.text import plural

    offered = [finding for finding in findings if finding.repair]
    if not offered:
        note().line("Nothing here can be repaired by doctor: see the next steps above.")
        return _status(findings)
    refuse_when_read_only("repair")
    if not yes:
        if not on_terminal():
            raise UsageError(
                "there is no terminal to ask on whether to repair this",
                untouched="everything",
                next_step="add --yes",
            )
        if not confirm(f"Do {plural(len(offered), 'repair')}?"):
            note().line("Nothing was changed.")
            return _status(findings)
    for sentence in repair(ctx, offered):
        out().line(sentence)
    return _status(examine(ctx))
