"""How a run ended, for people and as the JSON summary."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.cli.output import Part, note, out
from console.cli.session import spoken_command
from console.engine.errors import EngineError
from console.engine.model import Outcome, OutcomeRow, RunRow, RunStatus
from console.engine.text import count, duration, plural

if TYPE_CHECKING:
    from console.engine.context import Context

WORDS = (  # keys of Counts in the order and with the words of a result
    ("processed", "published"),
    ("revalidated", "revalidated"),
    ("failed", "failed"),
    ("known_failed", "failing as before"),
    ("accepted", "failing, accepted"),
    ("not_tried", "not tried"),
    ("held", "held"),
    ("skipped", "unchanged"),
    ("restored", "restored"),
    ("removed", "removed"),
    ("returned", "returned from the archive"),
    ("archived", "archived"),
    ("moved", "moved to the archive"),
    ("cleared", "cleared"),
    ("entered", "entered"),
    ("pruned", "pruned"),
    ("permissions", "given other permissions"),
    ("trimmed", "segments trimmed"),
    ("log_archived", "segments archived"),
    ("left_alone", "left as they are"),
    ("whole", "whole"),
    ("damaged", "damaged"),
    ("lost", "missing"),
    ("adopted", "adopted"),
    ("foreign", "left as they are"),
    ("sidecars", "sidecars"),
    ("ignored", "ignored"),
)
STATUS_STYLE = {
    RunStatus.DONE: "green",
    RunStatus.PARTIAL: "yellow",
    RunStatus.RUNNING: "accent",
    RunStatus.CANCELLED: "yellow",
    RunStatus.REFUSED: "yellow",
}
BAD = (Outcome.FAILED, Outcome.DAMAGED, Outcome.CHANGED_WHILE_READ, Outcome.CHANGED_SINCE_PLAN)
FIRST_FILES = 5
FIRST_CAUSES = 8


class Summary:
    """The end of a mutating command: the JSON summary with --json, words without."""

    def __init__(self, action: str, as_json: bool) -> None:
        self.action = action
        self.as_json = as_json

    def file(self, run: str | None, outcome: OutcomeRow) -> None:
        """One event for a file that changed or failed."""
        if self.as_json:
            out().json(
                {
                    "event": "file",
                    "run": run,
                    "path": outcome.path,
                    "outcome": str(outcome.outcome),
                    "dest": outcome.dest,
                    "size": outcome.size,
                    "sha256": outcome.sha256,
                    "replaced_sha256": outcome.replaced_sha256,
                    "backup": outcome.backup,
                    "reason": outcome.reason,
                }
            )

    def last(self, run: str | None, status: str, counts: dict[str, int], exit_status: int, message: str = "") -> None:
        """The summary, the last line of --json."""
        if self.as_json:
            out().json(
                {
                    "event": "summary",
                    "run": run,
                    "action": self.action,
                    "status": status,
                    "counts": counts,
                    "exit_status": exit_status,
                    "message": message,
                }
            )

    def refused(self, error: EngineError) -> None:
        """Nothing ran: the error itself goes to standard error."""
        self.last(None, str(RunStatus.REFUSED), {}, error.exit_status, error.what)

    def running(self, run: str, exit_status: int) -> None:
        """The run goes on without this command."""
        self.last(run, str(RunStatus.RUNNING), {}, exit_status)

    def finished(self, ctx: Context, row: RunRow, exit_status: int) -> None:
        """The run has ended. Why it stopped before its end is a diagnostic: it goes to standard error."""
        stopped = row.status in (RunStatus.REFUSED, RunStatus.FAILED)
        if stopped:
            out().flush()
            note().line(("red", "error: "), row.message or f"the run ended as {row.status}")
        if self.as_json:
            # of a run that is over: one that still says running has died
            status = RunStatus.INTERRUPTED if row.status == RunStatus.RUNNING else row.status
            self.last(row.id, str(status), row.counts.to_json(), exit_status, row.message)
        else:
            show_result(ctx, row, told=stopped)


def counts_text(row: RunRow) -> str:
    """`40 published, 37 failed, 1,204 unchanged`; what is 0 is left out."""
    from console.engine.observe.runs_words import nothing_words

    counts, said = row.counts.to_json(), []
    for key, word in WORDS:
        number = counts.get(key)
        if number:
            one = word.removesuffix("s") if number == 1 and key == "sidecars" else word
            said.append(f"{count(number)} {one}")
    return ", ".join(said) or nothing_words(row)


def seconds(row: RunRow) -> float | None:
    """How long a run took; None while it runs."""
    if not row.ended_at:
        return None
    return (_time(row.ended_at) - _time(row.started_at)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def state(row: RunRow) -> tuple[str, str]:
    """Style and word of a run's status: a run that says running and whose process is gone has died."""
    from console.engine.runs.query import as_it_is

    row = as_it_is(row)
    if row.status == RunStatus.INTERRUPTED and not row.ended_at:
        return "red", "died"
    return STATUS_STYLE.get(row.status, "red"), str(row.status)


def headline(row: RunRow) -> list[Part]:
    """`migrate 7f3a: partial, 40 published, 37 failed, in 4.1 s`."""
    took = seconds(row)
    return [
        ("bold", f"{row.action} {row.short}"),
        ": ",
        state(row),
        _counted(row),
        "" if took is None else f", in {duration(took)}",
    ]


def _counted(row: RunRow) -> str:
    """What it did to files; nothing for a run that was not about files, or never came so far."""
    counts = row.counts.to_json()
    said = any(counts.get(key) for key, _ in WORDS)
    if row.status == RunStatus.RUNNING and not said:  # they are written at its end
        return f", {count(row.done_files)} of {plural(row.total_files, 'file')}"
    return f", {counts_text(row)}" if said or (row.action == "migrate" and row.status == RunStatus.DONE) else ""


def more_than_counts(row: RunRow) -> str:
    """A run's message without the sentence that says what the headline has said."""
    if row.status in (RunStatus.DONE, RunStatus.PARTIAL) and _counted(row):
        return row.message.partition("; ")[2]
    return row.message


def show_result(ctx: Context, row: RunRow, *, told: bool = False) -> None:
    """A short result: counts, causes, first failing files, where the report is, what to do next.

    told: the run's message has been said already.
    """
    stream = out()
    stream.line(*headline(row))
    if more_than_counts(row) and not told:
        stream.line(f"  {more_than_counts(row)}")
    for item in row.verification:
        if item.get("verdict") in ("warn", "fail"):
            stream.line("  ", ("yellow", str(item["verdict"])), f" {item.get('name')}: {item.get('evidence')}")
    failing = row.counts.failed + row.counts.known_failed
    if failing:
        show_causes(ctx, row)
        show_first_failures(ctx, row)
    report = ctx.workspace.run_folder(row.id) / "report.md"
    if report.exists():
        stream.line("")
        stream.line(f"Report  {report.relative_to(ctx.workspace.root)}")
    if failing:
        stream.line("Next    ", ("bold", spoken_command("failures", "list")), "      all causes, with counts")
        stream.line("        ", ("bold", spoken_command("explain", "FILE")), "       one file, record by record")


def show_causes(ctx: Context, row: RunRow) -> None:
    """What fails in the workspace, by cause.

    Of a run that others came after only what it was the last to judge: the ledger keeps today's causes of a file,
    and a cause that a later run found is none of this one's.
    """
    from console.cli.failures import causes
    from console.engine.runs.query import is_last

    last = is_last(ctx, row)
    rows = causes(ctx, FIRST_CAUSES + 1, 0 if last else row.seq)
    if not rows:
        return
    stream = out()
    stream.line("")
    stream.line("Failing, by cause" if last else "Failed in this run and not judged again since, by cause")
    stream.table(
        ("  files", "records", "cause"),
        [(f"  {count(files)}", count(records), cause) for cause, files, records in rows[:FIRST_CAUSES]],
        right=(0, 1),
        cut=(2,),
        aligned=True,
    )
    if len(rows) > FIRST_CAUSES:
        stream.line("  and more causes")


def show_first_failures(ctx: Context, row: RunRow) -> None:
    """The first few files that failed in this run, with the reason."""
    from console.engine.runs.query import run_outcomes

    failed: list[OutcomeRow] = []
    for outcome in BAD:
        if len(failed) < FIRST_FILES:
            failed += run_outcomes(ctx, row.seq, outcome=outcome, limit=FIRST_FILES - len(failed))
    if not failed:
        return
    stream = out()
    stream.line("")
    stream.line("Failed in this run" if len(failed) == row.counts.failed else "First files that failed in this run")
    for item in failed:
        stream.line(f"  {item.path}")
        stream.line(f"    {item.reason}")
    rest = row.counts.failed - len(failed)
    if rest > 0:
        stream.line(f"  and {plural(rest, 'more file', 'more files')}")
