"""`opsconsole`: parses what was typed, calls the command, and turns whatever happens into an exit status."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import NoReturn

import click

from console import __version__
from console.cli.lazy import LazyGroup
from console.cli.output import OutputError, note, out
from console.cli.session import config_option, last_typed, no_mouse_option, read_only_option, root_option

COMMANDS = {
    "init": ("console.cli.init", "Make a workspace, or add what one lacks."),
    "migrate": ("console.cli.migrate", "Check new and changed raw files and publish those that pass."),
    "reprocess": ("console.cli.reprocess", "Judge published files again by today's rules."),
    "archive": ("console.cli.archive", "Move old raw files into the archive; list it; bring files back."),
    "rollback": ("console.cli.rollback", "Put back what a run replaced, take back what it made."),
    "verify": ("console.cli.verify", "Read everything and compare checksums; put back what is damaged."),
    "adopt": ("console.cli.adopt", "Take over what another program published here, as it is."),
    "leave": ("console.cli.leave", "Give the workspace back to the scripts that were here before."),
    "validate": ("console.cli.validate", "Check any files against their schema; writes nothing."),
    "explain": ("console.cli.explain", "Why a file was, or was not, published."),
    "failures": ("console.cli.failures", "Files that fail: list them by cause, accept, export."),
    "state": ("console.cli.state", "What is known of each file: list, clear, restore, rebuild."),
    "runs": ("console.cli.runs", "What ran: list, show, report, attach, cancel."),
    "backups": ("console.cli.backups", "What runs replaced and keep: list, verify, prune."),
    "schema": ("console.cli.schema", "Every rule that ever judged: list, diff, impact, restore."),
    "logs": ("console.cli.logs", "The migration logs: tail, errors, usage, archive, trim."),
    "checklist": ("console.cli.checklist", "Look before and after a migration; sign, acknowledge."),
    "permissions": ("console.cli.permissions", "Check and repair permissions of data and logs."),
    "maintenance": ("console.cli.maintenance", "Stop all processing while somebody works on the data."),
    "disk": ("console.cli.disk", "How full each zone's disk is, how it grows, what lies where."),
    "check": ("console.cli.check", "The state of the pipeline for monitoring, as Nagios plugins say it."),
    "alerts": ("console.cli.alerts", "What needs somebody; acknowledge it with a note."),
    "trends": ("console.cli.trends", "Files, failures, seconds a file, disks, logs and backups by day."),
    "report": ("console.cli.report", "Who ran, published, undid, overrode and accepted what."),
    "procedure": ("console.cli.procedure", "Guided procedures: step by step, with what is true at each one."),
    "runbook": ("console.cli.runbook", "Any Markdown runbook: its blocks, what they do, and walking it."),
    "doctor": ("console.cli.doctor", "Examine ledger, mirror and what dead runs left."),
    "keys": ("console.cli.keys", "Show what the terminal sends for each key, and what it does."),
    "completion": ("console.cli.completion", "Print the completion script of a shell."),
}

LATER: dict[str, str] = {}

EPILOG = """\b
Examples:
  opsconsole                       open the console
  opsconsole migrate               show the plan, ask, run it
  opsconsole migrate --dry-run     what would happen, judged in full
  opsconsole failures list         what fails, by cause
  opsconsole COMMAND --help        options and an example

\b
Exit status: 0 all done, 1 something failed or was found, 2 wrong usage or
configuration, 3 another run holds the lock, 4 refused by a check or not
started for want of room, 5 recovery needed, 130 cancelled.
"""


@click.command(
    "opsconsole",
    cls=LazyGroup,
    table=COMMANDS,
    later=LATER,
    invoke_without_command=True,
    no_args_is_help=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@root_option
@config_option
@read_only_option
@no_mouse_option
@click.version_option(__version__, message="opsconsole %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> int | None:
    """The operations console of a file-based data pipeline.

    Without a command it opens on the workspace in the current folder; with one it does the same work without
    a screen, for scripts and timers.
    """
    if ctx.invoked_subcommand is not None:
        return None
    from console.cli.console import start

    return start()


def run(arguments: Sequence[str] | None = None) -> int:
    """One command from its arguments (default: the process's) to its exit status; raises nothing."""
    last_typed.clear()
    try:
        status = cli.main(
            args=None if arguments is None else list(arguments), prog_name="opsconsole", standalone_mode=False
        )
        _say_copies()
        return status if isinstance(status, int) else 0
    except Exception as error:  # noqa: BLE001 - the last net: every failure has a sentence and a status
        _say_copies()  # what is not found may only not be in it yet
        return _tell(error)
    except KeyboardInterrupt:
        note().line("Interrupted.")
        return 130


def _say_copies() -> None:
    """What was shown came from a copy of the ledger: which one, and its age. On standard error."""
    store = sys.modules.get("console.engine.ledger.store")  # not loaded: nothing was read
    for made in store.copies_read.values() if store is not None else ():
        from console.engine.observe.overview import copy_words

        note().line(("yellow", "note: "), copy_words(made, time.time()))


def _tell(error: Exception) -> int:
    """What went wrong, in words; the exit status."""
    try:
        from console.cli.trouble import tell
    except Exception:  # noqa: BLE001 - no file can be opened any more, not even that one
        note().line(f"error: {str(error) or type(error).__name__}")
        return int(getattr(error, "exit_status", 1))
    return tell(error)


def main() -> NoReturn:
    """The entry point of `opsconsole` and `python -m console`."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
        _open_missing_streams()
    status = run()
    try:
        out().flush()
        note().flush()
    except OutputError as error:
        sys.exit(_tell(error))
    if threading.active_count() == 1:
        os._exit(status)  # all is written; taking every object apart would take 10 ms
    sys.exit(status)


def _open_missing_streams() -> None:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as we do
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
