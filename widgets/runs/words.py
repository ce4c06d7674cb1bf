"""How a run reads: its result in one line, its checks, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from console.engine.model import Check, Counts, Outcome, RunRow, RunStatus
from console.engine.observe.runs_words import nothing_words
from console.engine.runs.unsettled import is_unsettled
from console.engine.text import count, duration, plural
from widgets.look import CHECK_SIGNS, RUN_SIGNS, Cell, seconds_between, short_time
from widgets.table import Column

if TYPE_CHECKING:
    from console.engine.observe.runs_undo import UndoWords

RUN_COLUMNS = (
    Column("started", 11),
    Column("action", 9),
    Column("status", 13),
    Column("published", 9, "right", from_width=70),
    Column("failed", 7, "right", from_width=70),
    Column("took", 9, "right", from_width=70),
    Column("by", 8),
    Column("run", 5, from_width=84),
    Column("", 0, from_width=100),
)

OUTCOME_SIGNS: dict[Outcome, tuple[str, str]] = {
    Outcome.PUBLISHED: ("✓", "good"),
    Outcome.REPLACED: ("✓", "good"),
    Outcome.REVALIDATED: ("✓", "dim"),
    Outcome.FAILED: ("✗", "bad"),
    Outcome.DAMAGED: ("✗", "bad"),
    Outcome.CHANGED_WHILE_READ: ("!", "warn"),
    Outcome.CHANGED_SINCE_PLAN: ("!", "warn"),
    Outcome.NOT_TRIED: ("!", "warn"),
    Outcome.SIDECAR: ("●", "dim"),
    Outcome.MOVED: ("✓", "dim"),
    Outcome.NOT_ADOPTED: ("●", "dim"),
    Outcome.RESTORED: ("✓", "good"),
    Outcome.REMOVED: ("✓", "warn"),
    Outcome.ARCHIVED: ("✓", "good"),
    Outcome.RETURNED: ("✓", "good"),
    Outcome.CLEARED: ("✓", "dim"),
    Outcome.ENTERED: ("✓", "dim"),
    Outcome.PRUNED: ("✓", "warn"),
    Outcome.MODE: ("✓", "good"),
    Outcome.TRIMMED: ("✓", "warn"),
    Outcome.LOG_ARCHIVED: ("✓", "good"),
    Outcome.LEFT_ALONE: ("!", "warn"),
    Outcome.LOST: ("✗", "bad"),
}
OUTCOME_WORDS = {Outcome.NOT_ADOPTED: "left alone"}  # where the outcome's own name is too long for a column


def status_cell(row: RunRow) -> tuple[str, str]:
    """`! partial` with its tone; one that died is called so until it is settled, as on the command line."""
    sign, tone = RUN_SIGNS[row.status]
    return f"{sign} {'died' if is_unsettled(row) else row.status.value}", tone


def took(row: RunRow) -> str:
    """How long the run took, `–` while it runs."""
    seconds = seconds_between(row.started_at, row.ended_at)
    return "–" if seconds is None else duration(seconds)


def by(row: RunRow) -> str:
    """Who started it."""
    return str(row.who.get("login") or row.who.get("user") or "–")


def can_roll_back(row: RunRow) -> bool:
    """Whether it has ended and changed something that a rollback takes back; the plan says the rest."""
    counts = row.counts
    changed = counts.processed + counts.revalidated + counts.sidecars + counts.moved + counts.changed
    return row.status != RunStatus.RUNNING and row.action not in ("adopt", "leave", "upgrade") and changed > 0


def why_no_rollback(run: RunRow, undo: UndoWords | None, *, read_only: bool) -> str:
    """What to answer whoever asks for the rollback of a run that none is offered of."""
    if read_only:
        return "This console is read-only, it can change nothing."
    if run.status == RunStatus.RUNNING:
        return "It is in progress: it can be rolled back when it has ended."
    return "What can be undone is being looked at." if undo is None else undo.words


def failed(counts: Counts) -> int:
    """Files that failed, the remembered ones among them."""
    return counts.failed + counts.known_failed


def counts_cells(run: RunRow, *, full: bool = False) -> list[Cell]:
    """What the run did, the parts that are not zero: `40 published · 37 failed`."""
    counts = run.counts
    parts: list[tuple[int, str, str]] = [
        (counts.processed, "published", "good"),
        (counts.adopted, "adopted", "good"),
        (counts.restored, "restored", "good"),
        (counts.removed, "removed", "warn"),
        (counts.archived, "archived", "good"),
        (counts.returned, "returned", "good"),
        (counts.permissions, "permissions", "good"),
        (counts.trimmed, "trimmed", "warn"),
        (counts.log_archived, "archived", "good"),
        (counts.left_alone, "left alone", "warn"),
        (counts.whole, "whole", "good"),
        (counts.damaged, "damaged", "bad"),
        (counts.lost, "missing", "bad"),
        (counts.failed, "failed", "bad"),
        (counts.known_failed, "failed before", "warn"),
        (counts.not_tried, "not tried", "warn"),
        (counts.revalidated, "revalidated", ""),
    ]
    if full:
        parts += [
            (counts.foreign, "left as they are", "dim"),
            (counts.moved, "moved", ""),
            (counts.accepted, "accepted", "dim"),
            (counts.skipped, "unchanged", "dim"),
            (counts.sidecars, "sidecars", "dim"),
            (counts.ignored, "ignored", "dim"),
            (counts.held, "held", "dim"),
        ]
    cells: list[Cell] = []
    for number, word, tone in parts:
        if number:
            cells += ["  " if cells else "", (f"{count(number)} {word}", tone)]
    done = full and run.status == RunStatus.DONE  # of actions that are not about files, too
    return cells or [("no files" if done else nothing_words(run), "dim")]


def _published(counts: Counts) -> Cell:
    """Files that have a copy by this run, whichever way."""
    number = counts.processed + counts.restored + counts.adopted
    return count(number), "" if number else "dim"


def run_cells(row: RunRow, zone: tzinfo | None, now: datetime) -> tuple[Cell, ...]:
    """A run as the cells of RUN_COLUMNS."""
    bad = failed(row.counts)
    return (
        short_time(row.started_at, zone, now),
        row.action,
        status_cell(row),
        _published(row.counts),
        (count(bad), "bad" if bad else "dim"),
        took(row),
        by(row),
        (row.short, "dim"),
        (row.message, "dim"),
    )


def gate_cells(items: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Checks as stored with a run, worst first with their words: `✓ 7 ok  ! disk space`."""
    passed, cells = 0, list[Cell]()
    for item in items:
        verdict = Check(item.get("verdict", "unknown"))
        if verdict == Check.PASS:
            passed += 1
            continue
        sign, _, tone = CHECK_SIGNS[verdict]
        released = " (overridden)" if item.get("overridden") else ""
        cells += ["  " if cells else "", (f"{sign} {item.get('name', '?')}{released}", tone)]
    if passed:
        cells = [(f"✓ {passed} ok", "good"), *(["  "] if cells else []), *cells]
    return cells or [("none recorded", "dim")]


HELD = "What was taken back is held: no run publishes it until its source or rule changes, or somebody releases it. "
COUNTED = ("migrate", "reprocess")  # actions of which the counts say everything, and the message nothing more
# What one can do after an action that has said everything in its message.
AFTER = {
    "adopt": "Migrate publishes from now on what is new or changed; `opsconsole leave` gives everything back.",
    "rollback": "Rolling this run back does everything again.",
    "leave": "The other program can go on; `opsconsole adopt` takes the workspace over again.",
}

# What helps after an action that found something, or could not do all.
STEPS = {
    "verify": "`opsconsole verify --repair` puts back what has a good copy, and names what has none.",
    "rollback": "What was left alone stays as it is: the reason stands beside each file.",
    "repair": "What was left has no good copy or cannot be read: the reason stands beside each file.",
}


def next_steps(row: RunRow, action_hint: str = "Migrate", *, held: bool = False) -> list[str]:
    """What an operator can do now that this run has ended (or hangs). held: something that it took back is held."""
    bad = failed(row.counts)
    if row.status == RunStatus.RUNNING:
        return ["It goes on when the console closes. Come back to it here, or by `opsconsole runs attach`."]
    if row.status == RunStatus.DONE:
        return [(HELD if held else "") + AFTER.get(row.action, "Nothing is left to do.")]
    if row.status == RunStatus.PARTIAL and row.action in STEPS:
        return [(HELD if held else "") + STEPS[row.action]]
    if row.status == RunStatus.PARTIAL and not row.counts.failed:
        return [
            f"{plural(bad, 'file')} failed in an earlier run and did not change: not read again.",
            "`opsconsole failures list` says why; `opsconsole failures accept` answers for them.",
        ]
    if row.status == RunStatus.PARTIAL:
        one = bad == 1
        return [
            f"{plural(bad, 'file')} failed and stayed where {'it was' if one else 'they were'}; Enter on one says why.",
            f"Correct {'it' if one else 'them'} at {'its' if one else 'their'} source and migrate again, or answer for"
            f" {'it' if one else 'them'}: `opsconsole failures accept`.",
        ]
    if row.status == RunStatus.CANCELLED:
        return [f"What was done stays done and is consistent. {action_hint} again goes on with the rest."]
    if row.status == RunStatus.REFUSED:
        return ["Nothing was changed. The check that refused says what helps; then plan again."]
    if is_unsettled(row):
        return [
            "Its process died. What it has done is not known until it is settled: the next run does that by itself,"
            " and so does rolling it back."
        ]
    if row.status == RunStatus.INTERRUPTED:
        return [f"Its process died, and a later run settled what it left. {action_hint} again goes on with the rest."]
    return ["The run stopped before its end; the message says why. What it had recorded is consistent. Try again."]
