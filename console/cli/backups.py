"""`opsconsole backups`: what each run's backup would put back; compare them with their checksums; prune by a policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from console.cli.action_options import how_to_run, run_options
from console.cli.lazy import LazyGroup
from console.cli.session import common, open_session

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import RunRow
    from console.engine.observe.backups import Backup


@click.group("backups", cls=LazyGroup)
def command() -> None:
    """What runs replaced and keep below data/_backups.

    \b
    Examples:
      opsconsole backups list
      opsconsole backups verify
      opsconsole backups prune --keep-last 10 --keep-within 30d
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a backup.")
@common
def list_command(as_json: bool) -> int:
    """Every backup, newest first: its run, its files, what removing it frees, what rolling the run back would do.

    What no run of ours made is listed behind them and never touched.

    \b
    Example:
      opsconsole backups list --json
    """
    from console.cli.output import note, out
    from console.engine.observe.backups import all_backups

    ctx = open_session()
    found = all_backups(ctx)
    stream = out()
    if as_json:
        for backup in found.ours:
            stream.json(_document(backup))
        for other in found.foreign:
            stream.json({"foreign": True, "path": other.path, "files": other.files, "bytes": other.bytes})
        return 0
    _table(ctx, found.ours)
    if found.foreign:
        from console.engine.text import count, size

        stream.line("")
        stream.line("Not made by a run of ours: listed, never pruned")
        rows = [(other.path, count(other.files), size(other.bytes)) for other in found.foreign]
        stream.table(("place", "files", "size"), rows, right=(1, 2), cut=(0,), paths=(0,))
    if not found.ours and not found.foreign:
        note().line("There is no backup.")
    return 0


def _document(backup: Backup) -> dict[str, Any]:
    run = backup.run
    return {
        "run": run.id,
        "action": run.action,
        "at": run.started_at,
        "by": run.who.get("login") or run.who.get("user") or "",
        "path": backup.folder,
        "files": backup.files,
        "bytes": backup.bytes,
        "frees": backup.frees,
        "missing": backup.missing,
        "foreign": backup.foreign,
        "restores": backup.restores,
        "removes": backup.removes,
        "moves": backup.moves,
        "changed_since": backup.later,
        "superseded": backup.superseded,
        "undone_by": backup.undone,
        "pruned_by": backup.pruned,
    }


def _table(ctx: Context, backups: list[Backup]) -> None:
    from console.cli.output import out
    from console.cli.times import short_time
    from console.engine.text import count, size

    rows = [
        (
            short_time(ctx, backup.run.started_at),
            backup.run.short,
            backup.run.action,
            count(backup.files),
            size(backup.bytes),
            size(backup.frees),
            _undo_words(backup),
        )
        for backup in backups
    ]
    if rows:
        heads = ("when", "run", "action", "files", "size", "frees", "rolling it back")
        out().table(heads, rows, right=(3, 4, 5), cut=(6,))


def _undo_words(backup: Backup) -> str:
    """What rolling the run back would do, and what stands in its way."""
    if backup.undone:
        return f"done already, by {backup.undone.rsplit('-', 1)[-1]}"
    parts = [
        f"{word} {number:,}"
        for word, number in (("restores", backup.restores), ("removes", backup.removes), ("moves", backup.moves))
        if number
    ]
    if backup.later:
        parts.append(f"{'all' if backup.superseded else f'{backup.later:,}'} changed by later runs")
    if backup.pruned:
        parts.append(f"pruned in part, by {backup.pruned.rsplit('-', 1)[-1]}")
    elif backup.missing:
        parts.append(f"{backup.missing:,} missing")
    if backup.foreign:
        parts.append(f"{backup.foreign:,} not ours")
    return ", ".join(parts) or "nothing"


@command.command("verify")
@click.argument("run", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a damaged backup, last the summary.")
@common
def verify_command(run: str, as_json: bool) -> int:
    """Read backups (of RUN, or all) and compare them with the checksums recorded when they were made.

    Writes nothing. Exit status 1 where one is damaged or missing.

    \b
    Examples:
      opsconsole backups verify
      opsconsole backups verify 4f2a
    """
    from console.cli.output import ProgressLine, note, out
    from console.engine.observe.backups import all_backups, verify_backups
    from console.engine.runs.query import find_run
    from console.engine.text import count, plural, size

    ctx = open_session()
    runs: list[RunRow] = [find_run(ctx, run)] if run else [backup.run for backup in all_backups(ctx).ours]
    stream, line = out(), ProgressLine(note(), wanted=True)
    seen = [0, 0]

    def progress(files: int, total: int) -> None:
        seen[:] = [files, total]
        line.show(f"Reading: {count(files)}, {size(total)}")

    wrong = 0
    try:
        for damaged in verify_backups(ctx, runs, progress=progress):
            wrong += 1
            line.clear()
            if as_json:
                stream.json({"event": "damaged", "run": damaged.run, "path": damaged.path, "reason": damaged.reason,
                             "expected": damaged.expected, "found": damaged.found})  # fmt: skip
            else:
                stream.line(("red", damaged.path), f": {damaged.reason}")
    finally:
        line.clear()
    status = 1 if wrong else 0
    if as_json:
        stream.json({"event": "summary", "runs": len(runs), "files": seen[0], "bytes": seen[1], "damaged": wrong,
                     "exit_status": status})  # fmt: skip
    else:
        read = f"{plural(seen[0], 'file')} of {plural(len(runs), 'backup')} read, {size(seen[1])}"
        stream.line(f"{read}: " + (f"{count(wrong)} damaged or missing" if wrong else "all as recorded"))
    return status


@command.command("prune")
@click.option("--keep-last", metavar="N", type=click.IntRange(0), default=0, help="The last N backups.")
@click.option("--keep-daily", metavar="N", type=click.IntRange(0), default=0, help="The last of each of N days.")
@click.option("--keep-weekly", metavar="N", type=click.IntRange(0), default=0, help="The last of each of N weeks.")
@click.option("--keep-within", metavar="DURATION", default="", help="Made within it of the newest: 14d, 1y5m7d2h.")
@run_options
@common
def prune_command(keep_last: int, keep_daily: int, keep_weekly: int, keep_within: str, **shared: Any) -> int:
    """Remove backups that no rule keeps; shows what it would do unless --yes is given. There is no undo.

    The words are restic's: what one rule keeps stays; days and weeks are counted as those that have a backup.
    Kept whatever the policy: the newest backup, what rolling back a rollback would need, the only good copy of
    a damaged file, and what no run of ours made.

    \b
    Examples:
      opsconsole backups prune --keep-last 10 --keep-weekly 8      what would go, and why the others stay
      opsconsole backups prune --keep-within 30d --yes --confirm NAME     remove them
    """
    from console.cli.change import run_change
    from console.engine.actions.prune.model import PruneParams

    how = how_to_run(shared)
    if not how.yes:  # nothing is removed by a wrong key
        how = replace(how, dry_run=True)
    params = PruneParams(keep_last, keep_daily, keep_weekly, keep_within)
    params.policy()
    return run_change("backups prune", how, lambda ctx: params)
