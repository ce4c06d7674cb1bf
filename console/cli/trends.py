"""`opsconsole trends`: what happened day by day, as CSV or JSON."""

from __future__ import annotations

from datetime import date

import click

from console.cli.session import common, open_session


@click.command("trends")
@click.option("--days", metavar="N", type=click.IntRange(1, 3660), default=30, help="So many days up to today (30).")
@click.option("--by", type=click.Choice(["day", "week"]), default="day", help="A row a day, or seven days in one.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="csv, or one JSON object a day."
)
@common
def command(days: int, by: str, form: str) -> int:
    """Runs, files, failures, seconds a file, bytes, disk, logs and backups by day of the workspace's time
    zone, or by week up to today, named by its first day. Empty: not known.

    \b
    Examples:
      opsconsole trends --days 7
      opsconsole trends --days 90 --by week --format json
    """
    import csv
    import io

    from console.cli.output import note, out
    from console.engine.observe.history import Day
    from console.engine.observe.trend_series import WEEK, rows_by

    span = WEEK if by == "week" else 1
    rows = rows_by(open_session(), -(-days // span), span)
    if rows is None:
        note().line("Nothing has run here yet.")
        rows = []
    if form == "json":
        for row in rows:
            out().json(row)
        return 0
    text = io.StringIO()
    table = csv.DictWriter(text, list(Day(date.min).row()), lineterminator="\n")  # None becomes nothing
    table.writeheader()
    table.writerows(rows)
    out().write(text.getvalue())
    return 0
