"""`opsconsole check`: the state of the pipeline for cron and monitoring, as a Nagios plugin says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.session import common, open_session

if TYPE_CHECKING:
    from console.engine.checks.alerts.check import Checked
    from console.engine.context import Context

_UNKNOWN = 3


class _Plugin(click.Command):
    """A command whose wrong usage is UNKNOWN: 2 would be CRITICAL to whoever listens."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            from console.cli.output import out

            out().line(f"OPSCONSOLE UNKNOWN - {error.format_message()}")
            raise click.exceptions.Exit(_UNKNOWN) from None


@click.command("check", cls=_Plugin)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "nagios", "json", "prometheus"]),
    default="text",
    help="text: for people; nagios: one line with performance data; prometheus: a textfile.",
)
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write it there, whole or not at all.")
@click.option("--notify", is_flag=True, help="Tell whom [notify] names of alerts that are new; the ledger keeps which.")
@common
def command(form: str, output: str | None, notify: bool) -> int:
    """What needs somebody, in one line and an exit status. Reads only, but for --output and --notify.

    Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A workspace that cannot be read is UNKNOWN, never OK.

    \b
    Examples:
      opsconsole check
      opsconsole check --format nagios
      opsconsole check --format prometheus --output /var/lib/node_exporter/opsconsole.prom
    """
    from console.cli.output import note, out
    from console.engine.checks.alerts.check import status_line
    from console.engine.errors import EngineError

    ctx, checked = _looked()
    text = _text(form, ctx, checked)
    if output is None:
        if form == "text":
            _show(checked)
        else:
            out().write(text)
    else:
        from console.engine.observe.metrics import write_whole

        try:
            write_whole(Path(output), text)
        except EngineError as error:
            out().line(f"OPSCONSOLE UNKNOWN - {error.what}: {error.file}")
            return _UNKNOWN
        out().line(status_line(checked))
    if notify and ctx is not None and checked.settled is not None:
        from console.engine.checks.alerts.notify import notify_alerts

        trouble = notify_alerts(ctx, checked.settled)
        if trouble:
            note().line(("yellow", "note: "), trouble)
    return checked.exit_status


def _looked() -> tuple[Context | None, Checked]:
    from console.engine.checks.alerts.check import broken, check_workspace

    ctx: Context | None = None
    try:
        ctx = open_session()
        return ctx, check_workspace(ctx)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, whoever listens hears UNKNOWN
        return ctx, broken(error)


def _text(form: str, ctx: Context | None, checked: Checked) -> str:
    import json

    from console.engine.checks.alerts.check import document, nagios_line, status_line

    if form == "json":
        from datetime import UTC, datetime

        now = (ctx.env.now() if ctx else datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps(document(checked, now)) + "\n"
    if form == "prometheus":
        from console.engine.observe.metrics import metrics_of, render

        return render(metrics_of(ctx, checked))
    if form == "nagios":
        return nagios_line(checked) + "\n"
    from console.engine.checks.alerts.check import lines

    rest = (f"{verdict:<8}{text}" for verdict, text, _ in lines(checked))
    from console.engine.text import visible

    return "\n".join((status_line(checked), *map(visible, rest))) + "\n"


def _show(checked: Checked) -> None:
    """For people: the status line, then everything that was looked at with what helps."""
    from console.cli.output import out
    from console.cli.plan_view import SIGNS, STYLES
    from console.engine.checks.alerts.check import lines, status_line

    stream = out()
    stream.line(("bold", status_line(checked)))
    for verdict, text, step in lines(checked):
        stream.line((STYLES[verdict], f"{SIGNS[verdict]:<10}"), text)
        if step:
            stream.line(("dim", f"          {step}"))
