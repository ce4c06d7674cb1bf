"""Starting a run from the command line, in a process of its own or in this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.cli.output import note, out
from console.cli.session import in_this_session, spoken_command
from console.cli.signals import Signals
from console.engine.errors import EXIT_OK, LedgerError

if TYPE_CHECKING:
    from console.cli.result import Summary
    from console.engine.actions.change.model import ChangePlan
    from console.engine.context import Context
    from console.engine.model import ActionParams, Plan


def say_recovery(ctx: Context) -> None:
    """What a dead run left for the next one to settle, said before anything else."""
    from console.engine.runs.query import unrecovered

    try:
        dead = unrecovered(ctx)
    except LedgerError:  # what the run is for, or what it says itself
        return
    for row in dead:
        note().line(
            ("yellow", "First: "),
            f"run {row.id} died after {row.heartbeat_at}; this run finishes or undoes what it had in hand.",
        )


def launch(
    ctx: Context,
    action: str,
    params: ActionParams,
    overrides: dict[str, str],
    plan: Plan | ChangePlan | None,
    *,
    detach: bool,
    foreground: bool,
    summary: Summary,
    word: str = "",
    begun: Callable[[str, str], None] = lambda run, command: None,
) -> int:
    """Start the run, follow it unless it is to be left alone; the exit status.

    plan: the one that was agreed to; None where there was no question. word: what was typed for it. begun: told the
    run and its command line as soon as there is one, not of one in the foreground.
    Raises LockedError, RefusedError and the other errors of the engine when it does not start.
    """
    from console.engine.actions.command import command_line

    command = in_this_session(command_line(action, params, overrides, word=word))
    if plan is None:
        say_recovery(ctx)
    out().flush()
    if foreground:
        return _in_this_process(ctx, action, params, overrides, command, plan, summary)
    from console.cli.follow_run import Watcher
    from console.engine.runs.start import start_run

    with Signals() as signals:
        started = start_run(ctx, action, params, overrides=overrides, command=command, plan=plan)
        begun(started.run_id, command)
        if detach:
            _say_detached(started.run_id, summary)
            return EXIT_OK
        return Watcher(ctx, started.run_id, summary, ours=True).follow(signals, started.done_fd)


def _say_detached(run: str, summary: Summary) -> None:
    if summary.as_json:
        summary.running(run, EXIT_OK)
        return
    short = run.rsplit("-", 1)[-1]
    out().line(run)
    note().line("It goes on by itself: ", spoken_command("runs", "attach", short), " shows it.")


def _in_this_process(
    ctx: Context,
    action: str,
    params: ActionParams,
    overrides: dict[str, str],
    command: str,
    plan: Plan | ChangePlan | None,
    summary: Summary,
) -> int:
    from console.engine.runs.query import get_run, run_outcomes
    from console.engine.runs.start import run_foreground

    begun: list[str] = []
    status = run_foreground(ctx, action, params, overrides=overrides, command=command, plan=plan, started=begun.append)
    row = get_run(ctx, begun[0]) if begun else None
    if row is None:
        return status
    if summary.as_json:
        after = 0
        while outcomes := run_outcomes(ctx, row.seq, after_id=after, limit=500):
            for outcome in outcomes:
                summary.file(row.id, outcome)
            after = outcomes[-1].id
    summary.finished(ctx, row, status)
    return status
