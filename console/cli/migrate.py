"""`opsconsole migrate`: plan, ask, run, follow, and say what happened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from console.cli.action_options import check_override_reason
from console.cli.complete import source_names
from console.cli.session import common, on_terminal, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.cli.result import Summary
    from console.engine.context import Context
    from console.engine.model import MigrateParams, Plan


@click.command("migrate")
@click.option(
    "--source",
    metavar="NAME",
    default="",
    shell_complete=source_names,
    help="One source only: its name, or its folder below the raw zone.",
)
@click.option(
    "--dest",
    metavar="DIR",
    default="",
    help="Where that source goes; accepted only if it is what the zone map gives.",
)
@click.option(
    "--pattern",
    metavar="GLOB",
    default="",
    help="Only files that match, relative to the source folder; ** crosses folders.",
)
@click.option(
    "--operation",
    type=click.Choice(["copy", "move"]),
    help="move: archive the source after it is published (default: as configured).",
)
@click.option("--checksum", is_flag=True, help="Hash every file; trust no size and time.")
@click.option("--sample", metavar="N", type=click.IntRange(1), help="Only the first N files that are waiting.")
@click.option("--dry-run", is_flag=True, help="Judge every file and show what would happen; change nothing.")
@click.option("--yes", is_flag=True, help="Run without asking.")
@click.option(
    "--override",
    "overridden",
    metavar="ITEM",
    multiple=True,
    help="Release a check or brake for this run; repeatable, needs --reason.",
)
@click.option("--reason", metavar="TEXT", default="", help="Why it is released; kept with the run.")
@click.option("--confirm", "word", metavar="WORD", default="", help="The word, where an action asks for one.")
@click.option("--detach", is_flag=True, help="Start the run and come back at once.")
@click.option("--foreground", is_flag=True, help="Run in this process, for systemd and containers.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line: each file that changed or failed, last the summary.",
)
@common
def command(
    source: str,
    dest: str,
    pattern: str,
    operation: str | None,
    checksum: bool,
    sample: int | None,
    dry_run: bool,
    yes: bool,
    overridden: tuple[str, ...],
    reason: str,
    word: str,
    detach: bool,
    foreground: bool,
    as_json: bool,
) -> int:
    """Check new and changed raw files and publish those that pass, byte for byte.

    Without --yes it shows the plan and asks. The run goes on when this terminal closes; Ctrl-C asks whether
    to cancel it, to leave it running, or to go on watching.

    \b
    Examples:
      opsconsole migrate                            show the plan, ask, run it
      opsconsole migrate --source sff --dry-run     what would happen to one source
      opsconsole migrate --yes --json               for scripts and timers
      opsconsole migrate --yes --override missing --reason "the zone was emptied on purpose"
    """
    _check_usage(dry_run, detach, foreground, overridden, reason)
    from console.cli.result import Summary
    from console.engine.errors import EngineError
    from console.engine.model import MigrateParams

    summary = Summary("migrate", as_json)
    try:
        ctx = open_session()
        name = source_name(ctx, source)
        check_dest(ctx, name, dest)
        _check_word(word)
        params = MigrateParams(name, pattern, operation or "", checksum, sample or 0)
        overrides = dict.fromkeys(overridden, reason.strip())
        if dry_run:
            return dry_run_plan(ctx, params, overrides, summary)
        refuse_when_read_only("migrate")
        return run_action(ctx, params, overrides, summary, yes=yes, detach=detach, foreground=foreground)
    except EngineError as error:
        summary.refused(error)
        raise


def _check_usage(dry_run: bool, detach: bool, foreground: bool, overridden: tuple[str, ...], reason: str) -> None:
    if detach and foreground:
        raise click.UsageError("--detach and --foreground exclude each other.")
    if dry_run and (detach or foreground):
        raise click.UsageError("--dry-run runs nothing that could be detached or put in the foreground.")
    check_override_reason(overridden, reason)
    if reason and not overridden:
        raise click.UsageError("--reason says why a check is released: name the check with --override ITEM.")


def _check_word(word: str) -> None:
    from console.cli.output import note

    if word:
        note().line("migrate asks for no word; --confirm was not needed")


def source_name(ctx: Context, given: str) -> str:
    """A source's name from its name or its path; '' for all of them.

    Raises UsageError for a path that is not directly below the raw zone. Whether there is such a source, the
    plan says: one that is gone may be what a brake wants to know.
    """
    if not given:
        return ""
    from console.engine.errors import UsageError

    raw = ctx.workspace.path(ctx.settings.zones.raw)
    name = given.rstrip("/") or given
    if "/" in name:
        real = os.path.realpath(name if os.path.isabs(name) else ctx.workspace.path(name))
        below = os.path.relpath(real, os.path.realpath(raw))
        if below == ".":
            return ""
        name = below
    if name in ("", ".", "..") or "/" in name:
        raise UsageError(
            f"--source {given} is not one source",
            untouched="everything",
            next_step=f"name a folder of {ctx.settings.zones.raw}; --pattern selects within it",
        )
    return name


def check_dest(ctx: Context, source: str, dest: str) -> None:
    """Raises UsageError where `dest` is not the folder that the zone map gives for `source` ('' for all)."""
    if not dest:
        return
    from console.engine.errors import UsageError

    zone = ctx.settings.zones.validated
    wanted = f"{zone}/{source}" if source else zone
    given = os.path.realpath(dest if os.path.isabs(dest) else ctx.workspace.path(dest))
    if given != os.path.realpath(ctx.workspace.path(wanted)):
        raise UsageError(
            f"--dest {dest} is not where this goes: the zone map gives {wanted}",
            untouched="everything",
            next_step="leave --dest out, or change `zones` in the configuration",
        )


def dry_run_plan(ctx: Context, params: MigrateParams, overrides: dict[str, str], summary: Summary) -> int:
    """The full plan; 1 where something would fail or refuse."""
    from console.cli.output import out
    from console.cli.plan_view import show_failing, show_plan, would_fail
    from console.cli.planning import make_plan
    from console.engine.errors import EXIT_FAILURES, EXIT_OK

    plan = make_plan(ctx, params, overrides, "full")
    found = would_fail(plan) or plan.unreadable or plan.refused
    status = EXIT_FAILURES if found else EXIT_OK
    if summary.as_json:
        for item in plan.items:
            verdict = "ok" if item.verdict == "ok" else "fail"
            out().json(
                {
                    "event": "plan",
                    "path": item.path,
                    "status": str(item.status),
                    "verdict": verdict,
                    "dest": item.dest,
                    "size": item.identity.size,
                    "replaces": item.replaces,
                    "reason": "" if verdict == "ok" else item.verdict,
                }
            )
        for event, left in (("ignored", plan.ignored), ("unreadable", plan.unreadable)):
            for path, reason in left:
                out().json({"event": event, "path": path, "reason": reason})
        summary.last(None, "planned", plan.counts, status, plan.beside)
        return status
    show_plan(out(), plan)
    show_failing(out(), plan)
    return status


def run_action(
    ctx: Context,
    params: MigrateParams,
    overrides: dict[str, str],
    summary: Summary,
    *,
    yes: bool,
    detach: bool,
    foreground: bool,
) -> int:
    from console.cli.launch import launch
    from console.engine.errors import EXIT_OK, UsageError

    plan: Plan | None = None
    if not yes:
        if not on_terminal():
            raise UsageError(
                "there is no terminal to ask on whether to run this",
                untouched="everything",
                next_step="add --yes to run it, or --dry-run to see what would happen",
            )
        plan = _agreed(ctx, params, overrides)
        if plan is None:
            summary.last(None, "declined", {}, EXIT_OK)
            return EXIT_OK
    return launch(ctx, summary.action, params, overrides, plan, detach=detach, foreground=foreground, summary=summary)


def _agreed(ctx: Context, params: MigrateParams, overrides: dict[str, str]) -> Plan | None:
    """Show the scan and ask: the plan agreed to, or None. Raises RefusedError where the gate stops it."""
    from console.cli.ask import confirm
    from console.cli.output import note
    from console.cli.plan_view import show_plan
    from console.cli.planning import make_plan
    from console.engine.errors import EXIT_CANCELLED

    try:
        plan = make_plan(ctx, params, overrides, "scan")
        show_plan(note(), plan)
        _check_gate(ctx, plan)
        if not plan.files and not plan.recovery:
            note().line("Nothing was run.")
            return None
        if confirm(f"Run {plan.action}?"):
            return plan
        note().line("Nothing was changed.")
        return None
    except KeyboardInterrupt:
        note().line("")
        note().line("Interrupted; nothing was changed.")
        raise click.exceptions.Exit(EXIT_CANCELLED) from None


def _check_gate(ctx: Context, plan: Plan) -> None:
    """Raises RefusedError where the gate stops a plan, with how to release what can be released."""
    from console.engine.checks.gate import releasable
    from console.engine.errors import RefusedError

    if plan.refused:
        names = [item.name for item in plan.refused]
        release = " ".join(f"--override {name}" for name in names)
        able = set(names) <= releasable(ctx.settings)
        raise RefusedError(
            "refused by " + ", ".join(names),
            untouched="everything",
            next_step="see above" + (f"; who knows better types {release} --reason TEXT" if able else ""),
        )
