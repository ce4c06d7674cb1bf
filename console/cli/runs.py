"""`opsconsole runs`: what ran, what it did to each file, its report; following one and cancelling it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.complete import run_names
from console.cli.session import common, open_session, refuse_when_read_only, spoken_command

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import RunRow


@click.group("runs")
def command() -> None:
    """What ran, and how it went. Any unambiguous end of a run's id names it: its last four digits.

    \b
    Examples:
      opsconsole runs list
      opsconsole runs show 7f3a
      opsconsole runs compare 7f3a 81c2
      opsconsole runs attach 7f3a
    """


@command.command("list")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=20, help="The last N runs (default: 20).")
@click.option("--action", metavar="ACTION", multiple=True, help="Runs of one action only. May be given again.")
@click.option(
    "--status",
    metavar="STATUS",
    multiple=True,
    help="Runs that ended so: done, partial, failed, ... May be given again.",
)
@click.option("--by", metavar="LOGIN", multiple=True, help="Runs of one person only. May be given again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@common
def list_command(
    limit: int, action: tuple[str, ...], status: tuple[str, ...], by: tuple[str, ...], as_json: bool
) -> int:
    """The latest runs, newest first.

    \b
    Examples:
      opsconsole runs list --status partial --status failed
      opsconsole runs list --action rollback --by ann
    """
    from console.cli.maintenance import say_maintenance
    from console.cli.output import note, out
    from console.cli.result import counts_text, seconds, state
    from console.cli.times import short_time
    from console.engine.runs.query import list_runs
    from console.engine.runs.wanted import RunFilter, operator
    from console.engine.text import duration

    _check_status(status)
    ctx = open_session()
    say_maintenance(ctx)
    wanted = RunFilter(action, status, by, whole=True)
    rows = list_runs(ctx, limit=limit, wanted=wanted)
    if as_json:
        for row in rows:
            out().json(run_document(row))
        return 0
    if not rows:
        note().line("No run of that kind." if wanted else "Nothing has run here yet.")
        return 0

    def cells(row: RunRow) -> list[str | tuple[str, str]]:
        took = seconds(row)
        started = short_time(ctx, row.started_at) if out().terminal else row.started_at
        name = row.short if out().terminal else row.id
        length = "" if took is None else duration(took) if out().terminal else f"{took:.3f}"
        return [name, started, row.action, state(row), counts_text(row), length, operator(row)]

    out().table(("run", "started", "action", "status", "result", "took", "by"), map(cells, rows), right=(5,), cut=(4,))
    return 0


def _check_status(statuses: tuple[str, ...]) -> None:
    from console.engine.model import RunStatus

    if not set(statuses) <= set(RunStatus):
        raise click.UsageError(f"--status is one of {', '.join(RunStatus)}.")


def run_document(row: RunRow) -> dict[str, object]:
    """A run as --json gives it."""
    import dataclasses

    return {**dataclasses.asdict(row), "counts": row.counts.to_json(), "status": str(row.status)}


@command.command("show")
@click.argument("run", shell_complete=run_names)
@click.option("--files", is_flag=True, help="Every file it changed or that failed, with the reason; failed ones first.")
@click.option("--outcome", metavar="OUTCOME", default="", help="With --files: one outcome only, as failed.")
@click.option("--json", "as_json", is_flag=True, help="JSON: the run; with --files then one object a file.")
@common
def show_command(run: str, files: bool, outcome: str, as_json: bool) -> int:
    """One run: who, when, how long, what it did, what its checks said.

    \b
    Examples:
      opsconsole runs show 7f3a
      opsconsole runs show 7f3a --files --outcome failed
    """
    from console.cli.output import out
    from console.engine.model import Outcome
    from console.engine.runs.query import as_it_is, find_run

    if outcome and outcome not in list(Outcome):
        raise click.UsageError(f"--outcome is one of {', '.join(Outcome)}.")
    ctx = open_session()
    row = find_run(ctx, run)
    if as_json:
        out().json(run_document(as_it_is(row)))  # as `runs list` has it
    else:
        _show_run(ctx, row)
    if files or outcome:
        _show_files(ctx, row, outcome, as_json)
    return 0


def _show_run(ctx: Context, row: RunRow) -> None:
    from console.cli.output import out
    from console.cli.result import headline, more_than_counts, seconds, show_first_failures
    from console.cli.times import long_time
    from console.engine.runs.query import is_alive
    from console.engine.text import duration

    stream = out()
    stream.line(*headline(row))
    if more_than_counts(row):
        stream.line(f"  {more_than_counts(row)}")
    took = seconds(row)
    who = row.who
    by = str(who.get("login") or "") + (f" as {who['user']}" if who.get("user") != who.get("login") else "")
    origin = ", ".join(str(who[key]) for key in ("terminal", "address") if who.get(key))
    facts = [
        ("run", row.id),
        ("by", f"{by} on {row.host}" + (f" ({origin})" if origin else "")),
        ("started", long_time(ctx, row.started_at)),
        ("ended", long_time(ctx, row.ended_at) if row.ended_at else _unended(row, is_alive(row))),
        ("took", "" if took is None else duration(took)),
        ("phases", ", ".join(f"{name} {duration(value)}" for name, value in row.timings.items())),
        ("command", row.command),
        ("durability", row.durability),
        ("cancelled by", f"{row.cancel_by} at {row.cancel_at}" if row.cancel_by else ""),
        ("exit status", "" if row.exit_status is None else str(row.exit_status)),
    ]
    for name, value in facts:
        if value:
            stream.line("  ", ("dim", f"{name:<13}"), value)
    for item, reason in row.overrides.items():
        stream.line("  ", ("dim", f"{'override':<13}"), f"{item}: {reason}")
    for title, items in (("check", row.gate), ("verified", row.verification)):
        passed = [str(entry.get("name")) for entry in items if entry.get("verdict") == "pass"]
        if passed:
            stream.line("  ", ("dim", f"{title:<13}"), f"pass    {', '.join(passed)}")
        for entry in items:
            if entry.get("verdict") != "pass":
                stream.line("  ", ("dim", f"{title:<13}"), f"{entry.get('verdict'):<7} {_evidence(entry)}")
    report = ctx.workspace.run_folder(row.id) / "report.md"
    if report.exists():
        stream.line("  ", ("dim", f"{'report':<13}"), spoken_command("runs", "report", row.short))
    show_first_failures(ctx, row)


def _evidence(entry: dict[str, object]) -> str:
    return f"{entry.get('name')}: {entry.get('evidence')}"


def _unended(row: RunRow, alive: bool) -> str:
    if alive:
        return f"still running ({row.done_files} of {row.total_files} files)"
    return f"its process died; last sign of life {row.heartbeat_at}; what it had in hand is settled by the next run"


def _show_files(ctx: Context, row: RunRow, outcome: str, as_json: bool) -> None:
    from console.cli.output import out
    from console.cli.result import Summary
    from console.engine.runs.query import is_alive, run_outcomes, weighed_outcomes

    after = 0
    summary = Summary(row.action, True)
    weighed = not outcome and not is_alive(row)
    while not out().gone:
        if weighed:
            rows = weighed_outcomes(ctx, row.seq, after_id=after, limit=500)
        else:
            rows = run_outcomes(ctx, row.seq, after_id=after, limit=500, outcome=outcome)
        if not rows:
            break
        after = rows[-1].id
        if as_json:
            for item in rows:
                summary.file(row.id, item)
        else:
            cells = [(str(item.outcome), item.path, item.reason) for item in rows]
            out().table(("outcome", "file", "reason"), cells, cut=(1, 2), paths=(1,))


@command.command("compare")
@click.argument("run", shell_complete=run_names)
@click.argument("other", shell_complete=run_names)
@click.option("--files", is_flag=True, help="Every file that stands otherwise; else ten of each kind.")
@click.option("--change", metavar="CHANGE", default="", help="One kind of them only, every file: newly-failing, ...")
@click.option(
    "--json", "as_json", is_flag=True, help="JSON: what differs; with --files or --change then a file a line."
)
@common
def compare_command(run: str, other: str, files: bool, change: str, as_json: bool) -> int:
    """What differs between two runs: parameters, counts, configuration, schemas, times, files.

    The older one is `before`, whichever is named first. A file counts by how it stands after each run: one that a
    run found unchanged stands as the last run before it left it.

    \b
    Examples:
      opsconsole runs compare 7f3a 81c2
      opsconsole runs compare 7f3a 81c2 --change newly-failing
    """
    from console.cli.compare_view import show_comparison, show_files
    from console.cli.output import out
    from console.engine.observe.runs_compare import Change, compare_runs

    if change and change not in list(Change):
        raise click.UsageError(f"--change is one of {', '.join(Change)}.")
    ctx = open_session()
    found = compare_runs(ctx, run, other)
    assert found is not None  # nobody cancels it
    if as_json:
        out().json(found.document())
    elif not change:
        show_comparison(ctx, found)
    wanted = [kind for kind in Change if found.files.get(kind) and change in ("", kind)]
    if not as_json or files or change:
        show_files(ctx, found, wanted, as_json=as_json, every=files or bool(change))
    return 0


@command.command("report")
@click.argument("run", shell_complete=run_names)
@common
def report_command(run: str) -> int:
    """The report of one run, as Markdown.

    \b
    Example:
      opsconsole runs report 7f3a > report.md
    """
    from console.cli.output import out
    from console.engine.errors import UsageError
    from console.engine.ledger.store import reading
    from console.engine.runs.query import find_run

    ctx = open_session()
    row = find_run(ctx, run)
    try:
        path = ctx.workspace.run_folder(row.id) / "report.md"
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # it still runs, or it died: made from the ledger
        from console.engine.observe.report import render_report

        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                raise UsageError("there is no ledger here yet", next_step="opsconsole migrate") from None
            text = render_report(ctx, connection, row.seq)
    out().lines(text)
    return 0


@command.command("attach")
@click.argument("run", required=False, shell_complete=run_names)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, last the summary.")
@common
def attach_command(run: str | None, as_json: bool) -> int:
    """Watch a run: the one in progress, or RUN. Ends with its exit status; Ctrl-C asks, as migrate does.

    \b
    Example:
      opsconsole runs attach
    """
    from console.cli.follow_run import Watcher
    from console.cli.output import note
    from console.cli.result import Summary
    from console.cli.signals import Signals
    from console.engine.runs.query import current_run, find_run

    ctx = open_session()
    row = find_run(ctx, run) if run else current_run(ctx)
    if row is None:
        note().line("No run is in progress. ", spoken_command("runs", "list"), " shows the last ones.")
        return 0
    with Signals() as signals:
        return Watcher(ctx, row.id, Summary(row.action, as_json), ours=False).follow(signals)


@command.command("cancel")
@click.argument("run", required=False, shell_complete=run_names)
@common
def cancel_command(run: str | None) -> int:
    """Ask the run in progress, or RUN, to stop after the batch in hand. What it published stays.

    \b
    Example:
      opsconsole runs cancel 7f3a
    """
    from console.cli.output import note, out
    from console.engine.runs.cancel import request_cancel
    from console.engine.runs.query import current_run, find_run

    ctx = open_session()
    refuse_when_read_only("cancel runs")
    row = find_run(ctx, run) if run else current_run(ctx)
    if row is None:
        note().line("No run is in progress.")
        return 0
    row = request_cancel(ctx, row.id)
    out().line(f"{row.id} was asked to stop; it finishes the batch in hand first.")
    note().line(spoken_command("runs", "attach", row.short), " shows its end.")
    return 0
