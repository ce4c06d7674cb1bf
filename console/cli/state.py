"""`opsconsole state`: what is known of each file; one file with its history; all of it as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.complete import source_names
from console.cli.lazy import LazyGroup
from console.cli.reconcile import command as reconcile_command
from console.cli.session import below_raw, common, open_session, typed_path
from console.cli.state_actions import COMMANDS as STATE_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from console.engine.context import Context
    from console.engine.observe.files import FileDetail, FileRow, Hold


@click.group("state", cls=LazyGroup)
def command() -> None:
    """What is known of each file that was ever read.

    \b
    Examples:
      opsconsole state list --status failed
      opsconsole state show data/raw/funding_sources/sff/dumps/2025-10-30/data.json
      opsconsole state export --format mirror > state.json
      opsconsole state clear --source sff --reason "judge them again"
    """


for _each in STATE_ACTIONS:
    command.add_command(_each)


def selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that narrow a list of files."""
    for option in (
        click.option("--filter", "text", metavar="TEXT", default="", help="A part of the path, or a glob with * ? [."),
        click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source."),
        click.option("--status", metavar="STATUS", default="", help="One status, such as processed or failed."),
    ):
        function = option(function)
    return function


@command.command("list")
@selecting
@click.option("--limit", metavar="N", type=click.IntRange(1), help="At most N (on a terminal: 200).")
@click.option("--after", metavar="FILE", default="", help="Go on after this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file.")
@common
def list_command(status: str, source: str, text: str, limit: int | None, after: str, as_json: bool) -> int:
    """Files with their status.

    A table on a terminal; elsewhere values separated by tabs: status, file, bytes, records, when it was judged,
    by which run, destination, cause.

    \b
    Examples:
      opsconsole state list
      opsconsole state list --source sff --filter 2025-10 --json
    """
    from console.cli.migrate import source_name
    from console.cli.output import note, out
    from console.engine.observe.files_list import list_files

    ctx = open_session()
    source = source_name(ctx, source)
    stream = out()
    left = limit or (200 if stream.terminal and not as_json else 0)
    shown = 0
    while not stream.gone:
        size = min(left - shown, 1000) if left else 1000
        page = list_files(ctx, status=status, source=source, filter=text, after=after, limit=size)
        shown += len(page.rows)
        if as_json:
            for row in page.rows:
                stream.json(row)
        else:
            _show_rows(ctx, page.rows)
        after = page.next_after
        if not after or (left and shown >= left):
            break
    if not shown and not as_json:
        note().line("No file is like that." if status or source or text else "No file has been read here yet.")
    elif after and not limit:
        note().line("There are more: --filter, --source and --status narrow the list, --limit N shows more.")
    return 0


def _show_rows(ctx: Context, rows: tuple[FileRow, ...]) -> None:
    from console.cli.output import out
    from console.cli.times import short_time
    from console.engine.text import count, size

    stream = out()

    def cells(row: FileRow) -> list[str]:
        name = row.run.rsplit("-", 1)[-1]
        if stream.terminal:
            return [
                str(row.status),
                below_raw(ctx, row.path),
                size(row.size),
                count(row.records),
                short_time(ctx, row.at),
                name,
            ]
        return [str(row.status), row.path, str(row.size), str(row.records), row.at, row.run, row.dest, row.cause]

    if stream.terminal and rows and all(row.status == "held" for row in rows):
        held = [(row, row.hold) for row in rows if row.hold is not None]
        stream.table(
            ("file", "held since", "by", "run", "why"),
            [
                (below_raw(ctx, row.path), short_time(ctx, hold.at), hold.by, hold.run.rsplit("-", 1)[-1], hold.reason)
                for row, hold in held
            ],
            cut=(0, 4),
            paths=(0,),
        )
        return
    heads = ("status", "file", "size", "records", "judged", "run")
    stream.table(heads, map(cells, rows), right=(2, 3), cut=(1,), paths=(1,))


@command.command("show")
@click.argument("file", type=click.Path())
@click.option("--limit", metavar="N", type=click.IntRange(0), default=10, help="Failing records shown (default: 10).")
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
@common
def show_command(file: str, limit: int, as_json: bool) -> int:
    """One file, and what each run did with it.

    \b
    Example:
      opsconsole state show data/raw/funding_sources/sff/dumps/2025-10-30/data.json
    """
    from console.cli.output import out
    from console.engine.observe.files_detail import show_file

    ctx = open_session()
    detail = show_file(ctx, typed_path(file))
    if as_json:
        out().json(_document(detail))
    else:
        _show_detail(ctx, detail, limit)
    return 0


def _document(detail: FileDetail) -> dict[str, Any]:
    import dataclasses

    document = dataclasses.asdict(detail)
    document["verdict"] = detail.verdict.to_json() if detail.verdict else None
    return {**document.pop("row"), **document}


def _show_detail(ctx: Context, detail: FileDetail, limit: int) -> None:
    from console.cli.output import out
    from console.cli.times import long_time, short_time
    from console.cli.verdict_view import show_verdict
    from console.engine.text import count, size

    stream, row = out(), detail.row
    stream.line(("bold", row.path))
    accepted = detail.accepted
    facts = [
        ("status", str(row.status) + ("" if row.published else ", not published")),
        ("published to", row.dest if row.published else ""),
        ("published", f"{long_time(ctx, detail.processed_at)} by {detail.published_by}" if detail.processed_at else ""),
        ("judged", f"{long_time(ctx, row.at)} by {row.run}" if row.at else ""),
        ("rule", f"{detail.rule} ({detail.rule_fingerprint[:12]})" if detail.rule else ""),
        ("size", size(row.size) + f" ({count(row.size)} bytes)"),
        ("records", count(row.records) + (f", {count(row.failed_records)} fail" if row.failed_records else "")),
        ("sha256", detail.sha256),
        ("columns", ", ".join(detail.columns)),
        ("failing since", detail.failing_since),
        ("reason", row.reason),
        ("held", _held(ctx, row.hold)),
    ]
    if detail.released is not None:
        let_go = detail.released
        facts.append(("released", f"{long_time(ctx, let_go.at)} by {let_go.by}: {let_go.reason}"))
    if accepted is not None:
        until = f" until {long_time(ctx, accepted.until)}" if accepted.until else ""
        ended = "" if accepted.valid else " (ended)"
        facts.append(("accepted", f"by {accepted.by}{until}{ended}: {accepted.reason}"))
    if row.published and not detail.mirrored:
        facts.append(("state file", "its entry was taken out by hand: it counts as not processed"))
    for name, value in facts:
        if value:
            stream.line("  ", ("dim", f"{name:<13}"), value)
    if detail.verdict is not None and not detail.verdict.ok:
        stream.line("")
        show_verdict(stream, detail.verdict, limit)
    if detail.history:
        stream.line("")
        stream.table(
            ("when", "run", "by", "outcome", "reason"),
            [
                (short_time(ctx, h.at), h.run.rsplit("-", 1)[-1], h.who, str(h.outcome), h.reason)
                for h in detail.history
            ],
            cut=(4,),
        )


def _held(ctx: Context, hold: Hold | None) -> str:
    from console.cli.times import long_time

    if hold is None:
        return ""
    return f"since {long_time(ctx, hold.at)} by {hold.by} with {hold.run}: {hold.reason}; `opsconsole state release`"


@command.command("release")
@click.argument("files", nargs=-1, type=click.Path())
@click.option("--run", metavar="RUN", default="", help="What this rollback, or the rollback of this run, holds.")
@click.option("--all", "everything", is_flag=True, help="All that is held.")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept in the ledger.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, last the summary.")
@common
def release_command(files: tuple[str, ...], run: str, everything: bool, reason: str, as_json: bool) -> int:
    """Let files go that a rollback holds: the next migrate may publish them again.

    Nothing is published by this itself. `explain` and the next run's report say who released a file, and why.

    \b
    Examples:
      opsconsole state list --status held
      opsconsole state release --run 4f2a --reason "the source is right after all"
    """
    from console.cli.output import out
    from console.cli.session import refuse_when_read_only
    from console.engine.observe.files_detail import raw_path
    from console.engine.observe.release import Release, release
    from console.engine.text import plural

    refuse_when_read_only("release held files")
    ctx = open_session()
    paths = tuple(raw_path(ctx, typed_path(file)) for file in files)
    gone = release(ctx, Release(paths, run, everything), reason)
    stream = out()
    for path in gone:
        if as_json:
            stream.json({"event": "released", "path": path})
        else:
            stream.line(below_raw(ctx, path))
    if as_json:
        stream.json({"event": "summary", "released": len(gone), "exit_status": 0})
    else:
        stream.line(
            f"{plural(len(gone), 'file')} released: the next migrate may publish {'it' if len(gone) == 1 else 'them'}"
        )
    return 0


@command.command("export")
@selecting
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "json", "mirror"]),
    default="jsonl",
    help="jsonl: one object a line (default); json: one list; mirror: the state file's form.",
)
@common
def export_command(status: str, source: str, text: str, form: str) -> int:
    """Everything that is known of the files, as data.

    \b
    Examples:
      opsconsole state export > state.jsonl
      opsconsole state export --format mirror > state.json
    """
    from console.cli.migrate import source_name
    from console.cli.output import out
    from console.engine.observe.files_list import every_file

    ctx = open_session()
    stream = out()
    source = source_name(ctx, source)
    if form == "mirror":
        return _export_mirror(ctx, status, source, text)
    separator = "["
    for row in every_file(ctx, status=status, source=source, filter=text):
        if stream.gone:
            return 0
        if form == "json":
            stream.write(f"{separator}\n  ")
            separator = ","
        stream.json(row)
    if form == "json":
        stream.write("[]\n" if separator == "[" else "]\n")
    return 0


def _export_mirror(ctx: Context, status: str, source: str, text: str) -> int:
    """The state file's form, entry by entry from the ledger; taken-out and held files are not in it."""
    import json

    from console.cli.output import out
    from console.engine.ledger.mirror_foreign import carried_lines
    from console.engine.ledger.mirror_judge import PUBLISHED, entry_value, naive
    from console.engine.ledger.store import reading
    from console.engine.observe.files_list import every_file

    stream = out()
    comma = ""
    stream.write('{\n  "processed_files": {')
    with reading(ctx.workspace.ledger) as connection:
        files = every_file(ctx, status=status, source=source, filter=text) if connection is not None else ()
        for file in files:
            assert connection is not None
            row = connection.execute(f"SELECT * FROM files WHERE path = ? AND ({PUBLISHED})", [file.path]).fetchone()
            if row is None:
                continue
            entry = json.dumps(entry_value(row), indent=2).replace("\n", "\n    ")
            stream.write(f"{comma}\n    {json.dumps(file.path)}: {entry}")
            comma = ","
            if stream.gone:
                return 0
        if connection is not None and not (status or source or text):  # what it carries on for others
            for line in carried_lines(connection):
                stream.write(f"{comma}\n{line}")
                comma = ","
    now = naive(ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    stream.write(("\n  " if comma else "") + f'}},\n  "last_updated": "{now}"\n}}\n')
    return 0


command.add_command(reconcile_command)
