"""Commands of actions that are made of changes: plan, show, ask, run; the same course for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.cli.action_options import HowToRun, agreed, check_gate
from console.cli.session import in_this_session, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.cli.output import Stream
    from console.engine.actions.change.model import ChangePlan
    from console.engine.context import Context
    from console.engine.model import ActionParams

SHOWN = 10  # files of a plan that are named; --json names up to a thousand


def run_change(action: str, how: HowToRun, make_params: Callable[[Context], ActionParams]) -> int:
    """From what was typed to the end of the run; the exit status. Raises EngineError."""
    from console.cli.launch import launch
    from console.cli.result import Summary
    from console.engine.actions.registry import find_action
    from console.engine.context import workspace_name
    from console.engine.errors import EXIT_OK, EngineError
    from console.engine.runs.reserve import make_room

    summary = Summary(action, how.as_json)
    try:
        ctx = open_session()
        if not how.dry_run:
            refuse_when_read_only(action)
            make_room(ctx, action)
        params = make_params(ctx)
        word = workspace_name(ctx) if find_action(action).dangerous else ""
        plan: ChangePlan | None = None
        if how.dry_run or not how.yes:
            plan = make_plan(ctx, action, params)
            if how.dry_run:
                return _dry_run(plan, summary)
            from console.cli.output import note

            show(note(), plan)
            check_gate(plan.refused, how.overrides)
            if not (plan.files or plan.recovery or plan.unsettled):
                note().line("Nothing was run.")
                summary.last(None, "nothing", plan.counts, EXIT_OK)
                return EXIT_OK
        if not agreed(f"Run {action}?", how, word=word):
            summary.last(None, "declined", {}, EXIT_OK)
            return EXIT_OK
        return launch(
            ctx,
            action,
            params,
            how.overrides,
            plan,
            detach=how.detach,
            foreground=how.foreground,
            summary=summary,
            word=word,
        )
    except EngineError as error:
        summary.refused(error)
        raise


def make_plan(ctx: Context, action: str, params: ActionParams) -> ChangePlan:
    """The plan, with a line that says how far it is on a terminal.

    Raises, beside what planning does, the LedgerError that a run would end with: there is no plan without a ledger.
    """
    from console.cli.output import ProgressLine, note
    from console.engine.actions.planning import plan_action
    from console.engine.text import count

    line = ProgressLine(note(), wanted=True)
    line.show("Looking")
    try:
        plan = plan_action(
            ctx,
            action,
            params,
            progress=lambda done, files: line.show(f"Looking: {count(done)}" + (f"/{count(files)}" if files else "")),
        )
        if plan.unread is not None:
            raise plan.unread
        return plan
    finally:
        line.clear()


def _dry_run(plan: ChangePlan, summary: object) -> int:
    from console.cli.output import out
    from console.cli.result import Summary
    from console.engine.errors import EXIT_FAILURES, EXIT_OK

    assert isinstance(summary, Summary)
    # 1 as well where nobody knows yet how much would be done: 0 would be taken for nothing or for all
    status = EXIT_FAILURES if plan.refused or plan.left_files or plan.unsettled else EXIT_OK
    if summary.as_json:
        for item in plan.items:
            out().json(
                {"event": "plan", "path": item.path, "what": item.what, "detail": item.detail, "size": item.size}
            )
        for event, places in (("left", plan.left), ("kept", plan.kept)):
            for path, reason in places:
                out().json({"event": event, "path": path, "reason": reason})
        more = {"unsettled": plan.unsettled} if plan.unsettled else {}
        summary.last(None, "planned", {**plan.counts, **more}, status)
        return status
    show(out(), plan)
    return status


def show(stream: Stream, plan: ChangePlan) -> None:
    """The whole plan: what would change, what stays as it is and why, what stands in the way, how it is undone."""
    from console.cli.plan_view import show_gate
    from console.engine.text import count, plural, size

    for text in plan.recovery:
        stream.line(("yellow", "First: "), text)
    stream.line(("bold", f"{plan.action}: plan"))
    for label, value in plan.facts:
        stream.line(f"  {label}: {value}")
    if plan.files:
        parts = [f"{count(number)} {name.replace('_', ' ')}" for name, number in plan.counts.items() if number]
        stream.line("  ", ("bold", plural(plan.files, "file")), f" to change ({size(plan.bytes)}): {', '.join(parts)}")
    elif not plan.unsettled:
        stream.line("  nothing to do")
    if plan.unsettled:
        stream.line("  ", ("yellow", plan.unsettled_words))
    for item in plan.items[:SHOWN]:
        stream.line(f"      {item.what} {item.path}" + (f"  ({item.detail})" if item.detail else ""))
    if plan.files > SHOWN:
        stream.line(f"      and {count(plan.files - SHOWN)} more; --dry-run --json names them")
    if plan.left_files:
        stream.line("  ", ("yellow", plural(plan.left_files, "file")), " left as they are")
        for path, reason in plan.left[:SHOWN]:
            stream.line(f"      {path}: {reason}")
    if plan.kept_files:
        stream.line("  ", ("bold", count(plan.kept_files)), " kept")
        for path, reason in plan.kept[:SHOWN]:
            stream.line(f"      {path}: {reason}")
        if plan.kept_files > SHOWN:
            stream.line(f"      and {count(plan.kept_files - SHOWN)} more; --dry-run --json names them")
    for text in plan.notes:
        stream.line(("yellow", "  Note: "), text)
    stream.line(f"  undo: {plan.undo}")
    show_gate(stream, plan.gate)
    stream.line("  same as: ", ("bold", in_this_session(plan.command)))
