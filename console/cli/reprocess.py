"""`opsconsole reprocess`: judge published files again by today's rules."""

from __future__ import annotations

from typing import Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.complete import source_names
from console.cli.session import common, open_session, refuse_when_read_only


@click.command("reprocess")
@click.option("--all", "everything", is_flag=True, help="Every published file and every remembered failure.")
@click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source only.")
@click.option("--pattern", metavar="GLOB", default="", help="Only files that match, relative to the source folder.")
@click.option("--failed", is_flag=True, help="Remembered failures, accepted or not.")
@click.option("--cause", metavar="CAUSE", default="", help="Remembered failures with this cause.")
@click.option("--stale-schema", is_flag=True, help="Files judged by another rule than today's.")
@click.option("--adopted", is_flag=True, help="Files that another program published and nobody has judged.")
@click.option("--sample", metavar="N", type=click.IntRange(1), help="Only the first N of them: work off a portion.")
@click.option("--withdraw", is_flag=True, help="Published copies that fail now go into the run's backup.")
@run_options
@common
def command(
    everything: bool,
    source: str,
    pattern: str,
    failed: bool,
    cause: str,
    stale_schema: bool,
    adopted: bool,
    sample: int | None,
    withdraw: bool,
    **shared: Any,
) -> int:
    """Judge published files again by today's rules. What would be published the same is recorded as revalidated
    and not rewritten; what fails now is flagged, and its published copy stays, unless --withdraw takes it away.

    \b
    Examples:
      opsconsole reprocess --stale-schema --dry-run     what a new schema would newly refuse
      opsconsole reprocess --adopted --sample 1000      the next portion of what was adopted
      opsconsole reprocess --stale-schema --withdraw    and take back what it refuses; rollback publishes it again
      opsconsole reprocess --failed --source sff        failures once more
    """
    from console.cli.migrate import dry_run_plan, run_action, source_name
    from console.cli.result import Summary
    from console.engine.errors import EngineError
    from console.engine.model import ReprocessParams

    how = how_to_run(shared)
    summary = Summary("reprocess", how.as_json)
    try:
        ctx = open_session()
        name = source_name(ctx, source)
        params = ReprocessParams(
            name,
            pattern,
            sample=sample or 0,
            all=everything,
            failed=failed,
            cause=cause,
            stale_schema=stale_schema,
            adopted=adopted,
            withdraw=withdraw,
        )
        if how.dry_run:
            return dry_run_plan(ctx, params, how.overrides, summary)
        refuse_when_read_only("reprocess")
        return run_action(
            ctx, params, how.overrides, summary, yes=how.yes, detach=how.detach, foreground=how.foreground
        )
    except EngineError as error:
        summary.refused(error)
        raise
