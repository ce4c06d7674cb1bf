"""`opsconsole trends`: what happened day by day, as CSV or JSON."""

from __future__ import annotations

import click

from console.cli.session import common, open_session


@click.command("trends")
@click.option("--days", metavar="N", type=click.IntRange(1, 3660), default=30, help="So many days up to today (30).")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="csv, or one JSON object a day."
)
@common
def command(days: int, form: str) -> int:
    """Runs, files, failures, seconds a file, bytes, disk, logs and backups by day (UTC). Empty: not known.

    \b
    Examples:
      opsconsole trends --days 7
      opsconsole trends --days 90 --format json
    """
    from dataclasses import asdict

    from console.cli.output import out
    from console.engine.observe.history import COLUMNS, history

    found = history(open_session(), days)
    if form == "json":
        for day in found:
            out().json(asdict(day))
        return 0
    out().write(",".join(COLUMNS) + "\n")
    for day in found:
        values = asdict(day).values()
        out().write(",".join("" if value is None else str(value) for value in values) + "\n")
    return 0
