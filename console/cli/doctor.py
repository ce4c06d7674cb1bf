"""`opsconsole doctor`: examines, reports, and repairs only by a plan that somebody agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.session import common, on_terminal, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.engine.observe.doctor import Finding


@click.command("doctor")
@click.option("--repair", is_flag=True, help="Show what can be repaired, ask, and do it.")
@click.option("--yes", is_flag=True, help="With --repair: do it without asking.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
@common
def command(repair: bool, yes: bool, as_json: bool) -> int:
    """Examine ledger, mirror, what dead runs left, ownership. Reports first; exit status 1 where something is wrong.

    \b
    Examples:
      opsconsole doctor
      opsconsole doctor --repair          shows what it would repair, and asks
    """
    from console.cli.output import out
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.model import Check
    from console.engine.observe.doctor import examine

    ctx = open_session()
    findings = examine(ctx)
    if as_json:
        for finding in findings:
            out().json(finding)
    else:
        _show(findings)
    bad = [finding for finding in findings if finding.check != Check.PASS]
    status = EXIT_FAILURES if bad else EXIT_OK
    return _repair(findings, yes) if repair else status


def _show(findings: list[Finding]) -> None:
    from console.cli.output import out
    from console.cli.plan_view import SIGNS, STYLES

    for finding in findings:
        out().line((STYLES[finding.check], f"{SIGNS[finding.check]:<8}"), finding.text)
        for name, value in (("file", finding.file), ("next", finding.next_step)):
            if value:
                out().line(f"        {name}: {value}")
