"""What a migrate would do, computed without changing anything. Two depths: scan (stat and ledger) and full."""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from console.engine.actions.command import command_line
from console.engine.actions.migrate.again import again_of
from console.engine.actions.migrate.judging import judge_all
from console.engine.actions.migrate.scan import Scanner, Selection, list_sources
from console.engine.actions.migrate.survey import Survey
from console.engine.checks.adoption import adoption_item
from console.engine.checks.gate import apply_settings
from console.engine.checks.maintenance import maintenance_item
from console.engine.checks.preflight import preflight_items
from console.engine.checks.runs import lock_item
from console.engine.context import Context, for_action
from console.engine.errors import LedgerError, MirrorError, UsageError
from console.engine.ledger.mirror import read_mirror
from console.engine.ledger.store import reading
from console.engine.model import (
    Check,
    FileStatus,
    GateItem,
    Identity,
    MigrateParams,
    Plan,
    PlanItem,
    ReprocessParams,
    RunRow,
)
from console.engine.records.rules import RuleSet, load_rules
from console.engine.runs.active import timestamp
from console.engine.runs.query import current_run, unrecovered
from console.engine.text import recordable

Progress = Callable[[int, int], None]


def action_of(params: MigrateParams) -> str:
    """The action that has these parameters."""
    return "reprocess" if isinstance(params, ReprocessParams) else "migrate"


def is_whole(params: MigrateParams) -> bool:
    """Whether every waiting file is meant: what is not there is really gone, and shares can be compared."""
    return not (params.source or params.pattern or params.sample or isinstance(params, ReprocessParams))


def chosen_sources(ctx: Context, params: MigrateParams, connection: sqlite3.Connection | None) -> list[str]:
    """The sources that the plan looks at. Raises UsageError for one that neither is there nor ever was.

    A source that the last run saw and that is gone is looked at too: the brakes want to know.
    """
    present = list_sources(str(ctx.workspace.path(ctx.settings.zones.raw)))
    seen: list[str] = []
    if connection is not None:
        seen = [row[0] for row in connection.execute("SELECT source FROM sources_seen WHERE files > 0")]
    known = sorted({*present, *seen})
    if not params.source:
        return known
    if params.source not in known:
        raise _no_source(params.source, present)
    return [params.source]


def check_source(ctx: Context, source: str) -> None:
    """Raises UsageError for a source that neither is there nor has a file in the ledger; '' is all of them."""
    present = list_sources(str(ctx.workspace.path(ctx.settings.zones.raw)))
    if not source or source in present:
        return
    with reading(ctx.workspace.ledger) as connection:
        known = "SELECT 1 FROM files WHERE source = ? LIMIT 1"
        if connection is None or connection.execute(known, [recordable(source)]).fetchone() is None:
            raise _no_source(source, present)


def _no_source(name: str, present: list[str]) -> UsageError:
    names = ", ".join(each for each in present if each != ".")
    return UsageError(f"there is no source {name!r}", untouched="everything", next_step=f"sources: {names or 'none'}")


def binding(
    ctx: Context,
    params: MigrateParams,
    rules: RuleSet,
    connection: sqlite3.Connection | None,
    *,
    before: int = 1 << 62,
) -> dict[str, str]:
    """What a confirmed plan stands on as a whole: if one of these changed, the run refuses.

    before: only runs with a smaller seq count, so that a run does not see itself.
    """
    last = "0"
    if connection is not None:
        sql = "SELECT coalesce(max(seq), 0) FROM runs WHERE status != 'refused' AND seq < ?"
        last = str(connection.execute(sql, [before]).fetchone()[0])
    try:
        facts = ctx.workspace.path(ctx.settings.state_file).stat()
        mirror = f"{facts.st_size}:{facts.st_mtime_ns}:{facts.st_ino}"
    except OSError:
        mirror = ""
    return {
        "selection": command_line(action_of(params), params),
        "configuration": ctx.settings.digest,
        "rules": hashlib.sha256("".join(rule.fingerprint for rule in rules.rules).encode()).hexdigest(),
        "mirror": mirror,
        "last run": last,
    }


def plan_migrate(
    ctx: Context,
    params: MigrateParams,
    *,
    depth: str = "scan",
    overrides: dict[str, str] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    glance: bool = False,
) -> Plan:
    """The plan. progress(done, all) counts sources, then (full) files; cancelled() ends it early with what it has.

    glance: nobody is about to run it: what is not cheap of the pre-flight list is not asked, programs least of all.

    Raises ConfigurationError (a rule), UsageError (no such source). Ledger and mirror that do not load are gate
    items: the plan can be looked at all the same. Without the ledger its counts say nothing (`unread`).
    """
    action = action_of(params)
    ctx = for_action(ctx, action)
    rules = load_rules(ctx.workspace.root, ctx.settings)
    for problem in rules.problems:
        raise problem
    stop = cancelled or (lambda: False)
    moves = (params.operation or ctx.settings.operation) == "move"
    survey = Survey(ctx, whole=is_whole(params), moves=moves)
    items: list[GateItem] = []
    plan = Plan(action, params, "scan", timestamp(ctx.env.now()), command_line(action, params, overrides))
    beside: RunRow | None = None
    checklist: list[GateItem] = []
    try:
        beside = current_run(ctx)  # asked before and after the scan: it may end or begin meanwhile
        with reading(ctx.workspace.ledger) as connection:
            gone = _gone(ctx, connection, items)
            _scan(ctx, params, rules, connection, gone, survey, progress, stop)
            if params.sample:
                survey.sample(params.sample)
            items += survey.gate(connection, overrides or {})
            checklist, _ = preflight_items(
                ctx, connection, rules, survey.space(), overrides or {}, glance=glance, cancelled=stop
            )
            plan.binding = binding(ctx, params, rules, connection)
            plan.seconds, plan.seconds_from = _estimate(connection, survey.candidates)
        running = current_run(ctx)
        items += _runs_gate(ctx, plan, running)
        beside = beside or running
    except LedgerError as error:
        plan.unread = error
        items.append(GateItem("ledger", Check.FAIL, True, error.what, error.next_step))
    plan.gate = apply_settings(items, ctx.settings.gate, overrides or {}, ctx.settings.checklists.names) + checklist
    if beside is not None:
        plan.beside = f"run {beside.id} is in progress: the counts of this plan may be out of date"
    _fill(ctx, plan, survey, datetime.fromisoformat(beside.started_at).timestamp() if beside else math.inf)
    if depth == "full" and not stop():
        judge_all(ctx, rules, plan, progress=progress, cancelled=stop)
    return plan


def _gone(ctx: Context, connection: sqlite3.Connection | None, items: list[GateItem]) -> frozenset[str]:
    try:
        adoption = adoption_item(ctx, connection)
        items.append(adoption)
        if adoption.refuses:  # what another program published is not judged entry by entry, but adopted
            return frozenset()
        difference = read_mirror(ctx, connection)
    except MirrorError as error:
        items.append(GateItem("mirror", Check.FAIL, True, f"{error.what}: {error.file}", error.next_step))
        return frozenset()
    items.append(GateItem("mirror", Check.PASS, True, "the state file loads"))
    return frozenset(difference.gone)


def _scan(
    ctx: Context,
    params: MigrateParams,
    rules: RuleSet,
    connection: sqlite3.Connection | None,
    gone: frozenset[str],
    survey: Survey,
    progress: Progress | None,
    stop: Callable[[], bool],
) -> None:
    scanner = Scanner(str(ctx.workspace.root), ctx.settings, rules, connection, ctx.env.now())
    selection = Selection(params.pattern, params.checksum, gone, again_of(params, connection))
    sources = chosen_sources(ctx, params, connection)
    for done, source in enumerate(sources):
        if stop():
            return
        survey.add(scanner.scan(source, selection))
        if progress:
            progress(done + 1, len(sources))


def _runs_gate(ctx: Context, plan: Plan, running: RunRow | None) -> list[GateItem]:
    """Another run in progress, maintenance, and what a dead run left behind."""
    plan.recovery = [
        f"run {row.id} died in phase {row.phase or 'start'}; it is settled first" for row in unrecovered(ctx)
    ]
    return [lock_item(ctx, running), maintenance_item(ctx, plan.action)]


def _estimate(connection: sqlite3.Connection | None, files: int) -> tuple[float | None, int]:
    """Seconds for `files`, from all that the last five runs that did something did: a large one weighs more."""
    if connection is None or not files:
        return None, 0
    rows = connection.execute(
        "SELECT (julianday(ended_at) - julianday(started_at)) * 86400.0, done_files FROM runs"
        " WHERE action = 'migrate' AND status IN ('done', 'partial') AND done_files > 0 ORDER BY seq DESC LIMIT 5"
    ).fetchall()
    seconds, done = sum(float(row[0]) for row in rows), sum(int(row[1]) for row in rows)
    return (seconds / done * files, len(rows)) if rows else (None, 0)


def _stood(dest: Path, before: float) -> bool:
    """Whether a version stands there since before this moment (epoch seconds).

    What the run in progress put there after we had read the ledger is no older version of anything.
    """
    try:
        return os.lstat(dest).st_ctime < before
    except (OSError, ValueError):
        return False


def _fill(ctx: Context, plan: Plan, survey: Survey, before: float) -> None:
    raw, validated = ctx.settings.zones.raw.rstrip("/"), ctx.settings.zones.validated.rstrip("/")
    for group in survey.groups:
        for candidate in group.candidates:
            dest = f"{validated}/{candidate.path}"
            known = candidate.status in ("check", "again")
            status = FileStatus.PROCESSED if known else FileStatus(candidate.status)
            plan.items.append(
                PlanItem(
                    f"{raw}/{candidate.path}",
                    dest,
                    status,
                    Identity(candidate.size, candidate.mtime_ns, candidate.inode),
                    _stood(ctx.workspace.path(dest), before),
                    f"{raw}/{group.sidecar.path}" if group.sidecar else "",
                )
            )
    counts = Counter({key: 0 for key in ("new", "changed", "missing", "unchanged", "known_failed", "stale")})
    counts.update(survey.counts)
    counts.update(
        ignored=len(survey.ignored),
        unreadable=len(survey.unreadable),
        sidecars=survey.sidecars,
        backups=sum(item.replaces for item in plan.items),
    )
    plan.counts = dict(counts)
    plan.ignored = [(f"{raw}/{path}", reason) for path, reason in survey.ignored]
    plan.unreadable = [(f"{raw}/{path}", reason) for path, reason in survey.unreadable]
    plan.vanished = [f"{raw}/{path}" for path in survey.vanished]
    plan.bytes = survey.bytes
    plan.backup_bytes = sum(item.identity.size for item in plan.items if item.replaces)
    plan.space = survey.space()
