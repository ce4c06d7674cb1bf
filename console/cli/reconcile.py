"""`opsconsole state reconcile`: raw, ledger, validated, backups and archive in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.complete import source_names
from console.cli.session import common, open_session

if TYPE_CHECKING:
    from console.engine.observe.reconcile import Source
    from console.engine.observe.reconcile_hand import ByHand

ONLY = ("missing", "damaged", "altered", "extra", "stale", "held", "waiting", "ignored")
WRONG = ("missing", "damaged", "altered", "extra")  # what makes exit status 1
_FILES = 5  # of a finding


@click.command("reconcile")
@click.option("--source", metavar="NAME", default="", shell_complete=source_names, help="One source only.")
@click.option("--only", type=click.Choice(ONLY), help="Name every file of this kind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a source, file and finding.")
@common
def command(source: str, only: str | None, as_json: bool) -> int:
    """Compare raw, ledger, validated, backups and archive, by source: what is missing, extra, altered, stale, held,
    ignored; what the last verify found damaged; and what was done by hand, with the command that puts it right.

    Looks at sizes and times, reads no data. Exit status 1 where something is missing, damaged, altered or extra.

    \b
    Examples:
      opsconsole state reconcile
      opsconsole state reconcile --source sff --only missing
    """
    from console.cli.migrate import source_name
    from console.cli.output import ProgressLine, note
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.observe.reconcile import NAMED, reconcile
    from console.engine.observe.reconcile_hand import by_hand
    from console.engine.text import plural

    ctx = open_session()
    line = ProgressLine(note(), wanted=True)
    try:
        sources = list(
            reconcile(
                ctx,
                source_name(ctx, source),
                named=1 << 62 if only else NAMED,
                progress=lambda files: line.show(f"Looking: {plural(files, 'file')}"),
            )
        )
    finally:
        line.clear()
    hand = by_hand(ctx, sources)
    if as_json:
        _json(sources, hand, only)
    else:
        _show(sources, hand, only)
    wrong = hand or any(found.kind(kind) for found in sources for kind in WRONG)
    return EXIT_FAILURES if wrong else EXIT_OK


def _json(sources: list[Source], hand: list[ByHand], only: str | None) -> None:
    from console.cli.output import out

    for found in sources:
        counts = {f"{kind} {zone}": number for (kind, zone), number in sorted(found.counts.items())}
        out().json({"event": "source", "source": found.name, "files": dict(found.files), "counts": counts})
        for line in found.lines:
            if only is None or line.kind == only:
                out().json({"event": "file", **line._asdict()})
    for item in hand:
        out().json(
            {
                "event": "by-hand",
                "kind": item.kind,
                "number": item.number,
                "files": list(item.files),
                "sentence": item.sentence,
                "next_step": item.next_step,
            }
        )


def _show(sources: list[Source], hand: list[ByHand], only: str | None) -> None:
    from console.cli.output import out
    from console.engine.text import count

    stream = out()
    zones = ("raw", "ledger", "validated", "backups", "archive")
    rows = []
    for found in sources:
        if not found.files and not found.counts:
            continue
        cells = [found.name or "(of no source)"]
        cells += [count(found.files[zone]) for zone in zones]
        cells += [count(found.kind(kind)) if found.kind(kind) else "-" for kind in ONLY]
        rows.append(cells)
    numbers = tuple(range(1, len(zones) + len(ONLY) + 1))
    stream.table(("source", *zones, *ONLY), rows, right=numbers, cut=(0,))
    for found in sources:
        for line in found.lines:
            if line.kind == only:
                stream.line(f"  {line.zone}: {line.path}" + (f"  ({line.detail})" if line.detail else ""))
    for item in hand:
        stream.line("")
        stream.line(("yellow", item.sentence))
        for name in item.files[:_FILES]:
            stream.line(f"    {name}")
        if item.number > _FILES:
            stream.line(f"    and {count(item.number - _FILES)} more; --json names more")
        stream.line(f"  next: {item.next_step}")
