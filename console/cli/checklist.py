"""`opsconsole checklist`: what is looked at before and after a migration, who answers for what, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.session import common, open_session, spoken_command

if TYPE_CHECKING:
    from console.engine.checks.kept import Result
    from console.engine.context import Context

_TITLES = {"preflight": "before a migration", "postflight": "after a migration"}


@click.group("checklist")
def command() -> None:
    """Look before and after a migration: a machine checks what a machine can, people answer for the rest.

    The items stand in the configuration, under [checklists]; which of them hold a run, under [gate].

    \b
    Examples:
      opsconsole checklist preflight
      opsconsole checklist ack --note "all from the disk that was full on Monday"
      opsconsole checklist sign documentation --note "SOURCES.md has the new one"
    """


def _item_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    try:
        lists = open_session(ctx).settings.checklists
    except Exception:  # noqa: BLE001 - nothing may disturb the prompt
        return []
    which = ctx.info_name if ctx.info_name in _TITLES else ""
    items = lists.of(which) if which else (*lists.preflight, *lists.postflight)
    return [item.name for item in items if item.name.startswith(incomplete)]


def _list_options(function: Any) -> Any:
    options = (
        click.option(
            "--item", "items", metavar="NAME", multiple=True, shell_complete=_item_names, help="This one; repeatable."
        ),
        click.option("--last", is_flag=True, help="What was found last, with its age; look at nothing now."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object an item, last a summary."),
        common,
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("preflight")
@_list_options
def preflight_command(items: tuple[str, ...], last: bool, as_json: bool) -> int:
    """Look at everything that should be right before a migration, and keep what was found.

    A plan asks the quick ones itself. Exit status 1 where something failed, or cannot be told and holds a run.

    \b
    Example:
      opsconsole checklist preflight --item backups --item disk
    """
    return _look("preflight", items, last, as_json)


@command.command("postflight")
@_list_options
def postflight_command(items: tuple[str, ...], last: bool, as_json: bool) -> int:
    """Look at everything that should be right after a migration, and keep what was found.

    Exit status 1 where something failed.

    \b
    Example:
      opsconsole checklist postflight --json
    """
    return _look("postflight", items, last, as_json)


def _look(which: str, names: tuple[str, ...], last: bool, as_json: bool) -> int:
    from console.cli.output import ProgressLine, note, out
    from console.engine.checks.checklists import ask, chosen_items, looking, remembered
    from console.engine.checks.kept import keep_results
    from console.engine.context import for_action
    from console.engine.model import Check

    ctx = for_action(open_session(), "migrate")
    chosen = chosen_items(ctx, which, names)
    gate = ctx.settings.gate if which == "preflight" else {}
    if not as_json:
        out().line(("bold", f"{which.capitalize()}: {_TITLES[which]}"))
    progress = ProgressLine(note(), wanted=not as_json)
    results: list[Result] = []
    with looking(ctx) as look:
        for item in chosen:
            progress.show(f"{item.text}: looking…")
            result = (remembered if last else ask)(look, which, item)
            progress.clear()
            results.append(result)
            _show(ctx, result, gate.get(item.name, ""), as_json)
            out().flush()
    asked = [result for result in results if result.asked and result.item.kind != "sign-off"]
    unkept = keep_results(ctx, asked) if asked else ""
    verdicts = [result.verdict or Check.UNKNOWN for result in results]
    held = [r for r in results if gate.get(r.item.name) == "block" and (r.verdict or Check.UNKNOWN) == Check.UNKNOWN]
    status = 1 if Check.FAIL in verdicts or held else 0
    if as_json:
        counts = {verdict.value: verdicts.count(verdict) for verdict in Check}
        summary = {"event": "summary", "list": which, "counts": counts, "kept": not unkept and bool(asked)}
        out().json({**summary, "not_kept": unkept, "exit_status": status})
    elif unkept and not ctx.read_only:
        note().line(("yellow", "note: "), f"what was found is not kept: {unkept}")
    return status


def _show(ctx: Context, result: Result, how: str, as_json: bool) -> None:
    from console.cli.output import out
    from console.cli.plan_view import SIGNS, STYLES
    from console.engine.model import Check

    item, verdict = result.item, result.verdict or Check.UNKNOWN
    if as_json:
        out().json(_document(result, how))
        return
    pad = " " * (8 - len(SIGNS[verdict]))
    holds = " (holds a run)" if how == "block" and verdict in (Check.FAIL, Check.UNKNOWN) else ""
    out().line("  ", (STYLES[verdict], SIGNS[verdict]), f"{pad}{item.text} ({item.name}){holds}")
    when = f"  [{_age(ctx, result)}]" if not result.asked and result.at else ""
    out().line(f"          {result.evidence}{when}")
    if result.next_step and verdict != Check.PASS:
        out().line(f"          next: {result.next_step}")


def _age(ctx: Context, result: Result) -> str:
    from datetime import datetime

    from console.engine.text import age

    seconds = (ctx.env.now() - datetime.fromisoformat(result.at)).total_seconds()
    stale = "" if result.fresh else ", holds no more"
    return f"{age(seconds)} ago by {result.by}{stale}"


def _document(result: Result, how: str) -> dict[str, Any]:
    item = result.item
    return {
        "event": "item",
        "list": result.which,
        "item": item.name,
        "text": item.text,
        "kind": item.kind,
        "probe": item.probe,
        "verdict": str(result.verdict or "unknown"),
        "evidence": result.evidence,
        "next_step": result.next_step,
        "details": list(result.details),
        "at": result.at,
        "valid_until": result.valid_until,
        "fresh": result.fresh,
        "by": result.by,
        "run": result.run,
        "blocks": how == "block",
    }


@command.command("sign")
@click.argument("item", shell_complete=_item_names)
@click.option("--note", "text", metavar="TEXT", required=True, help="What was done or looked at; kept with your name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def sign_command(item: str, text: str, as_json: bool) -> int:
    """Answer for an item that no machine can check.

    \b
    Example:
      opsconsole checklist sign documentation --note "SOURCES.md has the new one"
    """
    from console.engine.checks.kept import SIGN

    return _sign(item, text, SIGN, as_json)


@command.command("ack")
@click.option("--note", "text", metavar="TEXT", required=True, help="What they were; kept with your name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def ack_command(text: str, as_json: bool) -> int:
    """Acknowledge the errors that the logs have up to now: the next look begins here.

    \b
    Example:
      opsconsole checklist ack --note "all from the disk that was full on Monday"
    """
    from console.engine.checks.kept import ACKNOWLEDGE, ERRORS

    return _sign(ERRORS, text, ACKNOWLEDGE, as_json)


def _sign(item: str, text: str, kind: str, as_json: bool) -> int:
    from console.cli.output import out
    from console.engine.checks.kept import ACKNOWLEDGE, sign

    made = sign(open_session(), item, text, kind=kind)
    if as_json:
        out().json({"event": made.kind, "item": made.item, "at": made.at, "by": made.by, "note": made.note})
    elif kind == ACKNOWLEDGE:
        out().line(f"Acknowledged by {made.by}: {made.note}")
    else:
        out().line(f"{made.item} signed by {made.by}: {made.note}")
    return 0


@command.command("history")
@click.argument("item", shell_complete=_item_names)
@click.option("--limit", metavar="N", type=click.IntRange(1, 1000), default=20, help="How many (default: 20).")
@click.option("--before", metavar="TIME", default="", help="Only older ones: the time of the last one shown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@common
def history_command(item: str, limit: int, before: str, as_json: bool) -> int:
    """What an item said and who answered for it, newest first.

    \b
    Example:
      opsconsole checklist history backups
    """
    from console.cli.output import note, out
    from console.cli.times import short_time
    from console.engine.checks.kept import history

    ctx = open_session()
    found = history(ctx, item, limit=limit, before=before)
    if as_json:
        for past in found:
            out().json({"event": "past", "item": item, **_past(past)})
        return 0
    if not found:
        note().line(f"Nothing is kept of {item}{' from before' if before else ' yet'}.")
        return 0
    rows = [(short_time(ctx, past.at), past.verdict, past.by, past.evidence, past.run[-4:]) for past in found]
    out().table(("when", "what", "by", "evidence", "run"), rows, cut=(3,))
    if len(found) == limit:
        more = spoken_command("checklist", "history", item, "--before", found[-1].at)
        note().line("Older ones: ", ("bold", more))
    return 0


def _past(past: Any) -> dict[str, Any]:
    return {
        "at": past.at,
        "by": past.by,
        "verdict": past.verdict,
        "evidence": past.evidence,
        "details": list(past.details),
        "run": past.run,
    }
