"""`opsconsole archive`: raw files into the archive under a label; `archive list`, `archive restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.change import run_change
from console.cli.complete import source_names
from console.cli.session import common, open_session

if TYPE_CHECKING:
    from console.cli.action_options import HowToRun
    from console.engine.actions.archive.model import ArchiveParams
    from console.engine.context import Context

_NEEDED = "Say which files (--match, --source, --since, --before), --label and --reason."


@click.group("archive", invoke_without_command=True, subcommand_metavar="[list | restore LABEL]")
@click.option("--match", metavar="GLOB", default="", help="Files that match, relative to the raw zone.")
@click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source only.")
@click.option("--since", metavar="DATE", default="", help="Of this day (YYYY-MM-DD, UTC) or later.")
@click.option("--before", metavar="DATE", default="", help="Of a day before this one.")
@click.option(
    "--date-from",
    type=click.Choice(["path", "metadata", "mtime"]),
    default=None,
    help="Where a file's date is: its path (default), extraction_date of its _metadata.json, its modification time.",
)
@click.option("--label", metavar="L", default="", help="The folder of the archive; needed.")
@click.option("--withdraw", is_flag=True, help="Take the published copies too, into the run's backup.")
@run_options
@common
@click.pass_context
def command(
    click_ctx: click.Context,
    /,
    match: str,
    source: str,
    since: str,
    before: str,
    date_from: str | None,
    label: str,
    withdraw: bool,
    **shared: Any,
) -> int:
    """Move raw files into data/raw/_archive/LABEL/, with their paths and a SHA256SUMS; --reason says why.

    Nothing is flattened, overwritten or copied (but to another file system, and then verified). Published copies
    stay, unless --withdraw. A folder's _metadata.json goes with its last data file.

    \b
    Examples:
      opsconsole archive --since 2023-01-01 --before 2024-01-01 --label 2023 --reason "yearly" --dry-run
      opsconsole archive list
      opsconsole archive restore 2023 --match 'sff/**'
    """
    typed = (match, source, since, before, date_from, label, withdraw, *shared.values())
    if click_ctx.invoked_subcommand is not None:
        if any(typed):
            raise click.UsageError(f"Options of archive do not go with `archive {click_ctx.invoked_subcommand}`.")
        return 0
    how = how_to_run(shared)
    if not label or not how.reason.strip():
        missing = "--label" if not label else "--reason"
        raise click.UsageError(f"{missing} is missing. {_NEEDED}")
    given = (match, since, before, date_from or "", label)
    return run_change("archive", how, lambda ctx: _params(ctx, source, given, how, withdraw=withdraw))


def _params(
    ctx: Context, source: str, given: tuple[str, str, str, str, str], how: HowToRun, *, withdraw: bool
) -> ArchiveParams:
    from console.cli.migrate import source_name
    from console.engine.actions.archive.model import ArchiveParams, check_params
    from console.engine.globs import compile_glob

    match, since, before, date_from, label = given
    params = ArchiveParams(
        match, source_name(ctx, source), since, before, date_from, label, how.reason.strip(), withdraw
    )
    check_params(params)
    if match:
        compile_glob(match)
    return params


@command.command("restore")
@click.argument("label", metavar="LABEL")
@click.option("--match", metavar="GLOB", default="", help="Only files that match, relative to the raw zone.")
@run_options
@common
def restore_command(label: str, match: str, **shared: Any) -> int:
    """Bring the files of a label back to where they lay, all or some; what stands in the way is left and said.

    \b
    Examples:
      opsconsole archive restore 2023 --dry-run
      opsconsole archive restore 2023 --match 'sff/dumps/**'
    """
    from console.engine.actions.archive.model import RESTORE, RestoreParams

    return run_change(RESTORE, how_to_run(shared), lambda ctx: RestoreParams(label, match))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@common
def list_command(as_json: bool) -> int:
    """What is archived: by label, when, by whom and why, how many files, how many are still there."""
    from console.cli.output import note, out
    from console.cli.times import short_time
    from console.engine.observe.archives import list_archives
    from console.engine.text import count, size

    ctx = open_session()
    rows = list_archives(ctx)
    if as_json:
        for row in rows:
            out().json(row)
        return 0
    if not rows:
        note().line("Nothing was archived.")
        return 0
    terminal = out().terminal
    cells = [
        [
            row.label,
            short_time(ctx, row.at) if terminal else row.at,
            row.who,
            count(row.files) if terminal else str(row.files),
            size(row.bytes) if terminal else str(row.bytes),
            str(row.there) + (f" ({row.missing} missing)" if row.missing else ""),
            row.reason,
        ]
        for row in rows
    ]
    out().table(("label", "when", "who", "files", "size", "there", "reason"), cells, right=(3, 4, 5), cut=(6,))
    return 0
