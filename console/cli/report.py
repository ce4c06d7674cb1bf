"""`opsconsole report`: who ran, published, undid, overrode and accepted what, and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.session import common, open_session

if TYPE_CHECKING:
    from datetime import datetime

    from console.engine.context import Context

_DAYS = 30


@click.command("report")
@click.option("--since", metavar="DATE", default="", help="A day or a time, in the workspace's zone (30 days ago).")
@click.option("--format", "form", type=click.Choice(["md", "csv", "json"]), default="md", help="Markdown by default.")
@common
def command(since: str, form: str) -> int:
    """Who ran, published, undid, overrode and accepted what; failures, repairs, verified backups, open exceptions.

    Every number is the ledger's.

    \b
    Examples:
      opsconsole report
      opsconsole report --since 2026-01-01 --format csv > quarter.csv
    """
    from console.cli.output import out
    from console.engine.observe.audit import audit
    from console.engine.observe.audit_page import csv_lines, document, markdown

    ctx = open_session()
    found = audit(ctx, _since(ctx, since))
    if form == "json":
        out().json(document(found))
    elif form == "csv":
        for line in csv_lines(found):
            out().write(line + "\r\n")
    else:
        for line in markdown(found):
            out().line(line)
    return 0


def _since(ctx: Context, text: str) -> datetime:
    """Raises UsageError for what is no day, and for one that is still to come."""
    from datetime import UTC, datetime, timedelta

    from console.engine.errors import UsageError
    from console.engine.settings.time_zone import find_zone

    if not text:
        return ctx.env.now() - timedelta(days=_DAYS)
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=find_zone(ctx.settings.time_zone))
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no day", next_step="write it as 2026-03-01, or 2026-03-01T14:00") from None
    if found > ctx.env.now():
        raise UsageError(f"{text} is still to come", next_step="give a day that has begun")
    return found
