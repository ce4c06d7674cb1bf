"""What differs between two runs: how they were asked, what they counted, how long they took, and which files stand
otherwise after the second than after the first.

A run records what it did to a file only where it did something. So a file is compared by how it *stands* after each
run: by the last judgement at or before that run, leaving out runs that had been taken back by then. A file that a
run found unchanged, or remembered as failing, therefore counts as what it was. Verify is the exception: it records
what is not whole and nothing else, so two of them are compared by their own findings.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.model import Outcome, RunRow
from console.engine.runs.query import find_run_in
from console.engine.runs.wanted import operator

FAILING = frozenset({Outcome.FAILED, Outcome.DAMAGED, Outcome.CHANGED_WHILE_READ, Outcome.LOST})
PASSING = frozenset({Outcome.PUBLISHED, Outcome.REPLACED, Outcome.REVALIDATED, Outcome.RESTORED})
GONE = frozenset({Outcome.REMOVED})
_OWN = ("verify", "repair")  # they judge by bytes on the disk, not by rules: no verdict on a source
_LOOK = 2000  # files between two looks at whether somebody still waits


class Change(StrEnum):
    """How a file stands otherwise than before."""

    NEWLY_FAILING = "newly-failing"
    NEWLY_PASSING = "newly-passing"
    OTHER_CHECKSUM = "other-checksum"  # published both times, other bytes
    FAILS_OTHERWISE = "fails-otherwise"  # failing both times, for another reason or with other bytes
    NEW = "new"  # passing, and before that nothing was known of it or its copy was taken away
    GONE = "gone"  # its published copy was taken away, or its verdict taken back


@dataclass(frozen=True, slots=True)
class Standing:
    """What the last judgement left: outcome, checksum of the source ('' not known), reason."""

    outcome: Outcome
    sha256: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """name: of what; before, after: in words, '' where there is nothing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file. before None: nothing was known of it. after None: nothing is known any more."""

    path: str
    change: Change
    before: Standing | None
    after: Standing | None


@dataclass(slots=True)
class RunsCompared:
    """before, after: in the order they ran. params, made: what was asked, and by whom and where. counts: those that
    differ. seconds: of each, None while it runs. phases: every one of both, seconds, None where a run had none of it.
    rules: names whose newest rule differs, as the first 12 digits of their checksums ('' none yet). between: actions
    that ran between the two, how often each. files: how many stand otherwise, every kind there is.
    """

    before: RunRow
    after: RunRow
    params: list[Difference] = field(default_factory=list)
    made: list[Difference] = field(default_factory=list)
    counts: list[tuple[str, int, int]] = field(default_factory=list)
    seconds: tuple[float | None, float | None] = (None, None)
    phases: list[tuple[str, float | None, float | None]] = field(default_factory=list)
    rules: list[Difference] = field(default_factory=list)
    between: list[tuple[str, int]] = field(default_factory=list)
    files: dict[Change, int] = field(default_factory=dict)
    _pairs: dict[Change, array[int]] = field(default_factory=dict, repr=False)  # ids of outcomes, two a file

    @property
    def same_settings(self) -> bool | None:
        """Whether both ran by the same configuration; None where one of them did not note it."""
        one, other = self.before.settings_digest, self.after.settings_digest
        return one == other if one and other else None

    def document(self) -> dict[str, Any]:
        """As --json gives it."""
        return {
            "before": self.before.id,
            "after": self.after.id,
            "params": _documents(self.params),
            "made": _documents(self.made),
            "counts": {name: {"before": one, "after": other} for name, one, other in self.counts},
            "seconds": {"before": self.seconds[0], "after": self.seconds[1]},
            "phases": {name: {"before": one, "after": other} for name, one, other in self.phases},
            "settings": {
                "before": self.before.settings_digest,
                "after": self.after.settings_digest,
                "same": self.same_settings,
            },
            "rules": _documents(self.rules),
            "between": dict(self.between),
            "files": {str(change): self.files.get(change, 0) for change in Change},
        }


def _documents(differences: Sequence[Difference]) -> dict[str, dict[str, str]]:
    return {each.name: {"before": each.before, "after": each.after} for each in differences}


def change_of(before: Standing | None, after: Standing | None) -> Change | None:
    """How a file stands otherwise; None where it does not."""
    was, now = _kind(before), _kind(after)
    if now == "failing" and was != "failing":
        return Change.NEWLY_FAILING
    if now == "passing" and was == "failing":
        return Change.NEWLY_PASSING
    if now == "passing" and was != "passing":
        return Change.NEW
    if now in ("gone", "") and was in ("passing", "failing"):
        return Change.GONE
    if before is None or after is None or was != now:
        return None
    other_bytes = bool(before.sha256 and after.sha256 and before.sha256 != after.sha256)
    if now == "passing":
        return Change.OTHER_CHECKSUM if other_bytes else None
    return Change.FAILS_OTHERWISE if now == "failing" and (other_bytes or before.reason != after.reason) else None


def _kind(standing: Standing | None) -> str:
    if standing is None:
        return ""
    return "failing" if standing.outcome in FAILING else "passing" if standing.outcome in PASSING else "gone"


def compare_runs(
    ctx: Context, first: str, second: str, *, cancelled: Callable[[], bool] | None = None
) -> RunsCompared | None:
    """The two runs, the older one as `before` whichever was named first; None when `cancelled` came true.

    Costs two looks into an index for each file that anything was done to between them. Raises UsageError where a
    name names no run, several, or both name the same; LedgerError.
    """
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            raise UsageError("there is no ledger here: nothing was run yet", untouched="everything")
        one, other = find_run_in(connection, first), find_run_in(connection, second)
        if one.seq == other.seq:
            raise UsageError(
                f"both name the run {one.id}", untouched="everything", next_step="name two: opsconsole runs list"
            )
        before, after = sorted((one, other), key=lambda run: run.seq)
        found = RunsCompared(before, after)
        _facts(connection, found)
        return found if _compare_files(connection, found, cancelled or (lambda: False)) else None


def compared_files(ctx: Context, found: RunsCompared, change: Change, start: int, limit: int) -> list[FileChange]:
    """A page of the files that stand otherwise, in the order they were recorded. Raises LedgerError."""
    pairs = found._pairs.get(change, array("q"))[2 * start : 2 * (start + limit)]
    with reading(ctx.workspace.ledger) as connection:
        if connection is None or not pairs:
            return []
        marks = ", ".join("?" * len(pairs))
        rows = {
            row["id"]: row
            for row in connection.execute(
                f"SELECT id, path, outcome, sha256, reason FROM outcomes WHERE id IN ({marks})", list(pairs)
            )
        }
    changes = []
    for at in range(0, len(pairs), 2):
        was, now = rows.get(pairs[at]), rows.get(pairs[at + 1])
        row = now or was
        if row is not None:
            changes.append(FileChange(row["path"], change, _standing(was), _standing(now)))
    return changes


def _standing(row: sqlite3.Row | None) -> Standing | None:
    return None if row is None else Standing(Outcome(row["outcome"]), row["sha256"], row["reason"])


# ── facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _facts(connection: sqlite3.Connection, found: RunsCompared) -> None:
    before, after = found.before, found.after
    names = dict.fromkeys((*before.params, *after.params))
    params = [Difference(name, _word(before.params.get(name)), _word(after.params.get(name))) for name in names]
    made = [
        Difference("action", before.action, after.action),
        Difference("by", operator(before), operator(after)),
        Difference("host", before.host, after.host),
        # a run that published nothing flushed nothing
        Difference("durability", before.durability or after.durability, after.durability or before.durability),
        Difference("overrides", ", ".join(before.overrides), ", ".join(after.overrides)),
    ]
    found.params = [each for each in params if each.before != each.after]
    found.made = [each for each in made if each.before != each.after]
    one, other = before.counts.to_json(), after.counts.to_json()
    found.counts = [(name, one[name], other[name]) for name in one if one[name] != other[name]]
    found.seconds = (_seconds(before), _seconds(after))
    phases = dict.fromkeys((*before.timings, *after.timings))
    found.phases = [(name, before.timings.get(name), after.timings.get(name)) for name in phases]
    found.rules = _rules(connection, before.seq, after.seq)
    found.between = [
        (action, number)
        for action, number in connection.execute(
            "SELECT action, count(*) FROM runs WHERE seq > ? AND seq < ? AND status <> 'refused'"
            " GROUP BY action ORDER BY count(*) DESC, action",
            [before.seq, after.seq],
        )
    ]


def _word(value: object) -> str:
    """A parameter as it reads: '' for what was not given."""
    if value is None or value is False or value == "" or value == 0:
        return ""
    return "yes" if value is True else str(value)


def _seconds(run: RunRow) -> float | None:
    if not run.ended_at:
        return None
    return max(0.0, (datetime.fromisoformat(run.ended_at) - datetime.fromisoformat(run.started_at)).total_seconds())


def _rules(connection: sqlite3.Connection, before: int, after: int) -> list[Difference]:
    """Rules by name, the newest that had judged by the end of each run. One that was put back is not told apart: the
    ledger keeps when a rule came first, and `schema restore` among what ran between says the rest."""
    newest: list[dict[str, str]] = [{}, {}]
    for name, checksum, first in connection.execute(
        "SELECT name, fingerprint, first_run FROM rules ORDER BY first_run, id"
    ):
        for at, seq in enumerate((before, after)):
            if first <= seq:
                newest[at][name] = checksum[:12]
    names = sorted(newest[0].keys() | newest[1].keys())
    found = [Difference(name, newest[0].get(name, ""), newest[1].get(name, "")) for name in names]
    return [each for each in found if each.before != each.after]


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_KINDS = ", ".join(f"'{outcome}'" for outcome in sorted(FAILING | PASSING | GONE))
# What was put back without a checksum is a former verdict: leaving out the run that was taken back says which.
_JUDGES = f"{{0}}.outcome IN ({_KINDS}) AND ({{0}}.outcome <> 'restored' OR {{0}}.sha256 <> '')"


def _compare_files(connection: sqlite3.Connection, found: RunsCompared, cancelled: Callable[[], bool]) -> bool:
    """False when it was cancelled."""
    own = own_findings(found.before, found.after)
    for number, (was, now) in enumerate(_candidates(connection, found.before, found.after)):
        if number % _LOOK == 0 and cancelled():
            return False
        change = change_of(was and was[1], now and now[1])
        if now is None and own:
            change = Change.NEWLY_PASSING  # they record what is not whole, and nothing else
        if change is not None:
            found.files[change] = found.files.get(change, 0) + 1
            found._pairs.setdefault(change, array("q")).extend((was[0] if was else 0, now[0] if now else 0))
    return True


_Seen = tuple[int, Standing] | None


def own_findings(before: RunRow, after: RunRow) -> bool:
    """Whether the two are compared by what each of them found, and not by how files stand after them."""
    return before.action in _OWN and after.action == before.action


def _candidates(connection: sqlite3.Connection, before: RunRow, after: RunRow) -> Iterator[tuple[_Seen, _Seen]]:
    """Each file that may stand otherwise, once: how it stood, how it stands. Every other file stands as it did."""
    old, new = _taken_back(connection, before.seq), _taken_back(connection, after.seq)
    if own_findings(before, after):
        among = f"o.run IN ({before.seq}, {after.seq})"
        one, other, later = (f"= {run.seq}" for run in (before, after, after))
    else:
        judges = "{0} NOT IN (SELECT seq FROM runs WHERE action IN ('verify', 'repair'))"
        among = f"(o.run > {before.seq} AND o.run <= {after.seq} OR o.run IN ({_numbers(new - old)}))"
        among += f" AND {judges.format('o.run')}"
        one, other = (
            f"<= {run.seq} AND x.run NOT IN ({_numbers(gone)}) AND {judges.format('x.run')}"
            for run, gone in ((before, old), (after, new))
        )
        later = f"<= {after.seq} AND l.run NOT IN ({_numbers(old)}) AND {judges.format('l.run')}"
    last = f"(SELECT x.id FROM outcomes x WHERE x.path = o.path AND x.run {{}} AND {_JUDGES.format('x')}"
    last += " ORDER BY x.id DESC LIMIT 1)"
    itself = f"o.run {other.replace('x.run', 'o.run')} AND {_JUDGES.format('o')}"  # no later one is there: see below
    sql = f"""
    SELECT w.id, w.outcome, w.sha256, w.reason, n.id, n.outcome, n.sha256, n.reason
    FROM outcomes o
    LEFT JOIN outcomes w ON w.id = {last.format(one)}
    LEFT JOIN outcomes n ON n.id = CASE WHEN {itself} THEN o.id ELSE {last.format(other)} END
    WHERE {among} AND o.outcome IN ({_KINDS}) AND NOT EXISTS (
      SELECT 1 FROM outcomes l WHERE l.path = o.path AND l.id > o.id AND l.run {later} AND l.outcome IN ({_KINDS}))
    """
    for row in connection.execute(sql):
        yield _seen(row, 0), _seen(row, 4)


def _seen(row: sqlite3.Row, at: int) -> _Seen:
    return None if row[at] is None else (row[at], Standing(Outcome(row[at + 1]), row[at + 2], row[at + 3]))


def _numbers(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "-1"


def _taken_back(connection: sqlite3.Connection, seq: int) -> set[int]:
    """Runs that had been taken back, wholly, when run `seq` ended; a rollback among them that was taken back itself
    no longer counts."""
    by: dict[int, list[int]] = {}
    for run, taker in connection.execute("SELECT run, by FROM undone WHERE whole AND by <= ? ORDER BY by", [seq]):
        by.setdefault(run, []).append(taker)
    gone: set[int] = set()
    for run in sorted(by, reverse=True):  # whoever takes back comes later: known by now
        if any(taker not in gone for taker in by[run]):
            gone.add(run)
    return gone
