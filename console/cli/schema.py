"""`opsconsole schema`: every rule that ever judged a run, what changed, what another would do, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.change import run_change
from console.cli.complete import source_names
from console.cli.session import common, open_session

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import ActionParams
    from console.engine.observe.rules_diff import RuleDiff
    from console.engine.observe.schema_impact import Impact

_FILES = 5
_CAUSES = 10


@click.group("schema")
def command() -> None:
    """Schemas are deployments: every rule that ever judged a run is kept by checksum, with when and whose.

    \b
    Examples:
      opsconsole schema list
      opsconsole schema impact new_schema.json
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a rule.")
@common
def list_command(as_json: bool) -> int:
    """Every rule that ever judged a run, oldest first: since when, by whom, how many files it judged last.

    \b
    Example:
      opsconsole schema list --json
    """
    from dataclasses import asdict

    from console.cli.output import note, out
    from console.cli.times import short_time
    from console.engine.observe.rules_seen import list_rules
    from console.engine.text import count

    ctx = open_session()
    rules = list_rules(ctx)
    if as_json:
        for rule in rules:
            out().json({"event": "rule", **asdict(rule)})
        return 0
    if not rules:
        note().line("There is no rule yet.")
        return 0

    def cells(rule: Any) -> list[str]:
        at = short_time(ctx, rule.first_at) if rule.first_at and out().terminal else rule.first_at or "not yet"
        run = rule.first_run.rsplit("-", 1)[-1] if out().terminal else rule.first_run
        files = (count(rule.published), count(rule.failing))
        return [rule.short, "today" if rule.today else "", rule.name, at, rule.first_by, run, *files]

    heads = ("checksum", "", "schema", "judges since", "by", "run", "published", "failing")
    out().table(heads, map(cells, rules), right=(6, 7), cut=(2,), paths=(2,))
    return 0


@command.command("diff")
@click.argument("first", metavar="[A]", required=False, default="")
@click.argument("second", metavar="[B]", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a rule.")
@common
def diff_command(first: str, second: str, as_json: bool) -> int:
    """What changed from rule A to rule B, in words and line by line.

    B: today's of the same name. A: the one by which the last run judged. Exit status 1 where they differ.

    \b
    Examples:
      opsconsole schema diff
      opsconsole schema diff 3f9a2c 81d0ee
    """
    from dataclasses import asdict

    from console.cli.output import note, out
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.observe.rules_diff import diff_rules

    found = diff_rules(open_session(), first, second)
    if not found:
        note().line("There is no rule yet.")
    for diff in found:
        if as_json:
            out().json({"event": "diff", "same": diff.same, **asdict(diff)})
        else:
            _show_diff(diff)
    return EXIT_FAILURES if any(diff.before is not None and not diff.same for diff in found) else EXIT_OK


def _show_diff(diff: RuleDiff) -> None:
    from console.cli.output import out

    stream = out()
    if diff.before is None:
        stream.line(("bold", diff.after.name), f": {diff.after.short} has judged no run yet, nor has any other")
        return
    if diff.same:
        stream.line(("bold", diff.after.name), f": {diff.after.short}, unchanged")
        return
    stream.line(("bold", diff.after.name), f": {diff.before.short} becomes {diff.after.short}")
    for text in diff.words:
        stream.line(f"  {text}")
    for line in diff.lines:
        style = {"+": "green", "-": "red", "@": "accent"}.get(line[:1], "")
        stream.line((style, line))


@command.command("impact")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option("--rule", "instead_of", metavar="NAME", default="", help="The rule whose schema it would replace.")
@click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source.")
@click.option("--sample", metavar="N", type=click.IntRange(1), default=None, help="N files, spread over all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, last the summary.")
@common
def impact_command(file: str, instead_of: str, source: str, sample: int | None, as_json: bool) -> int:
    """Judge every file that is published or fails today by the schema in FILE, and write nothing.

    Says what would newly fail and newly pass. Exit status 1 where something would newly fail.

    \b
    Examples:
      opsconsole schema impact new_schema.json
      opsconsole schema impact new_schema.json --sample 500
    """
    from console.cli.migrate import source_name
    from console.cli.output import ProgressLine, note, out
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.observe.schema_impact import impact_of
    from console.engine.text import count

    ctx = open_session()
    line = ProgressLine(note(), wanted=not as_json)
    try:
        impact = impact_of(
            ctx,
            file,
            instead_of=instead_of,
            source=source_name(ctx, source),
            sample=sample or 0,
            progress=lambda done, files: line.show(f"Judging: {count(done)}/{count(files)}"),
        )
    finally:
        line.clear()
    status = EXIT_FAILURES if impact.new_failures or impact.unreadable else EXIT_OK
    if not as_json:
        _show_impact(impact)
        return status
    for kind, rows in (
        ("newly-failing", impact.newly_failing),
        ("newly-passing", impact.newly_passing),
        ("unreadable", impact.unreadable),
    ):
        for path, reason in rows:
            out().json({"event": "file", "path": path, "what": kind, "reason": reason})
    out().json({"event": "summary", "rule": impact.rule, **_counts(impact), "exit_status": status})
    return status


def _counts(impact: Impact) -> dict[str, Any]:
    names = ("files", "judged", "gone", "passing", "failing", "new_failures", "new_passes")
    causes = [{"cause": cause, "files": files, "records": records} for cause, files, records in impact.causes]
    counts = {name: getattr(impact, name) for name in names} | {"unreadable": len(impact.unreadable)}
    return {"counts": counts, "causes": causes}


def _show_impact(impact: Impact) -> None:
    from console.cli.output import out
    from console.engine.records.words import cause_in_words
    from console.engine.text import count, plural

    stream = out()
    of = "" if impact.judged == impact.files else f" of {count(impact.files)}"
    stream.line(("bold", impact.rule), f": {plural(impact.judged, 'file')}{of} judged, nothing written")
    stream.line("  ", ("red" if impact.new_failures else "green", f"{count(impact.new_failures)} newly failing"))
    stream.line("  ", ("green", f"{count(impact.new_passes)} newly passing"))
    stream.line(f"  {count(impact.passing)} pass and {count(impact.failing)} fail as today")
    if impact.gone:
        stream.line(f"  {plural(impact.gone, 'raw file')} not there any more: not judged")
    if impact.causes:
        stream.line("")
        stream.line("Newly failing, by cause")
        rows = [(f"  {count(n)}", count(records), cause_in_words(cause)) for cause, n, records in impact.causes]
        stream.table(("  files", "records", "cause"), rows[:_CAUSES], right=(0, 1), cut=(2,), aligned=True)
    groups = (
        ("Newly failing", impact.newly_failing, impact.new_failures),
        ("Newly passing", impact.newly_passing, impact.new_passes),
        ("Could not be read", impact.unreadable, len(impact.unreadable)),
    )
    for title, rows_of, number in groups:
        if not number:
            continue
        stream.line("")
        stream.line(title)
        for path, reason in rows_of[:_FILES]:
            stream.line(f"  {path}")
            stream.line(f"    {reason}")
        if number > _FILES:
            stream.line(f"  and {count(number - _FILES)} more; --json names up to a thousand")


@command.command("restore")
@click.argument("checksum")
@run_options
@common
def restore_command(checksum: str, **shared: Any) -> int:
    """Put the schema that has this checksum back in its place, with what it refers to, byte for byte.

    What stands there is kept with the run; a rollback of the run puts it back.

    \b
    Examples:
      opsconsole schema restore 3f9a2c --dry-run
      opsconsole schema restore 3f9a2c --yes
    """

    def make_params(ctx: Context) -> ActionParams:
        from console.engine.actions.schema.model import SchemaRestoreParams
        from console.engine.observe.rules_seen import find_rule

        return SchemaRestoreParams(find_rule(ctx, checksum)[0].checksum)

    return run_change("schema restore", how_to_run(shared), make_params)
