"""One run: how it ended, and whether it was taken back; one rule of alerts."""

from __future__ import annotations

import sqlite3

from console.engine.actions.rollback.undo import undone_by
from console.engine.checks.alerts.look import look as ask_rules
from console.engine.checks.alerts.model import still_answered, weight
from console.engine.checks.probes.look import Finding, Look, lacking
from console.engine.model import Check, RunRow, RunStatus
from console.engine.runs.query import as_it_is, find_run_in
from console.engine.settings.model import ALERT_RULES
from console.engine.text import count, plural

_ENDED = {RunStatus.DONE: Check.PASS, RunStatus.PARTIAL: Check.WARN, RunStatus.RUNNING: Check.UNKNOWN}


def run_ended_well(look: Look, *, run: str) -> Finding:
    """Passes where it is done, warns where some of its files failed, fails where it ended in another way; unknown while
    it goes on and where there is no such run, or there are several."""
    found = _run(look, run)
    if isinstance(found, Finding):
        return found
    verdict = _ENDED.get(found.status, Check.FAIL)
    said = f"run {found.short} ({found.action}) " + {
        RunStatus.RUNNING: "goes on: it has not ended yet",
        RunStatus.INTERRUPTED: f"died in {found.phase or 'its start'}",
    }.get(found.status, f"ended {found.status.value}")
    if found.message:
        said += f": {found.message}"
    counts = [f"{count(number)} {name}" for name, number in found.counts.to_json().items() if number]
    details = tuple(line for line in (found.id, f"$ {found.command}", ", ".join(counts)) if line)
    steps = {
        RunStatus.RUNNING: f"`opsconsole runs attach {found.short}`",
        RunStatus.INTERRUPTED: "the next run settles it; `opsconsole doctor` shows what it left",
        RunStatus.DONE: "",
    }
    step = steps.get(found.status, f"`opsconsole runs show {found.short}` says what became of each file")
    return Finding(verdict, said, step, details)


def run_taken_back(look: Look, *, run: str) -> Finding:
    """Passes where a rollback took all of it back, warns where one left files alone, fails where none stands."""
    found = _run(look, run)
    if isinstance(found, Finding):
        return found
    connection = look.connection
    assert connection is not None
    by = undone_by(connection, found.seq)
    if by:
        return Finding(Check.PASS, f"run {found.short} was taken back whole by {_name(connection, by)}")
    standing = [
        row[0]
        for row in connection.execute("SELECT by FROM undone WHERE run = ? ORDER BY by DESC", [found.seq]).fetchall()
        if not undone_by(connection, row[0])
    ]
    step = f"`opsconsole rollback {found.short}`"
    if not standing:
        return Finding(Check.FAIL, f"run {found.short} was not taken back", step)
    left = connection.execute(
        "SELECT count(*) FROM outcomes WHERE run = ? AND outcome = 'left-alone'", [standing[0]]
    ).fetchone()[0]
    what = f"run {found.short} was taken back by {_name(connection, standing[0])}"
    return Finding(Check.WARN, f"{what}, which left {plural(left, 'file')} alone", f"{step} takes back the rest")


def _run(look: Look, run: str) -> RunRow | Finding:
    """The run that is meant. Raises UsageError for none and for several."""
    if not run:
        return lacking("run", "name a run, or its last digits")
    found = look.ledger()
    return found if isinstance(found, Finding) else as_it_is(find_run_in(found, run))


def _name(connection: sqlite3.Connection, seq: int) -> str:
    row = connection.execute("SELECT id FROM runs WHERE seq = ?", [seq]).fetchone()
    return f"run {str(row[0]).rpartition('-')[2]}" if row else "a run that the ledger does not have"


def rule_is_quiet(look: Look, *, rule: str) -> Finding:
    """What that rule of alerts says now: its verdict and its words, the worst where it says several things. That
    somebody has acknowledged it is said, and changes nothing."""
    if not rule:
        return lacking("rule", "one of " + ", ".join(ALERT_RULES))
    if rule in look.ctx.settings.alerts.off:
        return Finding(Check.UNKNOWN, f"the rule {rule} is switched off in [alerts]")
    looked = ask_rules(look.ctx, (rule,))
    readings = sorted(looked.readings, key=lambda reading: -weight(reading.verdict))
    if not readings:
        return Finding(Check.UNKNOWN, f"the rule {rule} says nothing")
    first = readings[0]
    unknown = next((each for each in readings if each.verdict == Check.UNKNOWN), None)
    if first.verdict == Check.WARN and unknown is not None:
        first = unknown  # half of it may be worse than what is seen of the rest
    said = first.text
    answer = looked.answers.get(first.key)
    if first.alerts and answer is not None and still_answered(first, answer):
        said += f" ({answer.sentence()})"
    details = tuple(each.text for each in readings if each is not first) + first.details
    return Finding(first.verdict, said, first.next_step if first.verdict != Check.PASS else "", details)
