"""`opsconsole state clear | checkpoint | checkpoints | restore | rebuild`: what changes what is known of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import HowToRun, how_to_run, run_options
from console.cli.change import run_change
from console.cli.complete import source_names
from console.cli.session import common, open_session, refuse_when_read_only, typed_path

if TYPE_CHECKING:
    from console.engine.actions.state.model import ClearParams, RestoreParams
    from console.engine.context import Context
    from console.engine.model import ActionParams


@click.command("clear")
@click.argument("files", nargs=-1, type=click.Path())
@click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="Entries of one source.")
@click.option("--pattern", metavar="GLOB", default="", help="Entries that it matches, relative to the source folder.")
@click.option("--all", "everything", is_flag=True, help="Every entry.")
@run_options
@common
def clear_command(files: tuple[str, ...], source: str, pattern: str, everything: bool, **shared: Any) -> int:
    """Let files count as not processed: their entries leave the state file, no data is touched.

    The next migrate judges them again and rewrites nothing that is the same. Needs --reason; rolling the run back
    puts the entries back.

    \b
    Examples:
      opsconsole state clear --source sff --reason "the schema was wrong" --dry-run
      opsconsole state clear FILE --reason "judge it again"
    """
    how = how_to_run(shared)

    def params(ctx: Context) -> ClearParams:
        from console.cli.migrate import source_name
        from console.engine.actions.state.model import ClearParams
        from console.engine.observe.files_detail import raw_path

        paths = tuple(raw_path(ctx, typed_path(file)) for file in files)
        made = ClearParams(paths, source_name(ctx, source), pattern, everything, how.reason.strip())
        made.check()
        return made

    return run_change("state clear", how, params)


@click.command("checkpoint")
@click.option("--label", metavar="TEXT", default="", help="What for; shown in the list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def checkpoint_command(label: str, as_json: bool) -> int:
    """Keep the state as it is now: the state file's bytes, verified, and a copy of the ledger.

    \b
    Example:
      opsconsole state checkpoint --label "before the new schema"
    """
    from dataclasses import asdict

    from console.cli.output import out
    from console.engine.ledger.checkpoint import make_checkpoint
    from console.engine.text import plural

    refuse_when_read_only("keep a checkpoint")
    made = make_checkpoint(open_session(), label.strip())
    if as_json:
        out().json(asdict(made))
    else:
        out().line(("bold", made.id), f": {plural(made.entries, 'entry', 'entries')}, in {made.folder}")
    return 0


@click.command("checkpoints")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a checkpoint.")
@common
def checkpoints_command(as_json: bool) -> int:
    """The checkpoints there are, newest first; every reprocess keeps one with its run.

    \b
    Example:
      opsconsole state checkpoints
    """
    from dataclasses import asdict

    from console.cli.output import note, out
    from console.cli.times import short_time
    from console.engine.ledger.checkpoint import list_checkpoints
    from console.engine.text import count

    ctx = open_session()
    found = list_checkpoints(ctx)
    if as_json:
        for each in found:
            out().json(asdict(each))
        return 0
    rows = [(short_time(ctx, each.at), each.id, count(each.entries), each.by, each.label) for each in found]
    if rows:
        out().table(("when", "checkpoint", "entries", "by", "label"), rows, right=(2,), cut=(4,))
    else:
        note().line("There is no checkpoint.")
    return 0


@click.command("restore")
@click.argument("checkpoint")
@run_options
@common
def restore_command(checkpoint: str, **shared: Any) -> int:
    """Put the state file's entries back as they were in CHECKPOINT; no data is touched.

    An entry whose published copy has other bytes by now stays as it is and is said. Entries that the checkpoint
    does not have count as not processed. Rolling the run back undoes it.

    \b
    Examples:
      opsconsole state restore 4f2a --dry-run
      opsconsole state restore 20260301T101500Z-reprocess-4f2a
    """

    def params(ctx: Context) -> RestoreParams:
        from console.engine.actions.state.model import RestoreParams
        from console.engine.ledger.checkpoint import find_checkpoint

        return RestoreParams(find_checkpoint(ctx, checkpoint).id)

    return run_change("state restore", how_to_run(shared), params)


@click.command("rebuild")
@run_options
@common
def rebuild_command(**shared: Any) -> int:
    """Make a ledger or a state file anew that was lost or destroyed, from what is on the disk.

    From a copy of the ledger where one is whole, the state file, and published files whose raw source has the same
    bytes. Published and raw files are read and never changed; what was destroyed is kept beside, and what history
    is gone is said.

    \b
    Examples:
      opsconsole state rebuild --dry-run
      opsconsole state rebuild
    """

    def params(ctx: Context) -> ActionParams:
        from console.engine.model import ActionParams

        return ActionParams()

    how = how_to_run(shared)
    if how.yes and not how.dry_run and _nothing_lost(how):
        return 0
    return run_change("state rebuild", how, params)


def _nothing_lost(how: HowToRun) -> bool:
    """Whether there is nothing to do, which is then said: a script that makes sure of it has not failed."""
    from console.cli.output import note
    from console.cli.result import Summary
    from console.engine.actions.state.lost import look
    from console.engine.errors import EXIT_OK

    refuse_when_read_only("state rebuild")
    if not look(open_session()).nothing:
        return False
    note().line("Nothing is lost: ledger and state file are whole. Nothing was run.")
    Summary("state rebuild", how.as_json).last(None, "nothing", {}, EXIT_OK)
    return True


COMMANDS = (clear_command, checkpoint_command, checkpoints_command, restore_command, rebuild_command)
