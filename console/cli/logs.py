"""`opsconsole logs`: the migration logs read, measured, archived and trimmed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.change import run_change
from console.cli.complete import run_names
from console.cli.session import common, open_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.engine.context import Context
    from console.engine.model import ActionParams
    from console.engine.observe.logs_errors import LogErrors
    from console.engine.observe.logs_tail import TailLine
    from console.engine.observe.logs_usage import LogsUsage

_LEVELS = ("debug", "info", "warning", "error", "critical")
_STYLES = {"warning": "yellow", "error": "red", "critical": "red"}
_PAUSE = 0.25  # seconds between two looks at a log that is followed
_FILES = 3


@click.group("logs")
def command() -> None:
    """The migration logs, all their segments.

    \b
    Examples:
      opsconsole logs tail -n 50 --level error
      opsconsole logs errors --since 2026-03-01
      opsconsole logs archive --to /srv/archive/logs
    """


@command.command("tail")
@click.option("-n", "number", metavar="N", type=click.IntRange(0), default=20, help="How many lines (default: 20).")
@click.option("--level", type=click.Choice(_LEVELS, case_sensitive=False), default=None, help="This level and above.")
@click.option("--run", "run", metavar="RUN", default="", shell_complete=run_names, help="Lines of one run only.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, through rotations, until interrupted.")
@common
def tail_command(number: int, level: str | None, run: str, follow: bool) -> int:
    """The last lines of the log, rotated segments included.

    \b
    Examples:
      opsconsole logs tail -f
      opsconsole logs tail --run 7f3a --level warning
    """
    from console.cli.output import out
    from console.engine.observe.logs_levels import Level
    from console.engine.observe.logs_tail import Tail
    from console.engine.runs.query import find_run

    ctx = open_session()
    tail = Tail(ctx, least=Level[level.upper()] if level else Level.NONE, run=find_run(ctx, run).id if run else "")
    _show_lines(iter(tail.last(number)))
    if not follow:
        return 0
    import time

    while not out().gone:
        out().flush()
        time.sleep(_PAUSE)
        _show_lines(tail.follow())
    return 0


def _show_lines(lines: Iterator[TailLine]) -> None:
    from console.cli.output import note, out

    for line in lines:
        if line.notice:
            out().flush()
            note().line(("dim", line.text))
        else:
            out().line((_STYLES.get(line.level, ""), line.text))


def _moment(ctx: Context, text: str) -> datetime:
    """A day or time as typed, in the workspace's time zone unless it names another."""
    from console.engine.errors import UsageError
    from console.engine.runs.migration_log import workspace_zone

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date", next_step="as 2026-03-01 or 2026-03-01T14:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=workspace_zone(ctx.settings))


@command.command("errors")
@click.option("--since", metavar="DATE", default="", help="A day or a time, in the workspace's time zone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a group, last the summary.")
@common
def errors_command(since: str, as_json: bool) -> int:
    """Errors of all segments, grouped by what went wrong. Exit status 1 where there are any.

    \b
    Examples:
      opsconsole logs errors
      opsconsole logs errors --since 2026-03-01
    """
    from console.cli.output import out
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.observe.logs_errors import log_errors

    ctx = open_session()
    found = log_errors(ctx, _moment(ctx, since) if since else None)
    status = EXIT_FAILURES if found.lines or found.unreadable else EXIT_OK
    if not as_json:
        _show_errors(ctx, found)
        return status
    for group in found.groups:
        names = ("message", "cause", "count", "first", "last", "files")
        document = {name: getattr(group, name) for name in names}
        out().json({"event": "group", **document, "runs": sorted(group.runs)})
    unreadable = [{"segment": name, "reason": reason} for name, reason in found.unreadable]
    counts = {"errors": found.lines, "groups": len(found.groups), "segments": len(found.segments)}
    out().json({"event": "summary", "counts": counts, "unreadable": unreadable, "exit_status": status})
    return status


def _show_errors(ctx: Context, found: LogErrors) -> None:
    from console.cli.output import note, out
    from console.cli.times import short_time
    from console.engine.records.words import cause_in_words
    from console.engine.text import count, plural

    stream = out()
    for name, reason in found.unreadable:
        note().line(("yellow", "note: "), f"{name} cannot be read: {reason}")
    stream.line(("bold", plural(found.lines, "error")), f" in {plural(len(found.segments), 'segment')}")
    for group in found.groups:
        what = group.message
        if group.cause:
            what += f": {cause_in_words(group.cause)}"
        at = " to ".join(dict.fromkeys(short_time(ctx, time) for time in (group.first, group.last) if time))
        stream.line("")
        stream.line(("red", count(group.count)), f"  {what}")
        runs = f", {plural(len(group.runs), 'run')}" if group.runs else ""
        if at or runs:
            stream.line(f"    {at}{runs}")
        for file in group.files[:_FILES]:
            stream.line(f"    {file}")
        if len(group.files) > _FILES:
            stream.line("    and more; --json names up to twenty")


@command.command("usage")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def usage_command(as_json: bool) -> int:
    """What the logs take, by file and segment; growth a day; when they rotate.

    \b
    Example:
      opsconsole logs usage
    """
    from dataclasses import asdict

    from console.cli.output import out
    from console.engine.observe.logs_usage import logs_usage

    ctx = open_session()
    usage = logs_usage(ctx)
    if as_json:
        out().json({"event": "usage", "size": usage.size, **asdict(usage)})
    else:
        _show_usage(ctx, usage)
    return 0


def _show_usage(ctx: Context, usage: LogsUsage) -> None:
    from console.cli.output import out
    from console.engine.text import plural, size

    stream = out()
    stream.line(("bold", size(usage.size)), f" in {ctx.settings.log_dir} and .opsconsole/runs")
    for log in usage.logs:
        growth = "" if log.per_day is None else f", {size(log.per_day)} a day"
        until = "" if log.days is None else f", in about {plural(max(1, round(log.days)), 'day')}"
        stream.line("")
        stream.line(("bold", log.name), f"  {size(log.size)}{growth}; rotates at {size(log.rotates_at)}{until}")
        for segment in log.segments:
            state = "open" if not segment.number else "closed"
            state += f", still written by {segment.writer}" if segment.writer else ""
            stream.line(f"  {segment.name}  {size(segment.size)}  {state}")
        if log.further:
            stream.line(f"  {plural(log.further, 'segment')} beyond the {log.keeps} that rotation keeps")
    if usage.others:
        stream.line("")
        for label, number in usage.others:
            stream.line(f"  {label}  {size(number)}")
    stream.line(f"  .opsconsole/runs  {size(usage.runs)}  plans, reports and error output of runs")


@command.command("archive")
@click.option("--to", "to", metavar="DIR", required=True, help="A folder that exists, anywhere.")
@click.option("--keep", metavar="N", type=click.IntRange(0), default=0, help="Closed segments of each log that stay.")
@run_options
@common
def archive_command(to: str, keep: int, **shared: Any) -> int:
    """Move closed segments, compressed, into a folder that exists; the open log is never touched.

    A segment is removed here only after what was written there was read back and is the same. Nothing there is
    overwritten; a manifest names checksums and sizes.

    \b
    Example:
      opsconsole logs archive --to /srv/archive/logs --keep 1
    """
    import os

    how = how_to_run(shared)

    def make_params(ctx: Context) -> ActionParams:
        from console.engine.actions.logs.model import LogsArchiveParams
        from console.engine.errors import UsageError

        place = os.path.abspath(to) if to.strip() else ""
        if not os.path.isdir(place):
            raise UsageError(
                f"{to} is no folder" if os.path.lexists(place) else f"there is no folder {to}",
                untouched="all logs",
                next_step="make it, or name another one with --to",
            )
        return LogsArchiveParams(place, keep)

    return run_change("logs archive", how, make_params)


@command.command("trim")
@click.option("--keep-lines", metavar="N", type=click.IntRange(1), default=None, help="The newest lines of each log.")
@click.option("--keep-days", metavar="N", type=click.IntRange(1), default=None, help="The lines of so many days.")
@run_options
@common
def trim_command(keep_lines: int | None, keep_days: int | None, **shared: Any) -> int:
    """Remove old lines of the migration logs. There is no undo.

    The logger rotates; what another program still writes stays until that is gone, and loses no line.

    \b
    Examples:
      opsconsole logs trim --keep-days 30 --dry-run
      opsconsole logs trim --keep-lines 10000
    """
    how = how_to_run(shared)
    if (keep_lines is None) == (keep_days is None):
        raise click.UsageError("Give --keep-lines or --keep-days.")

    def make_params(ctx: Context) -> ActionParams:
        from console.engine.actions.logs.model import LogsTrimParams

        return LogsTrimParams(keep_lines or 0, keep_days or 0)

    return run_change("logs trim", how, make_params)
