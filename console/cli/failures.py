"""`opsconsole failures`: what fails, by cause, source or file; answering for it; taking it elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from console.cli.complete import cause_names, source_names
from console.cli.session import below_raw, common, open_session, refuse_when_read_only, typed_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from console.engine.context import Context
    from console.engine.observe.failures import FailureGroup, FailureRow, FailureSelection
    from console.engine.observe.failures_accept import Accepted

_CAUSES_SAID = 10  # other causes named after an acceptance


@click.group("failures")
def command() -> None:
    """Files that fail. A failure is remembered until its file or its rule changes.

    While one stands that nobody has accepted, migrate ends with exit status 1.

    \b
    Examples:
      opsconsole failures list
      opsconsole failures list --by file --cause required:date
      opsconsole failures accept --cause required:date --reason "asked the source" --until 2026-12-31
    """


def selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that narrow a list of failures."""
    for option in (
        click.option("--pattern", metavar="TEXT", default="", help="A part of the path, or a glob."),
        click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source."),
        click.option("--cause", metavar="CAUSE", default="", shell_complete=cause_names, help="One cause, as listed."),
    ):
        function = option(function)
    return function


def _selection(
    ctx: Context, files: tuple[str, ...], cause: str, source: str, pattern: str, everything: bool = False
) -> FailureSelection:
    from console.cli.migrate import source_name
    from console.engine.observe.failures import FailureSelection

    paths: tuple[str, ...] = ()
    if files:
        from console.engine.observe.files_detail import raw_path

        paths = tuple(raw_path(ctx, typed_path(file)) for file in files)
    return FailureSelection(paths, cause, source_name(ctx, source), pattern, everything)


def causes(ctx: Context, limit: int, judged_by: int = 0) -> list[tuple[str, int, int]]:
    """What fails and nobody has accepted: cause in words, files, records; most files first.

    judged_by: of files whose last judge was this run (its seq), accepted since or not.
    """
    from console.engine.observe.failures import FailureGroup, FailureSelection, list_failures
    from console.engine.records.words import cause_in_words

    selection = FailureSelection(judged_by=judged_by)
    groups = list_failures(ctx, "cause", selection=selection, accepted=None if judged_by else False, limit=limit)
    return [
        (cause_in_words(group.key), group.files, group.records) for group in groups if isinstance(group, FailureGroup)
    ]


@command.command("list")
@click.option(
    "--by",
    type=click.Choice(["cause", "source", "file"]),
    default="cause",
    help="What to list (default: cause).",
)
@selecting
@click.option("--accepted/--open", "accepted", default=None, help="Only those accepted, or only the others.")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=200, help="At most N (default: 200).")
@click.option("--after", metavar="FILE", default="", help="With --by file: go on after this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@common
def list_command(
    by: str,
    cause: str,
    source: str,
    pattern: str,
    accepted: bool | None,
    limit: int,
    after: str,
    as_json: bool,
) -> int:
    """What fails: causes with their counts, sources, or files.

    \b
    Examples:
      opsconsole failures list
      opsconsole failures list --by file --source sff
    """
    from console.cli.output import note, out
    from console.engine.observe.failures import FailureGroup, FailureRow, list_failures

    ctx = open_session()
    selection = _selection(ctx, (), cause, source, pattern)
    found = list_failures(ctx, by, selection=selection, accepted=accepted, after=after, limit=limit)
    if as_json:
        for row in found:
            out().json(row)
        return 0
    _say_held(ctx)
    if not found:
        note().line("No failure is like that." if cause or source or pattern or after else "Nothing fails.")
        return 0
    if by == "file":
        _show_files(ctx, [row for row in found if isinstance(row, FailureRow)])
    else:
        _show_groups(ctx, by, [row for row in found if isinstance(row, FailureGroup)])
    if len(found) == limit:
        note().line("There may be more: --limit N shows more" + (", --after FILE goes on." if by == "file" else "."))
    return 0


def _say_held(ctx: Context) -> None:
    """Held files do not fail and are not published either: whoever looks here may be looking for them."""
    from console.cli.output import note
    from console.engine.ledger.store import reading
    from console.engine.observe.held_alert import held_alert

    with reading(ctx.workspace.ledger) as connection:
        alert = held_alert(connection, ctx.settings.sidecar.name)[1] if connection is not None else None
    if alert is not None:
        note().line(("yellow", "note: "), f"{alert.text}: `opsconsole state list --status held`")


def _show_groups(ctx: Context, by: str, groups: list[FailureGroup]) -> None:
    from console.cli.output import out
    from console.cli.times import short_time
    from console.engine.records.words import cause_in_words
    from console.engine.text import count

    terminal = out().terminal

    def number(value: int) -> str:
        return count(value) if terminal else str(value)

    def cells(group: FailureGroup) -> list[str]:
        words = cause_in_words(group.key) if by == "cause" else group.key
        row = [number(group.files), number(group.records), number(group.accepted)]
        row += [short_time(ctx, group.since) if terminal else group.since, group.since_run.rsplit("-", 1)[-1]]
        return [*row, group.key, words] if by == "cause" else [*row, words]

    heads = ["files", "records", "accepted", "since", "run", by]
    if by == "cause":
        heads.append("in words")
    out().table(heads, map(cells, groups), right=(0, 1, 2), cut=(6,) if by == "cause" else (5,))


def _show_files(ctx: Context, rows: list[FailureRow]) -> None:
    from console.cli.output import out
    from console.engine.records.words import cause_in_words
    from console.engine.text import count

    terminal = out().terminal

    def cells(row: FailureRow) -> list[str]:
        state = "accepted" if row.accepted else "failed"
        more = f" +{row.causes - 1}" if row.causes > 1 else ""
        cause = (cause_in_words(row.cause) or row.kind) + more
        if terminal:
            path = below_raw(ctx, row.path)
            return [state, path, count(row.failed_records), count(row.records), cause]
        return [state, row.path, str(row.failed_records), str(row.records), row.failed_at, cause]

    heads = ("status", "file", "failing", "records", "cause")
    out().table(heads, map(cells, rows), right=(2, 3), cut=(1, 4), paths=(1,))


@command.command("accept")
@click.argument("files", nargs=-1, metavar="[FILE...]", type=click.Path())
@selecting
@click.option("--all", "everything", is_flag=True, help="Every remembered failure.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; kept with the acceptance.")
@click.option(
    "--until", metavar="DATE", default="", help="Until the end of that day, or a time; default: until it changes."
)
@click.option("--again", is_flag=True, help="Replace what was accepted before, its reason too.")
@click.option("--dry-run", is_flag=True, help="Show what would be accepted; accept nothing.")
@click.option("--yes", is_flag=True, help="Taken for scripts' sake; accept never asks, it wants a reason.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, last the summary.")
@common
def accept_command(
    files: tuple[str, ...],
    cause: str,
    source: str,
    pattern: str,
    everything: bool,
    reason: str,
    until: str,
    again: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Answer for failures, with a reason.

    They count as accepted and no longer make migrate end with exit status 1. An acceptance ends when the file
    or its rule changes, or at --until. It is of whole files: with --cause, their other causes are accepted too
    and named. What was accepted before is left alone, unless --again says otherwise.

    \b
    Examples:
      opsconsole failures accept data/raw/funding_sources/sff/dumps/x/data.json --reason "known gap"
      opsconsole failures accept --cause enum:source --reason "source list is being revised" --until 2026-12-31
    """
    from console.engine.observe.failures_accept import Accepted, accept, other_causes

    ctx = open_session()
    selection = _selection(ctx, files, cause, source, pattern, everything)
    if selection.empty:
        raise click.UsageError("Name the failures: FILE..., --cause, --source, --pattern or --all.")
    moment = _until(ctx, until)
    if dry_run:
        rows = list(_every(ctx, selection))
        open_rows = rows if again else [row for row in rows if not row.accepted]
        _show_files(ctx, open_rows)
        done = Accepted(open_rows, len(rows) - len(open_rows))
    else:
        refuse_when_read_only("accept failures")
        done = accept(ctx, selection, reason, moment, again=again)
    others = other_causes(ctx, done.rows, cause) if cause else []
    if dry_run:
        _say_accepted(done, others, "would be accepted")
    elif as_json:
        _accepted_json(done, others, reason)
    else:
        _list_accepted(done.rows)
        _say_accepted(done, others, "accepted" + (f" until {moment:%Y-%m-%d %H:%M %Z}" if moment else ""))
    return 0


def _list_accepted(rows: list[FailureRow]) -> None:
    from console.cli.output import out

    for row in rows[:20]:
        out().line(row.path)
    if len(rows) > 20:
        out().line(f"and {len(rows) - 20:,} more")


def _say_accepted(done: Accepted, others: list[tuple[str, int]], word: str) -> None:
    """How many, and what is not seen in that number: other causes accepted with it, files left alone."""
    from console.cli.output import note
    from console.engine.records.words import cause_in_words
    from console.engine.text import plural

    note().line(f"{len(done.rows):,} {word}.")
    if others:
        files = sum(row.causes > 1 for row in done.rows)
        fail = "fails" if files == 1 else "fail"
        note().line(f"{files:,} of them {fail} for other causes too, which go with {'it' if files == 1 else 'them'}:")
        for other, number in others[:_CAUSES_SAID]:
            note().line(f"  {plural(number, 'file')}  {other}  {cause_in_words(other)}")
        if len(others) > _CAUSES_SAID:
            note().line(f"  and {plural(len(others) - _CAUSES_SAID, 'more cause')}")
    if done.already:
        left = "was accepted before and is left as it is" if done.already == 1 else "were accepted before and are left"
        note().line(f"{done.already:,} {left}; --again replaces the reason.")


def _accepted_json(done: Accepted, others: list[tuple[str, int]], reason: str) -> None:
    from console.cli.output import out

    for row in done.rows:
        out().json({"event": "file", "run": None, "path": row.path, "outcome": "accepted", "reason": reason})
    out().json(
        {
            "event": "summary",
            "run": None,
            "action": "failures accept",
            "status": "done",
            "counts": {"accepted": len(done.rows), "already_accepted": done.already},
            "other_causes": dict(others),
            "exit_status": 0,
        }
    )


def _every(ctx: Context, selection: FailureSelection) -> Iterator[FailureRow]:
    """Every failing file of a selection, page by page."""
    from console.engine.observe.failures import PAGE, FailureRow, list_failures

    after = ""
    while True:
        rows = list_failures(ctx, "file", selection=selection, after=after, limit=PAGE)
        files = [row for row in rows if isinstance(row, FailureRow)]
        yield from files
        if len(files) < PAGE:
            return
        after = files[-1].path


def _until(ctx: Context, text: str) -> datetime | None:
    """A day, which ends at its end, or a time; both in the workspace's time zone where they name none."""
    if not text:
        return None
    from console.engine.settings.time_zone import find_zone

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--until {text} is no date; one is 2026-12-31 or 2026-12-31T18:00.") from None
    if len(text) <= 10:
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=find_zone(ctx.settings.time_zone))


@command.command("export")
@selecting
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "json", "csv"]),
    default="jsonl",
    help="jsonl: one object a line (default); json: one list; csv: with a heading.",
)
@common
def export_command(cause: str, source: str, pattern: str, form: str) -> int:
    """Every error of every failing record, as data.

    For a spreadsheet, or for whoever delivers the files.

    \b
    Example:
      opsconsole failures export --format csv --source sff > failures.csv
    """
    from console.cli.output import out
    from console.engine.observe.failures import export

    ctx = open_session()
    selection = _selection(ctx, (), cause, source, pattern)
    lines = export(ctx, selection, "csv" if form == "csv" else "jsonl")
    stream = out()
    if form == "json":
        separator = "["
        for line in lines:
            stream.write(f"{separator}\n  {line}")
            separator = ","
            if stream.gone:
                return 0
        stream.write("[]\n" if separator == "[" else "\n]\n")
        return 0
    for line in lines:
        stream.write(line + "\n")
        if stream.gone:
            break
    return 0
