"""The rules that look at what was verified, and at the schemas that files were judged by."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

from console.engine.actions.verify.model import IS_BAD
from console.engine.checks.alerts.model import Measured, Reading, age, for_people
from console.engine.checks.alerts.runs import collecting, wrong_clock
from console.engine.context import Context
from console.engine.model import Check
from console.engine.observe.alerts import Cause
from console.engine.observe.files_list import timestamp
from console.engine.observe.hand_alerts import damage_alert
from console.engine.text import plural

_NAMED = 20


def mismatch(ctx: Context, connection: sqlite3.Connection) -> Iterator[Reading]:
    """Files whose checksum is not the recorded one, found by verify or while migrating; critical from the first.

    Unknown until something was verified. Worse: one file more.
    """
    bad, since = connection.execute(f"SELECT count(*), min(since) FROM verified WHERE {IS_BAD}").fetchone()
    caught, caught_at = connection.execute(
        "SELECT count(*), min(failed_at) FROM failures WHERE kind = 'damaged' AND accepted_at IS NULL"
        f" AND path NOT IN (SELECT path FROM verified WHERE {IS_BAD})"
    ).fetchone()
    number = bad + caught
    measured = (Measured("damaged files", number, "", 0, 0),)
    if number:
        told = damage_alert(connection)
        text = (
            f"Checksum mismatch: {plural(caught, 'raw file')} changed without a trace"
            if told is None
            else f"Checksum mismatch: {told.text.removesuffix('; found')}"
        )
        yield Reading(
            "mismatch",
            "mismatch",
            Check.FAIL,
            text,
            told.next_step if told else "`opsconsole verify` reads everything and says what can be put back",
            number,
            since=min(filter(None, (since, caught_at)), default=""),
            details=told.details if told else (),
            cause=Cause.DAMAGE,
            measured=measured,
        )
        return
    if connection.execute("SELECT 1 FROM verified LIMIT 1").fetchone() is None:
        text = "nothing was verified yet: `opsconsole verify` reads everything"
        yield Reading("mismatch", "mismatch", Check.UNKNOWN, text, collecting=True, cause=Cause.DAMAGE)
        return
    text = "everything that was verified is as recorded"
    yield Reading("mismatch", "mismatch", Check.PASS, text, cause=Cause.DAMAGE, measured=measured)


def verify_overdue(ctx: Context, connection: sqlite3.Connection) -> Iterator[Reading]:
    """How long ago all backups were read and compared: a whole verify, or each part of one (`--subset N/M`).

    Backups that were never verified count from the oldest. Unknown where the backup zone cannot be looked at.
    Worse: another verify_days gone by, or critical.
    """
    name, limits = "verify-overdue", ctx.settings.alerts
    zone = ctx.settings.zones.backups
    try:
        names = set(os.listdir(os.path.realpath(ctx.workspace.path(zone))))
    except FileNotFoundError:
        names = set()
    except OSError as error:
        text = f"whether backups are verified is not known: {zone}: {error.strerror or error}"
        yield Reading(name, name, Check.UNKNOWN, text, "`opsconsole permissions check`", cause=Cause.VERIFY_OVERDUE)
        return
    ended = dict(connection.execute("SELECT id, ended_at FROM runs WHERE ended_at IS NOT NULL").fetchall())
    oldest = min((ended[run] for run in names if run in ended), default="")
    if not oldest:
        yield Reading(name, name, Check.PASS, "there is no backup to verify", cause=Cause.VERIFY_OVERDUE)
        return
    verified = _all_verified(connection)
    seconds = age(ctx, max(verified, oldest) if verified else oldest)
    if seconds is None and verified:  # backups of a time when the clock was wrong; read since
        seconds = age(ctx, verified)
    if seconds is None:
        yield wrong_clock(name)
        return
    days = seconds / 86400
    verdict = Check.PASS
    if days > limits.verify_days:
        verdict = Check.FAIL if days > limits.verify_critical_days else Check.WARN
    span = for_people(seconds)
    text = f"backups verified {span} ago" if verified else f"backups not verified yet, {span} old"
    if verdict != Check.PASS:
        text = f"backups not verified for {span}"
    due = ctx.env.now() - timedelta(seconds=seconds) + timedelta(days=limits.verify_days)
    yield Reading(
        name,
        name,
        verdict,
        text,
        "or `opsconsole verify`",
        days,
        limits.verify_days,
        timestamp(due),
        cause=Cause.VERIFY_OVERDUE,
        measured=(
            Measured(
                "since verify", round(seconds), "s", limits.verify_days * 86400, limits.verify_critical_days * 86400
            ),
        ),
    )


def _all_verified(connection: sqlite3.Connection) -> str:
    """Since when every backup of that time has been read: '' where that never happened."""
    parts: dict[int, dict[int, str]] = {}
    for row in connection.execute(
        "SELECT params, started_at FROM runs WHERE action = 'verify' AND status IN ('done', 'partial') ORDER BY seq"
    ):
        params = json.loads(row["params"])
        if params.get("source"):
            continue
        number, _, many = str(params.get("subset") or "1/1").partition("/")
        if number.isdigit() and many.isdigit():
            parts.setdefault(int(many), {})[int(number)] = str(row["started_at"])
    return max((min(read.values()) for many, read in parts.items() if len(read) == many), default="")


def schema(ctx: Context, connection: sqlite3.Connection) -> Iterator[Reading]:
    """Whether today's schemas load, and how many published files were judged by an older rule.

    Unknown until something was published by a rule. What was acknowledged is of one rule: another change is another
    alert. Worse: more files than when acknowledged.
    """
    from console.engine.errors import ConfigurationError
    from console.engine.records.rules import load_rules

    name = "schema"
    try:
        rules = load_rules(ctx.workspace.root, ctx.settings)
        problems = rules.problems
    except ConfigurationError as error:
        problems = (error,)
    if problems:
        first = problems[0]
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        text = f"{first.file or 'a rule'}: {first.what}{more}; no file can be judged by it"
        details = tuple(line for problem in problems[:_NAMED] for line in problem.lines())
        yield Reading(
            name,
            name,
            Check.FAIL,
            text,
            first.next_step or "`opsconsole schema list`",
            len(problems),
            details=details,
            cause=Cause.SCHEMA,
        )
        return
    prints = [rule.fingerprint for rule in rules.rules]
    marks = ", ".join("?" * len(prints)) or "''"
    stale, judged, changed = connection.execute(
        f"SELECT total(r.fingerprint NOT IN ({marks})), count(*), max(r.name) FROM files f"
        " JOIN rules r ON r.id = f.rule WHERE f.status = 'processed'",
        prints,
    ).fetchone()
    measured = (Measured("stale files", int(stale), "", 0),)
    if not judged:
        young = collecting(ctx, connection)
        text = "nothing was published by a rule yet" + (f"; {young}" if young else "")
        yield Reading(name, name, Check.UNKNOWN, text, collecting=True, cause=Cause.SCHEMA)
        return
    if not stale:
        text = f"{plural(judged, 'published file')}, judged by today's rules"
        yield Reading(name, name, Check.PASS, text, cause=Cause.SCHEMA, measured=measured)
        return
    one = hashlib.sha256("".join(prints).encode()).hexdigest()[:8]
    yield Reading(
        name,
        f"schema:{one}",
        Check.WARN,
        f"the rule changed ({changed}): {int(stale):,} of {plural(judged, 'published file')} judged by an older one",
        "or `opsconsole schema diff`, `opsconsole reprocess --stale-schema`",
        stale,
        cause=Cause.SCHEMA,
        measured=measured,
    )
