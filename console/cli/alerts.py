"""`opsconsole alerts`: what needs somebody, and the note of who has seen to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.session import common, open_session, refuse_when_read_only, spoken_command

if TYPE_CHECKING:
    from console.engine.observe.alerts import Alert


@click.group("alerts")
def command() -> None:
    """What needs somebody, and the note of who has seen to it.

    \b
    Examples:
      opsconsole alerts list
      opsconsole alerts ack disk --note "new disk comes on Tuesday"
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="What is well and what cannot be told yet, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an alert.")
@common
def list_command(everything: bool, as_json: bool) -> int:
    """Every alert with its key and what helps, those that were acknowledged last. Exit status 1 where there is one.

    \b
    Example:
      opsconsole alerts list
    """
    from console.cli.output import out
    from console.cli.plan_view import SIGNS, STYLES
    from console.engine.checks.alerts.check import alert_json
    from console.engine.checks.alerts.settle import settled
    from console.engine.observe.alerts import Level

    seen = settled(open_session())
    shown = [alert for alert in seen.overview.alerts if alert.level == Level.ALERT or alert.answer]
    status = int(bool(seen.alerts))
    if as_json:
        for alert in shown:
            out().json(alert_json(alert))
        return status
    for alert in shown:
        sign = ("dim", f"{'noted':<10}") if alert.answer else (STYLES[alert.verdict], f"{SIGNS[alert.verdict]:<10}")
        out().line(sign, f"{alert.text} {alert.at}".rstrip(), ("dim", f"  {alert.key}"))
        if alert.next_step:
            out().line(("dim", f"          {alert.next_step.removeprefix('or ')}"))
    if not shown:
        out().line("No alert.")
    if everything:
        keys = {alert.key for alert in shown}
        for reading in seen.looked.readings:
            if reading.key not in keys:
                out().line((STYLES[reading.verdict], f"{SIGNS[reading.verdict]:<10}"), reading.text)
    return status


@command.command("ack")
@click.argument("keys", metavar="KEY...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every alert that there is now.")
@click.option("--note", "text", metavar="TEXT", required=True, help="What is done about it; shown to everybody.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an alert.")
@common
def ack_command(keys: tuple[str, ...], everything: bool, text: str, as_json: bool) -> int:
    """Answer for alerts, by key or the beginning of one: each is quiet until it gets worse, or begins anew.

    \b
    Example:
      opsconsole alerts ack failure-rate --note "the funder sends new files on Friday"
    """
    from dataclasses import asdict

    from console.cli.output import note, out
    from console.engine.checks.alerts.answers import acknowledge
    from console.engine.checks.alerts.settle import settled

    if bool(keys) == everything:
        raise click.UsageError("Name the alerts, or give --all.")
    refuse_when_read_only("acknowledge an alert")
    ctx = open_session()
    standing = [alert for alert in settled(ctx).alerts if alert.key]
    chosen = standing if everything else list(dict.fromkeys(_find(standing, key) for key in keys))
    for answer in acknowledge(ctx, chosen, text):
        if as_json:
            out().json({"event": "acknowledged", **asdict(answer)})
        else:
            out().line(f"acknowledged {answer.key}: {answer.text}")
    if not chosen:
        note().line("There is no alert.")
    return 0


def _find(standing: list[Alert], key: str) -> Alert:
    """The alert of this key, or the only one whose key begins so. Raises UsageError."""
    from console.engine.errors import UsageError

    found = [alert for alert in standing if alert.key == key] or [a for a in standing if a.key.startswith(key)]
    if len(found) == 1:
        return found[0]
    what = f"there is no alert {key!r}" if not found else f"{key!r} is the beginning of {len(found)} alerts"
    raise UsageError(
        what, untouched="everything", next_step=f"`{spoken_command('alerts', 'list')}` names them with their keys"
    )
