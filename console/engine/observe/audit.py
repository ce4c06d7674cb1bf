"""Who ran, published, undid, overrode and accepted what, and what is open: the page that an auditor is shown.

Every number is the ledger's. Reads only. audit_page puts it into words.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from console.engine.actions.verify.model import IS_BAD, ZONES
from console.engine.checks.alerts.model import for_people, moment
from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.model import RunRow, RunStatus
from console.engine.observe.files_list import ACCEPTED, timestamp
from console.engine.records.words import cause_in_words
from console.engine.runs.query import as_it_is, is_alive, run_row
from console.engine.text import count, size

_CHANGING = ("published", "replaced", "revalidated")  # what ends a failure


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. at: UTC ISO 8601; run: an id; number: how many files or runs, None where that says nothing."""

    what: str
    at: str = ""
    who: str = ""
    run: str = ""
    number: float | None = None
    note: str = ""


@dataclass(slots=True)
class Section:
    """name: one word, for programs; title: for people; empty: what an empty one says."""

    name: str
    title: str
    empty: str
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Audit:
    """workspace, root, host: of what; since, until, made_by: UTC ISO 8601, and who asked."""

    workspace: str
    root: str
    since: str
    until: str
    made_by: str
    sections: tuple[Section, ...]


def audit(ctx: Context, since: datetime) -> Audit:
    """The audit of what began at `since` (aware) or later. Raises LedgerError."""
    now = ctx.env.now()
    first = timestamp(since.astimezone(now.tzinfo))
    sections: list[Section] = []
    with reading(ctx.workspace.ledger) as connection:
        if connection is not None:
            runs = [
                run_row(row)
                for row in connection.execute("SELECT * FROM runs WHERE started_at >= ? ORDER BY seq", [first])
            ]
            for name, title, empty, gather in _SECTIONS:
                sections.append(Section(name, title, empty, list(gather(_Given(ctx, connection, runs, first, now)))))
    root = str(ctx.workspace.root)
    who = ctx.env.who
    return Audit(
        ctx.settings.name or ctx.workspace.root.name,
        root,
        first,
        timestamp(now),
        f"{who.login or who.user}@{who.host}",
        tuple(sections),
    )


@dataclass(frozen=True, slots=True)
class _Given:
    ctx: Context
    connection: sqlite3.Connection
    runs: list[RunRow]
    since: str
    now: datetime

    def age(self, at: str | None) -> str:
        """How old something is, in words; '' where nobody knows."""
        when = moment(at or "")
        return for_people(max(0.0, (self.now - when).total_seconds())) if when else ""


def who_ran(run: RunRow) -> str:
    """The person behind a run; by sudo, both."""
    login = str(run.who.get("login") or run.who.get("user") or "?")
    sudo = str(run.who.get("sudo_user") or "")
    return f"{login} (sudo of {sudo})" if sudo and sudo != login else login


def _summary(given: _Given) -> Iterator[Entry]:
    ended = [run for run in given.runs if run.status != RunStatus.RUNNING]
    judging = [run.counts for run in ended if run.action in ("migrate", "reprocess")]
    published = sum(counts.processed for counts in judging)
    failed = sum(counts.failed for counts in judging)
    judged = published + failed + sum(counts.revalidated for counts in judging)
    yield Entry("runs", number=len(ended))
    yield Entry("files published", number=published)
    rate = f"{100 * failed / judged:.1f} % of {count(judged)} judged" if judged else "nothing was judged"
    yield Entry("files that failed", number=failed, note=rate)
    times = sorted(repair_times(given.connection, given.since))
    middle = for_people(times[len(times) // 2]) if times else ""
    note = f"median {middle}, longest {for_people(times[-1])}" if times else ""
    yield Entry("failures repaired", number=len(times), note=note)
    yield Entry("runs undone", number=sum(1 for _ in _undone(given)))
    yield Entry("checks overridden", number=sum(1 for _ in _overridden(given)))
    yield Entry("open exceptions", number=sum(entry.number or 0 for entry in _open(given)))


def repair_times(connection: sqlite3.Connection, since: str) -> list[float]:
    """Seconds from the run in which a file failed first to the one that published or passed it, ended since then."""
    rows = connection.execute(
        "SELECT o.path, o.outcome, r.ended_at FROM outcomes o JOIN runs r ON r.seq = o.run WHERE r.ended_at IS NOT NULL"
        " AND o.outcome IN ('failed', 'published', 'replaced', 'revalidated') AND o.path IN"
        " (SELECT path FROM outcomes WHERE outcome = 'failed') ORDER BY o.path, o.id"
    )
    times: list[float] = []
    path, broken = "", ""
    for row in rows:
        if row["path"] != path:
            path, broken = row["path"], ""
        if row["outcome"] == "failed":
            broken = broken or row["ended_at"]
        elif row["outcome"] in _CHANGING and broken:
            begun, ended = moment(broken), moment(row["ended_at"])
            if row["ended_at"] >= since and begun and ended:
                times.append(max(0.0, (ended - begun).total_seconds()))
            broken = ""
    return times


def _people(given: _Given) -> Iterator[Entry]:
    by: defaultdict[tuple[str, str], list[RunRow]] = defaultdict(list)
    for run in given.runs:
        by[who_ran(run), run.action].append(run)
    for (who, action), runs in sorted(by.items()):
        total: Counter[str] = Counter()
        for run in runs:
            total.update({name: number for name, number in run.counts.to_json().items() if name in _TOLD and number})
        statuses = Counter(str(run.status) for run in runs)
        parts = [f"{count(number)} {name.replace('_', ' ')}" for name, number in total.items()]
        parts += [f"{many} {status}" for status, many in statuses.items() if status not in ("done", "partial")]
        yield Entry(action, max(run.started_at for run in runs), who, number=len(runs), note=", ".join(parts))


_TOLD = (
    "processed",
    "failed",
    "revalidated",
    "adopted",
    "restored",
    "removed",
    "archived",
    "returned",
    "pruned",
    "damaged",
    "lost",
    "cleared",
    "entered",
    "permissions",
    "trimmed",
    "log_archived",
)


def _stopped(given: _Given) -> Iterator[Entry]:
    for run in given.runs:
        status = as_it_is(run).status
        if status in (RunStatus.FAILED, RunStatus.REFUSED, RunStatus.INTERRUPTED, RunStatus.CANCELLED):
            yield Entry(f"{run.action} {status}", run.started_at, who_ran(run), run.id, note=run.message)


def _undone(given: _Given) -> Iterator[Entry]:
    names = {run.seq: run for run in given.runs}
    for row in given.connection.execute(
        "SELECT u.run, u.by, u.whole, r.id, r.action FROM undone u JOIN runs r ON r.seq = u.run ORDER BY u.by, u.run"
    ):
        by = names.get(row["by"])
        if by is not None:
            how = "all of it" if row["whole"] else "some files were left as they are"
            yield Entry(
                f"{row['action']} undone", by.started_at, who_ran(by), row["id"], note=f"{how}; by run {by.short}"
            )


def _overridden(given: _Given) -> Iterator[Entry]:
    for run in given.runs:
        for item, reason in run.overrides.items():
            yield Entry(f"{item} (for {run.action})", run.started_at, who_ran(run), run.id, note=reason)


def _accepted(given: _Given) -> Iterator[Entry]:
    for row in given.connection.execute(
        "SELECT accepted_by, accepted_at, accepted_reason, accepted_until, count(*) AS many FROM failures"
        " WHERE accepted_at >= ? GROUP BY 1, 2, 3, 4 ORDER BY accepted_at",
        [given.since],
    ):
        until = f" (until {row['accepted_until']})" if row["accepted_until"] else ""
        yield Entry(
            "failures accepted",
            row["accepted_at"],
            row["accepted_by"],
            number=row["many"],
            note=f"{row['accepted_reason']}{until}",
        )
    for row in given.connection.execute(
        "SELECT at, by, reason, count(*) AS many FROM released WHERE at >= ? GROUP BY at, by, reason ORDER BY at",
        [given.since],
    ):
        yield Entry("held files released", row["at"], row["by"], number=row["many"], note=row["reason"])


def _answered(given: _Given) -> Iterator[Entry]:
    for row in given.connection.execute("SELECT * FROM acknowledged WHERE at >= ? ORDER BY id", [given.since]):
        yield Entry(row["text"], row["at"], row["by"], note=row["note"])


def _maintained(given: _Given) -> Iterator[Entry]:
    for row in given.connection.execute("SELECT * FROM maintenance WHERE at >= ? ORDER BY id", [given.since]):
        yield Entry(f"maintenance {row['what']}", row["at"], row["by"], note=row["reason"])


def _verified(given: _Given) -> Iterator[Entry]:
    rows = {
        row["zone"]: row
        for row in given.connection.execute(
            f"SELECT zone, count(*) AS files, total({IS_BAD}) AS bad, max(at) AS at FROM verified GROUP BY zone"
        )
    }
    for zone in ZONES:
        row = rows.get(zone)
        if row is not None:
            note = f"{int(row['bad']):,} not whole; last {given.age(row['at'])} ago"
            yield Entry(f"{zone} verified", row["at"], number=row["files"], note=note)
    freed = given.connection.execute(
        "SELECT count(*), total(p.bytes), total(p.files) FROM pruned p JOIN runs r ON"
        " r.seq = p.by WHERE r.started_at >= ?",
        [given.since],
    ).fetchone()
    if freed[0]:
        yield Entry("backups pruned", number=freed[0], note=f"{int(freed[2]):,} files, {size(freed[1])}")


def _open(given: _Given) -> Iterator[Entry]:
    """What is not as it should be now, whenever it began, with its age."""
    bound = {"now": timestamp(given.now)}
    yield from _rows(
        given,
        "SELECT coalesce((SELECT cause FROM failure_causes c WHERE c.failure = x.id ORDER BY c.records DESC, cause"
        " LIMIT 1), x.kind) AS what, count(*) AS many, min(coalesce(r.started_at, x.failed_at)) AS at, '' AS note"
        f" FROM failures x LEFT JOIN runs r ON r.seq = x.first_run WHERE NOT ({ACCEPTED}) GROUP BY 1 ORDER BY 2 DESC",
        bound,
        lambda what: f"failing, nobody answered: {cause_in_words(what)}",
    )
    yield from _rows(
        given,
        "SELECT accepted_by AS what, count(*) AS many, min(accepted_at) AS at, min(accepted_reason) AS note"
        f" FROM failures x WHERE {ACCEPTED} GROUP BY 1, accepted_reason ORDER BY 3",
        bound,
        lambda who: f"failing, accepted by {who}",
    )
    yield from _rows(
        given,
        "SELECT state AS what, count(*) AS many, min(since) AS at, '' AS note FROM verified"
        f" WHERE {IS_BAD} GROUP BY state",
        {},
        lambda state: f"found {state} by verify",
    )
    yield from _rows(
        given,
        "SELECT by AS what, count(*) AS many, min(at) AS at, min(reason) AS note FROM holds GROUP BY by, reason",
        {},
        lambda who: f"held back by a rollback of {who}",
    )
    yield from _rows(
        given,
        "SELECT 'x' AS what, count(*) AS many, '' AS at, '' AS note FROM foreign_entries HAVING count(*) > 0",
        {},
        lambda _: "entries of the state file that nobody could adopt",
    )
    for row in given.connection.execute("SELECT * FROM runs WHERE status = 'running'"):
        run = run_row(row)
        if not is_alive(run):
            yield Entry(
                f"{run.action} died", run.started_at, who_ran(run), run.id, 1, f"{given.age(run.started_at)} old"
            )


def _rows(given: _Given, sql: str, bound: dict[str, str], words: Callable[[str], str]) -> Iterator[Entry]:
    for row in given.connection.execute(sql, bound):
        old = given.age(row["at"])
        note = "; ".join(part for part in (f"{old} old" if old else "", row["note"] or "") if part)
        yield Entry(words(str(row["what"])), row["at"] or "", number=row["many"], note=note)


_SECTIONS: tuple[tuple[str, str, str, Callable[[_Given], Iterator[Entry]]], ...] = (
    ("summary", "Summary", "", _summary),
    ("people", "Who ran what", "Nobody ran anything.", _people),
    ("stopped", "Runs that came to nothing", "Every run came to its end.", _stopped),
    ("undone", "Undone", "Nothing was undone.", _undone),
    ("overridden", "Checks overridden", "No check was overridden.", _overridden),
    ("accepted", "Accepted and released", "Nothing was accepted.", _accepted),
    ("acknowledged", "Alerts acknowledged", "No alert was acknowledged.", _answered),
    ("maintenance", "Maintenance", "Processing was never stopped.", _maintained),
    ("verified", "Verified", "Nothing was verified yet.", _verified),
    ("open", "Open exceptions", "Nothing is open.", _open),
)
