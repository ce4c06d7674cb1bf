"""`opsconsole verify`: read every byte that the ledger vouches for; put back what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import HowToRun, how_to_run, run_options
from console.cli.complete import source_names
from console.cli.session import common, given, open_session

if TYPE_CHECKING:
    from console.engine.actions.verify.model import VerifyParams

SHOWN = 20  # files that are named; --json names up to a thousand


@click.command("verify")
@click.option("--subset", metavar="N/M", default="", help="The N-th of M parts: 1/7 tonight, 2/7 tomorrow …")
@click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source only.")
@click.option("--readback", is_flag=True, help="Read from the disk, not from memory.")
@click.option("--repair", is_flag=True, help="Put back what verify found damaged or missing, from good copies.")
@run_options
@common
def command(subset: str, source: str, readback: bool, repair: bool, **shared: Any) -> int:
    """Read raw files, published copies, backups and archives and compare each with its recorded checksum; check the
    ledger too. Changes no data. Exit status 1 where something is wrong.

    With --dry-run, and in a read-only session, nothing is recorded. --repair shows what it would put back from where,
    asks, and keeps each damaged original; it goes by what the last verify found.

    \b
    Examples:
      opsconsole verify                         everything
      opsconsole verify --subset 1/7 --readback from the disk, one of seven nights
      opsconsole verify --repair --dry-run      what a repair would do, and what has no good copy
    """
    how = how_to_run(shared)
    if repair:
        if subset or readback:
            raise click.UsageError("--repair goes by what verify found: --subset and --readback do not go with it.")
        return _repair(source, how)
    return _verify(subset, source, readback, how)


def _repair(source: str, how: HowToRun) -> int:
    from console.cli.change import run_change
    from console.cli.migrate import source_name
    from console.engine.actions.repair.model import RepairParams

    return run_change("repair", how, lambda ctx: RepairParams(source_name(ctx, source)))


def _verify(subset: str, source: str, readback: bool, how: HowToRun) -> int:
    from console.cli.launch import launch
    from console.cli.migrate import source_name
    from console.cli.result import Summary
    from console.engine.actions.verify.model import VerifyParams
    from console.engine.errors import EngineError

    summary = Summary("verify", how.as_json)
    try:
        ctx = open_session()
        params = VerifyParams(subset, source_name(ctx, source), readback)
        params.part()
        if how.dry_run or given("read_only"):
            return _look(params, summary)
        return launch(
            ctx,
            "verify",
            params,
            how.overrides,
            None,
            detach=how.detach,
            foreground=how.foreground,
            summary=summary,
        )
    except EngineError as error:
        summary.refused(error)
        raise


def _look(params: VerifyParams, summary: Any) -> int:
    """Nothing is written: no run, no lock."""
    from console.cli.output import ProgressLine, note, out
    from console.engine.actions.verify.look import look
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.runs.query import current_run
    from console.engine.text import count

    ctx = open_session()
    running = current_run(ctx)
    if running is not None:
        note().line(("yellow", "note: "), f"run {running.id} is in progress: what it replaces may be said to differ")
    line = ProgressLine(note(), wanted=True)
    try:
        result, bad = look(ctx, params, progress=lambda done, files: line.show(f"{count(done)}/{count(files)} files"))
    finally:
        line.clear()
    status = EXIT_FAILURES if result.found else EXIT_OK
    if summary.as_json:
        for file in bad:
            out().json({"event": "file", **file._asdict()})
        counts = {str(state): number for state, number in result.states.items() if state != "gone"}
        summary.last(None, "looked", counts, status, result.sentence())
        return status
    for file in bad[:SHOWN]:
        out().line(("red", file.state), f" {file.path}" + (f": {file.reason}" if file.reason else ""))
        out().line("    ", f"a good copy is {file.good}" if file.good else "no good copy was found")
    if result.bad > SHOWN:
        out().line(f"and {count(result.bad - SHOWN)} more; --json names them")
    out().line(result.sentence())
    note().line("Nothing was recorded.")
    return status
