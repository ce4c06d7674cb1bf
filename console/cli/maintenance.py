"""`opsconsole maintenance`: stop all processing, say who did and why, and let it start again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.session import common, open_session, refuse_when_read_only, spoken_command

if TYPE_CHECKING:
    from console.engine.context import Context

_PAUSE = 0.1  # seconds between two looks at a run that is waited for


@click.group("maintenance")
def command() -> None:
    """Stop all processing while somebody works on the data, and let it start again.

    While it is on, migrate, reprocess, archive, adopt and leave are refused with exit status 4, timers and other
    users included, also after a reboot. What undoes, repairs or frees room still runs.

    \b
    Examples:
      opsconsole maintenance on --reason "disk is replaced" --wait
      opsconsole maintenance off
    """


@command.command("on")
@click.option("--reason", metavar="TEXT", required=True, help="Why; shown to everybody who is refused.")
@click.option("--cancel-run", is_flag=True, help="Cancel the run in progress, and wait for its end.")
@click.option("--wait", is_flag=True, help="Wait for the end of the run in progress.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def on_command(reason: str, cancel_run: bool, wait: bool, as_json: bool) -> int:
    """Refuse new runs from now on. A run in progress goes on, unless it is cancelled; --wait waits for its end.

    \b
    Example:
      opsconsole maintenance on --reason "restore of the raw zone" --cancel-run
    """
    from dataclasses import asdict

    from console.cli.output import note, out
    from console.engine.checks.maintenance import turn_on

    if cancel_run and wait:
        raise click.UsageError("--cancel-run waits as well: give one of them.")
    ctx = open_session()
    refuse_when_read_only("turn maintenance on")
    found, unrecorded = turn_on(ctx, reason)
    if unrecorded:
        note().line(("yellow", "note: "), f"maintenance is on; the ledger does not record it: {unrecorded}")
    drained = _drain(ctx, cancel_run, wait)
    if as_json:
        out().json({"event": "maintenance", "on": True, "drained": drained, **asdict(found)})
    else:
        out().line(found.sentence())
        note().line(
            "Nothing is processed now. " if drained else "New runs are refused. ",
            ("bold", spoken_command("maintenance", "off")),
            " lets runs start again.",
        )
    return 0


def _drain(ctx: Context, cancel_run: bool, wait: bool) -> bool:
    """Cancel or wait for the run in progress, as asked; whether none is in progress any more."""
    import time

    from console.cli.output import note
    from console.engine.errors import LedgerError, UsageError
    from console.engine.runs.cancel import request_cancel
    from console.engine.runs.drain import lock_is_free, wait_drained
    from console.engine.runs.query import current_run

    try:
        running = current_run(ctx)
    except LedgerError:
        running = None
    if running is None and lock_is_free(ctx):
        return True
    if not (cancel_run or wait):
        name = f"run {running.id}" if running else "a run"
        note().line(("yellow", "note: "), f"{name} is in progress and goes on to its end; --wait would wait for it")
        return False
    asked = ""

    def look_again() -> None:
        nonlocal asked
        found = current_run(ctx) if cancel_run else None
        if found is not None and found.id != asked:  # also one that had the lock and was not registered yet
            try:
                request_cancel(ctx, found.id)
            except UsageError:
                return  # it has just ended
            asked = found.id
            note().line(f"{found.id} was asked to stop; it finishes the batch in hand first.")
        time.sleep(_PAUSE)

    if wait:
        note().line("Waiting for the run in progress to end; interrupted, maintenance stays on.")
    return wait_drained(ctx, look_again)


@command.command("off")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def off_command(as_json: bool) -> int:
    """Let runs start again. Everybody who may write here can; the ledger records who did.

    \b
    Example:
      opsconsole maintenance off
    """
    from console.cli.output import note, out
    from console.engine.checks.maintenance import turn_off

    ctx = open_session()
    refuse_when_read_only("lift maintenance")
    found, unrecorded = turn_off(ctx)
    if unrecorded:
        note().line(("yellow", "note: "), f"maintenance is off; the ledger does not record it: {unrecorded}")
    if as_json:
        out().json({"event": "maintenance", "on": False, "was_on": found is not None})
    elif found is None:
        note().line("Maintenance was not on.")
    else:
        out().line(f"Lifted: {found.sentence()}")
    return 0


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def status_command(as_json: bool) -> int:
    """Whether processing is stopped: by whom, since when, why. Exit status 0 either way.

    \b
    Example:
      opsconsole maintenance status
    """
    from dataclasses import asdict

    from console.cli.output import out
    from console.engine.checks.maintenance import read_maintenance

    ctx = open_session()
    found = read_maintenance(ctx)
    if as_json:
        out().json({"event": "maintenance", "on": found is not None, **(asdict(found) if found else {})})
    else:
        out().line(found.sentence() if found else "Maintenance is off: runs can start.")
    return 0


def say_maintenance(ctx: Context) -> None:
    """On standard error, that processing is stopped, where it is."""
    from console.cli.output import note
    from console.engine.checks.maintenance import read_maintenance

    found = read_maintenance(ctx)
    if found is not None:
        note().line(("yellow", "note: "), f"nothing is processed: {found.sentence()}")
