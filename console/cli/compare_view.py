"""How two compared runs read on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.cli.output import note, out
from console.cli.result import state
from console.cli.session import spoken_command
from console.cli.times import short_time
from console.engine.observe.runs_compare import Change, FileChange, RunsCompared, Standing, compared_files
from console.engine.observe.runs_words import between_words, change_words, difference_rows, file_words
from console.engine.runs.wanted import operator
from console.engine.text import count, plural

if TYPE_CHECKING:
    from console.engine.context import Context

FEW = 10  # files of each kind, where not all are asked for
PAGE = 500


def show_comparison(ctx: Context, found: RunsCompared) -> None:
    """Everything but the files."""
    stream = out()
    for name, run in (("before", found.before), ("after", found.after)):
        told = f"  {short_time(ctx, run.started_at)} by {operator(run) or '?'}"
        stream.line(("dim", f"{name:<8}"), ("bold", f"{run.action} {run.short}"), "  ", state(run), told)
    if found.between:
        stream.line(("dim", f"{'between':<8}"), between_words(found))
    stream.line("")
    rows = list(difference_rows(found))
    if rows:
        stream.table(("what", "before", "after", "change"), rows, right=(3,), cut=(1, 2), aligned=True)
    else:
        stream.line("Nothing differs but the files below." if found.files else "Nothing differs.")


def show_files(ctx: Context, found: RunsCompared, kinds: Sequence[Change], *, as_json: bool, every: bool) -> None:
    """Files that stand otherwise, by kind; a few of each, or every one."""
    for kind in kinds:
        total = found.files[kind]
        if not as_json:
            out().line("")
            out().line(("bold", f"{change_words(kind)}: {plural(total, 'file')}"))
        start, last = 0, total if every else min(FEW, total)
        while start < last and not out().gone:
            page = compared_files(ctx, found, kind, start, min(PAGE, last - start))
            if not page:
                break
            start += len(page)
            if as_json:
                for each in page:
                    out().json(_document(each))
            else:
                rows = [(each.path, *file_words(each)) for each in page]
                out().table(("file", "before", "after", "why"), rows, cut=(0, 3), paths=(0,))
        if start < total and not as_json:
            command = spoken_command("runs", "compare", found.before.short, found.after.short, "--change", kind.value)
            note().line(f"… {count(total - start)} more: ", command)


def _document(each: FileChange) -> dict[str, object]:
    def plain(standing: Standing | None) -> dict[str, str] | None:
        if standing is None:
            return None
        return {"outcome": standing.outcome.value, "sha256": standing.sha256, "reason": standing.reason}

    return {
        "path": each.path,
        "change": each.change.value,
        "before": plain(each.before),
        "after": plain(each.after),
    }
