"""The rules that look at runs: none for a day, many failures, slower than usual."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from console.engine.checks.alerts.model import Measured, Reading, age, ago, for_people
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.model import Check, Counts, FileStatus, MigrateParams, Plan
from console.engine.observe.alerts import Cause
from console.engine.observe.files_list import timestamp
from console.engine.text import duration, plural

_HISTORY = 21  # runs that are compared
_EARLIER_LEAST = 5
_LOST_SECONDS = 5.0  # a run that lost less than this to slowness is not told
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Worked:
    """A run that judged files. judged: published, revalidated and failed. seconds: from first to last."""

    seq: int
    id: str
    started_at: str
    judged: int
    failed: int
    seconds: float

    @property
    def per_file(self) -> float:
        return self.seconds / self.judged

    @property
    def percent(self) -> float:
        return 100.0 * self.failed / self.judged


def collecting(ctx: Context, connection: sqlite3.Connection) -> str:
    """Why there is no history yet, in words; '' where there ought to be: since the adoption, or the first run."""
    row = connection.execute(
        "SELECT coalesce((SELECT max(ended_at) FROM runs WHERE action = 'adopt' AND status IN ('done', 'partial')),"
        " (SELECT min(started_at) FROM runs))"
    ).fetchone()
    days = ctx.settings.alerts.collecting_days
    if row[0] is None:
        return "collecting: no run yet"
    seconds = age(ctx, row[0])
    if seconds is None or seconds >= days * 86400:
        return ""
    return f"collecting: since {for_people(seconds)}, of {days:g} days"


def worked(connection: sqlite3.Connection, since: str = "") -> Iterator[Worked]:
    """Runs that judged files, newest first; since: started then or later."""
    rows = connection.execute(
        "SELECT seq, id, started_at, ended_at, counts, timings FROM runs WHERE action IN ('migrate', 'reprocess')"
        " AND status IN ('done', 'partial', 'cancelled', 'failed') AND started_at >= ? ORDER BY seq DESC",
        [since],
    )
    for row in rows:
        counts = Counts.from_json(json.loads(row["counts"]))
        judged = counts.processed + counts.revalidated + counts.failed
        if judged:
            seconds = sum(float(value) for value in json.loads(row["timings"]).values())
            yield Worked(row["seq"], row["id"], row["started_at"], judged, counts.failed, seconds)


def wrong_clock(rule: str) -> Reading:
    """That times make no sense: the same alert, whichever rule has seen it."""
    text = "the newest run lies in the future: this clock is wrong, or that one was"
    return Reading(rule, "clock", Check.UNKNOWN, text, "`date`", cause=Cause.CLOCK)


def _clock_is_wrong(ctx: Context, connection: sqlite3.Connection) -> bool:
    # the newest by its number: once a run was made by a clock that is right, older ones in the future are history
    newest = connection.execute("SELECT started_at FROM runs ORDER BY seq DESC LIMIT 1").fetchone()
    return newest is not None and age(ctx, newest[0]) is None


# ── no successful migration ───────────────────────────────────────────────────────────────────────────────────────


def no_migration(
    ctx: Context, connection: sqlite3.Connection, plan: Callable[[], Plan] | None = None
) -> Iterator[Reading]:
    """One reading for all sources: those with new or changed raw files for which no migrate has come to its end.

    A success is a migrate that came to its end and tried every file, be there nothing to do or some that failed (those
    have an alert of their own). The raw zone is looked at (`plan`, a scan) only where the last whole success is too
    old. A source that was never migrated counts from the arrival of its oldest waiting file. Worse: more sources than
    when acknowledged, or three times the hours.
    """
    name, hours = "no-migration", ctx.settings.alerts.migration_hours
    if _clock_is_wrong(ctx, connection):
        yield wrong_clock(name)
        return
    whole, single = _successes(connection)
    last = age(ctx, whole) if whole else None
    measured = (
        (Measured("since migrate", round(last), "s", hours * 3600, hours * 3 * 3600),) if last is not None else ()
    )
    if last is not None and last <= hours * 3600:
        text = f"the last whole migrate was {for_people(last)} ago"
        yield Reading(name, name, Check.PASS, text, cause=Cause.NO_MIGRATION, measured=measured)
        return
    young = "" if whole or single else collecting(ctx, connection)
    if young:
        yield Reading(name, name, Check.UNKNOWN, f"no migrate yet; {young}", collecting=True, cause=Cause.NO_MIGRATION)
        return
    try:
        found = (plan or (lambda: _plan(ctx)))()
    except (EngineError, OSError) as error:
        text = f"whether files wait for a migrate is not known: {error}"
        yield Reading(name, name, Check.UNKNOWN, text, "`opsconsole migrate --dry-run`", cause=Cause.NO_MIGRATION)
        return
    yield _overdue(ctx, found, whole, single, measured)


def _plan(ctx: Context) -> Plan:
    from console.engine.actions.migrate.plan import plan_migrate

    return plan_migrate(ctx, MigrateParams())


def _successes(connection: sqlite3.Connection) -> tuple[str, dict[str, str]]:
    """When the newest migrate of all sources came to its end ('': none did), and of single sources after that."""
    single: dict[str, str] = {}
    for row in connection.execute(
        "SELECT params, counts, ended_at FROM runs WHERE action = 'migrate' AND status IN ('done', 'partial')"
        " ORDER BY seq DESC"
    ):
        params = json.loads(row["params"])
        if params.get("pattern") or params.get("sample") or json.loads(row["counts"]).get("not_tried"):
            continue
        if not params.get("source"):
            return str(row["ended_at"]), single
        single.setdefault(str(params["source"]), str(row["ended_at"]))
    return "", single


def _overdue(ctx: Context, plan: Plan, whole: str, single: dict[str, str], measured: tuple[Measured, ...]) -> Reading:
    name, hours = "no-migration", ctx.settings.alerts.migration_hours
    if any(item.name in ("ledger", "mirror") and item.verdict == Check.FAIL for item in plan.gate) or plan.unreadable:
        why = next(
            (item.evidence for item in plan.gate if item.verdict == Check.FAIL), "the raw zone is not all readable"
        )
        return Reading(
            name,
            name,
            Check.UNKNOWN,
            f"whether files wait is not known: {why}",
            "`opsconsole doctor`",
            cause=Cause.NO_MIGRATION,
        )
    prefix = ctx.settings.zones.raw.rstrip("/") + "/"
    waiting: dict[str, list[str]] = {}
    for item in plan.items:
        if item.status in (FileStatus.NEW, FileStatus.CHANGED):
            waiting.setdefault(item.path.removeprefix(prefix).partition("/")[0], []).append(item.path)
    late: list[tuple[float, str, int]] = []
    for source, paths in waiting.items():
        last = max(whole, single.get(source, "")) or _arrived(ctx, paths)
        seconds = age(ctx, last)
        if seconds is not None and seconds > hours * 3600:
            late.append((seconds, source, len(paths)))
    if not late:
        text = "no source has waited too long for a migrate" if waiting else "no source has new files"
        return Reading(name, name, Check.PASS, text, cause=Cause.NO_MIGRATION)
    late.sort(key=lambda each: (-each[0], each[1]))
    longest = late[0][0]
    some = ", ".join(source for _, source, _ in late[:3]) + (f" and {len(late) - 3} more" if len(late) > 3 else "")
    files = sum(many for *_, many in late)
    wait = f"{plural(files, 'file')} {'waits' if files == 1 else 'wait'}: {some}"
    began = ctx.env.now().timestamp() - longest + hours * 3600
    return Reading(
        name,
        name,
        Check.FAIL if longest > 3 * hours * 3600 else Check.WARN,
        f"no successful migrate for {for_people(longest)}, and {wait}",
        "or `opsconsole migrate`; is its timer running?",
        len(late),
        since=timestamp(type(ctx.env.now()).fromtimestamp(began, ctx.env.now().tzinfo)),
        details=tuple(f"{source}: {plural(many, 'file')} waiting" for _, source, many in late[:_NAMED]),
        cause=Cause.NO_MIGRATION,
        measured=measured,
    )


def _arrived(ctx: Context, paths: list[str]) -> str:
    """When the oldest of these files came here, by its ctime: a copy may keep an old mtime. '' where nobody knows."""
    found = []
    for path in paths[:1000]:
        try:
            found.append(os.lstat(ctx.workspace.root / path).st_ctime)
        except OSError:
            continue
    now = ctx.env.now()
    return timestamp(type(now).fromtimestamp(min(found), now.tzinfo)) if found else ""


# ── failures ──────────────────────────────────────────────────────────────────────────────────────────────────────


def failure_rate(ctx: Context, connection: sqlite3.Connection) -> Iterator[Reading]:
    """Failed of all files judged in the last failure_days. Unknown where too few were judged to say so.

    It began with the first of the runs that exceed the limit in a row. Worse: 5 points more, or critical.
    """
    name, limits = "failure-rate", ctx.settings.alerts
    if _clock_is_wrong(ctx, connection):
        yield wrong_clock(name)
        return
    runs = list(worked(connection, ago(ctx, days=limits.failure_days)))
    judged, failed = sum(run.judged for run in runs), sum(run.failed for run in runs)
    span = f"{limits.failure_days:g} days"
    if not judged:
        young = collecting(ctx, connection)
        verdict = Check.UNKNOWN if young else Check.PASS
        text = f"nothing was judged in {span}" + (f"; {young}" if young else "")
        yield Reading(name, name, verdict, text, collecting=bool(young), cause=Cause.FAILURE_RATE)
        return
    percent = 100.0 * failed / judged
    text = f"{percent:.0f} % of files judged in {span} failed: {failed:,} of {judged:,}"
    measured = (Measured("failures", round(percent, 2), "%", limits.failure_percent, limits.failure_critical_percent),)
    if percent > limits.failure_percent and judged < limits.failure_least:
        text = f"{failed:,} of {judged:,} files failed in {span}, too few to judge by"
        yield Reading(name, name, Check.UNKNOWN, text, collecting=True, cause=Cause.FAILURE_RATE, measured=measured)
        return
    over = [run for run in runs if run.percent > limits.failure_percent]
    first = next((at for at, run in enumerate(runs) if run is over[0]), 0) if over else 0
    streak = first
    while over and streak + 1 < len(runs) and runs[streak + 1].percent > limits.failure_percent:
        streak += 1
    verdict = (
        Check.FAIL
        if percent > limits.failure_critical_percent
        else Check.WARN
        if percent > limits.failure_percent
        else Check.PASS
    )
    yield Reading(
        name,
        name,
        verdict,
        text,
        "or `opsconsole failures list`",
        percent,
        5.0,
        runs[streak].started_at,
        cause=Cause.FAILURE_RATE,
        run=runs[first].id,
        measured=measured,
    )


# ── slower than usual ─────────────────────────────────────────────────────────────────────────────────────────────


def time_per_file(ctx: Context, connection: sqlite3.Connection) -> Iterator[Reading]:
    """Seconds for a file in the newest run with enough files, against the median of the runs before it.

    Unknown until five runs can be compared. A run that lost less than five seconds is not told. It began with the
    first of the slow runs in a row. Worse: once more the usual time, or critical.
    """
    name, limits = "time-per-file", ctx.settings.alerts
    if _clock_is_wrong(ctx, connection):
        yield wrong_clock(name)
        return
    runs: list[Worked] = []
    for run in worked(connection):
        if run.judged >= limits.failure_least and run.seconds > 0:
            runs.append(run)
            if len(runs) == _HISTORY:
                break
    if len(runs) <= _EARLIER_LEAST:
        text = (
            f"{plural(len(runs), 'run')} with {limits.failure_least} files or more, {_EARLIER_LEAST + 1} are compared"
        )
        young = collecting(ctx, connection)
        text += f"; {young}" if young else ""
        yield Reading(name, name, Check.UNKNOWN, text, collecting=True, cause=Cause.SLOW)
        return
    times = sorted(run.per_file for run in runs[1:])
    usual = (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
    newest, factor = runs[0], runs[0].per_file / usual
    lost = newest.seconds - usual * newest.judged
    streak = 0
    while streak + 1 < len(runs) and runs[streak + 1].per_file > limits.slow_factor * usual:
        streak += 1
    verdict = Check.PASS
    if lost > _LOST_SECONDS and factor > limits.slow_factor:
        verdict = Check.FAIL if factor > limits.slow_critical_factor else Check.WARN
    times_usual = f", {factor:.1f} times the usual {_short(usual)}" if verdict != Check.PASS else ""
    yield Reading(
        name,
        name,
        verdict,
        f"a file took {_short(newest.per_file)} in run {newest.id.rsplit('-', 1)[-1]}{times_usual}",
        f"or `opsconsole runs show {newest.id.rsplit('-', 1)[-1]}`",
        factor,
        1.0,
        runs[streak].started_at,
        cause=Cause.SLOW,
        run=newest.id,
        measured=(
            Measured(
                "seconds a file",
                round(newest.per_file, 6),
                "s",
                round(limits.slow_factor * usual, 6),
                round(limits.slow_critical_factor * usual, 6),
            ),
        ),
    )


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else duration(seconds)
